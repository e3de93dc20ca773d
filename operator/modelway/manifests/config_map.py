"""The ConfigMap that tells the pods of every revision what they must know: the traffic document of ARCHITECTURE.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelway.world import Manifest, Resource

from . import metadata, names, runtime


def traffic_config_map(resource: Resource, document: Mapping[str, Any]) -> Manifest:
    """The ConfigMap that holds the traffic document."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata.owned(resource, names.traffic_config_map(resource.name), metadata.labels(resource.name)),
        "data": {runtime.TRAFFIC_KEY: json.dumps(document, sort_keys=True)},
    }
