"""The HTTPRoute: REST requests that come through a Gateway."""

from __future__ import annotations

from typing import Any, Final

from modelway.api.traffic import Gateway
from modelway.world import Kind, Manifest, Resource

from . import names
from .route import Backends, alone, pinned_headers, route, shared

_EVERY_PATH: Final = {"path": {"type": "PathPrefix", "value": "/"}}


def http_route(resource: Resource, gateway: Gateway, backends: Backends) -> Manifest:
    """Pinned headers first; a gateway takes the most specific match anyway."""
    rules: list[dict[str, Any]] = []
    if backends.candidate and backends.pinned:
        matches = [{**_EVERY_PATH, "headers": pinned_headers(match)} for match in backends.pinned]
        rules.append({"matches": matches, "backendRefs": alone(backends, names.SERVICE_PORT)})
    rules.append({"matches": [dict(_EVERY_PATH)], "backendRefs": shared(backends, names.SERVICE_PORT)})
    return route(resource, Kind.HTTP_ROUTE, gateway, gateway.hostnames, rules)
