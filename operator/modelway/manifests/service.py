"""The Services: the front one, which users call, one a revision, and a preview of a BlueGreen candidate."""

from __future__ import annotations

from typing import Any

from modelway.world import Manifest, Resource, Revision

from . import metadata, names


def front_service(resource: Resource, revision_hash: str, grpc: bool) -> Manifest:
    """The Service that users call; its selector names the revision that serves."""
    return _service(
        metadata.owned(resource, names.front_service(resource.name), metadata.labels(resource.name)),
        metadata.selector(resource.name, revision_hash),
        grpc,
    )


def preview_service(resource: Resource, revision: Revision) -> Manifest:
    """The Service by which a BlueGreen candidate is called before its turn. It stays after a promotion, and then
    leads to what serves."""
    return _service(
        metadata.owned(resource, names.preview_service(resource.name), metadata.labels(resource.name)),
        metadata.selector(resource.name, revision.hash),
        revision.serving.grpc,
    )


def revision_service(resource: Resource, revision: Revision) -> Manifest:
    """The Service of one revision's pods: looked at alone, and called by stable pods for the candidate's share."""
    return _service(
        metadata.of_revision(resource, revision),
        metadata.selector(resource.name, revision.hash),
        revision.serving.grpc,
    )


def _service(meta: dict[str, Any], selector: dict[str, str], grpc: bool) -> Manifest:
    ports: list[dict[str, Any]] = [_port(names.HTTP_PORT_NAME, names.SERVICE_PORT)]
    if grpc:
        ports.append(_port(names.GRPC_PORT_NAME, names.GRPC_PORT))
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": selector, "ports": ports}}


def _port(name: str, port: int) -> dict[str, Any]:
    return {"name": name, "port": port, "targetPort": name, "protocol": "TCP"}
