"""The GRPCRoute: gRPC calls that come through a Gateway."""

from __future__ import annotations

from typing import Any, Final

from modelway.api.traffic import Gateway
from modelway.world import Kind, Manifest, Resource

from . import names
from .route import Backends, alone, pinned_headers, route, shared

# Named one by one: a route for every call would be as specific as the HTTPRoute for every path, and gateways that serve
# both under one host name could not tell whose a call is.
SERVICES: Final = ("inference.GRPCInferenceService", "grpc.health.v1.Health")


def grpc_route(resource: Resource, gateway: Gateway, backends: Backends) -> Manifest:
    """Only where the revision that serves has a gRPC port; ``backends`` has a candidate only if that has one, too."""
    rules: list[dict[str, Any]] = []
    methods = [{"method": {"type": "Exact", "service": service}} for service in SERVICES]
    if backends.candidate and backends.pinned:
        matches = [{**method, "headers": pinned_headers(match)} for match in backends.pinned for method in methods]
        rules.append({"matches": matches, "backendRefs": alone(backends, names.GRPC_PORT)})
    rules.append({"matches": methods, "backendRefs": shared(backends, names.GRPC_PORT)})
    return route(resource, Kind.GRPC_ROUTE, gateway, gateway.grpc_hostnames or gateway.hostnames, rules)
