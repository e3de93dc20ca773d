"""What both kinds of route of the Gateway API have in common: parents, host names, and who answers which requests.

All that the API server would fill in is sent, so that a route is ours as a whole and compares with what was sent.
Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelway.api.traffic import GATEWAY_GROUP, Gateway, HeaderMatch, ParentRef
from modelway.world import Kind, Manifest, Resource

from . import metadata, names

API_VERSION: Final = f"{GATEWAY_GROUP}/v1"
FULL: Final = 100


@dataclass(frozen=True, slots=True)
class Backends:
    """Who answers: the pods behind the front Service and, for ``weight`` percent of the requests and for all that have
    a ``pinned`` header, those behind the candidate's Service; an empty name says that there is none."""

    front: str
    candidate: str = ""
    weight: int = 0
    pinned: tuple[HeaderMatch, ...] = ()


def route(resource: Resource, kind: Kind, gateway: Gateway, hosts: Sequence[str], rules: list[Any]) -> Manifest:
    """The manifest of a route."""
    return {
        "apiVersion": API_VERSION,
        "kind": str(kind),
        "metadata": metadata.owned(resource, names.route(resource.name), metadata.labels(resource.name)),
        "spec": {
            "parentRefs": [parent(ref) for ref in gateway.parent_refs],
            "hostnames": list(hosts),  # also none: what somebody adds would take the route from everybody else
            "rules": rules,
        },
    }


def parent(ref: ParentRef) -> dict[str, Any]:
    """A parent reference as the API has it."""
    return ref.model_dump(mode="json", by_alias=True, exclude_none=True)


def pinned_headers(match: HeaderMatch) -> list[dict[str, Any]]:
    """The condition that a request has the header."""
    return [{"type": "Exact", "name": match.name, "value": match.value}]


def shared(backends: Backends, port: int) -> list[dict[str, Any]]:
    """The backends of requests without a pinned header: both revisions by weight, or the front Service alone."""
    if not backends.candidate or not backends.weight:
        return [_backend(backends.front, port, FULL)]
    return [
        _backend(backends.front, port, FULL - backends.weight),
        _backend(backends.candidate, port, backends.weight),
    ]


def alone(backends: Backends, port: int) -> list[dict[str, Any]]:
    """The candidate as the only backend."""
    return [_backend(backends.candidate, port, FULL)]


def _backend(service: str, port: int, weight: int) -> dict[str, Any]:
    return {"group": "", "kind": "Service", "name": service, "port": port, "weight": weight}
