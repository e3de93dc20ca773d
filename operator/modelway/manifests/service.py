"""The Services: the front one, which users call, and one a revision."""

from __future__ import annotations

from typing import Any

from modelway.world import Manifest, Resource, Revision

from . import metadata, names


def front_service(resource: Resource, revision_hash: str) -> Manifest:
    """The Service that users call; its selector names the revision that serves."""
    return _service(
        metadata.owned(resource, names.front_service(resource.name), metadata.labels(resource.name)),
        metadata.selector(resource.name, revision_hash),
    )


def revision_service(resource: Resource, revision: Revision) -> Manifest:
    """The Service of one revision's pods, for looking at it alone."""
    return _service(metadata.of_revision(resource, revision), metadata.selector(resource.name, revision.hash))


def _service(meta: dict[str, Any], selector: dict[str, str]) -> Manifest:
    port = {
        "name": names.HTTP_PORT_NAME,
        "port": names.SERVICE_PORT,
        "targetPort": names.HTTP_PORT_NAME,
        "protocol": "TCP",
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": selector, "ports": [port]}}
