"""What gateways have said of a route, parent by parent: RouteParentStatus of the Gateway API
(https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/).

A parent that left a route tells nothing: some controllers never take back what they said of it (Envoy Gateway 1.9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from modelway.api.traffic import GATEWAY_GROUP
from modelway.world import Child

ASKED: Final = ("Accepted", "ResolvedRefs")

Ref = Mapping[str, Any]  # a parent reference as the API has it


def answers(status: Mapping[str, Any], home: str, ref: Ref) -> list[Mapping[str, Any]]:
    """The conditions in a route's status about one parent; ``home`` is the route's namespace."""
    return [
        said
        for each in status.get("parents") or ()
        if _identity(each.get("parentRef") or {}, home) == _identity(ref, home)
        for said in each.get("conditions") or ()
    ]


def follows(live: Child, home: str, ref: Ref) -> bool:
    """Whether a gateway goes by the route as it is: it has accepted its latest generation and found its backends."""
    said = answers(live.status, home, ref)
    return all(any(_is(asked, each) and _generation(each) >= live.generation for each in said) for asked in ASKED)


def behind(live: Child, home: str, ref: Ref) -> bool:
    """Whether a gateway may go by a former generation: what it accepted once it goes by until it accepts another. So
    does one that is a parent by another of its listeners now."""
    accepted = [_generation(each) for each in _said_by(live, home, ref) if _is("Accepted", each)]
    return bool(accepted) and max(accepted) < live.generation


def answered(live: Child, home: str, refs: Sequence[Ref]) -> bool:
    """Whether every one of these gateways has said something of the route, about whatever generation."""
    return all(any(each.get("type") == "Accepted" for each in answers(live.status, home, ref)) for ref in refs)


def accepted_once(live: Child, home: str, refs: Sequence[Ref]) -> bool:
    """Whether any of these gateways goes by the route, as it is or as it was."""
    return any(_is("Accepted", each) for ref in refs for each in _said_by(live, home, ref))


def just_left(live: Child, home: str, refs: Sequence[Ref]) -> bool:
    """Whether a gateway that accepted the route is no parent of it any more, and none of ``refs``, its parents now, has
    said anything since: somebody changed them a moment ago."""
    parents = {_gateway(ref, home) for ref in refs}
    told = [
        (_gateway(each.get("parentRef") or {}, home) in parents, said)
        for each in live.status.get("parents") or ()
        for said in each.get("conditions") or ()
    ]
    return not any(now for now, _ in told) and any(_is("Accepted", said) for _, said in told)


def _is(asked: str, said: Mapping[str, Any]) -> bool:
    return said.get("type") == asked and said.get("status") == "True"


def _generation(said: Mapping[str, Any]) -> int:
    return int(said.get("observedGeneration") or 0)


def _said_by(live: Child, home: str, ref: Ref) -> list[Mapping[str, Any]]:
    """What the gateway of a parent reference has said, through whichever of its listeners."""
    return [
        said
        for each in live.status.get("parents") or ()
        if _gateway(each.get("parentRef") or {}, home) == _gateway(ref, home)
        for said in each.get("conditions") or ()
    ]


def _gateway(ref: Ref, home: str) -> tuple[Any, ...]:
    """Which gateway a parent reference means."""
    return _identity(ref, home)[:4]


def _identity(ref: Ref, home: str) -> tuple[Any, ...]:
    """A parent reference with the API's defaults, which a controller may or may not repeat."""
    defaults = {"group": GATEWAY_GROUP, "kind": "Gateway", "namespace": home}
    return tuple({**defaults, **ref}.get(key) for key in ("group", "kind", "namespace", "name", "sectionName", "port"))
