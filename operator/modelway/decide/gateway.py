"""``spec.traffic.gateway``: the routes that shall exist, and whether the gateways go by them.

A share is confirmed when every parent has accepted the route's latest generation and found its backends
(RouteParentStatus of the Gateway API). While routes split the requests, pods do not: see ``traffic``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from modelway.api.serving import Serving
from modelway.api.traffic import GATEWAY_GROUP, ParentRef
from modelway.manifests import names
from modelway.manifests.grpc_route import grpc_route
from modelway.manifests.http_route import http_route
from modelway.manifests.route import Backends, parent
from modelway.manifests.timestamps import parsed
from modelway.world import Child, Kind, Manifest

from .conditions import Condition
from .covering import covers
from .situation import Situation
from .traffic import Routing

ROUTES: Final = (Kind.HTTP_ROUTE, Kind.GRPC_ROUTE)
CONDITION: Final = "RouteAccepted"

# A gateway accepts a route a moment before its proxies know it; they take well below a second.
SPREAD: Final = timedelta(seconds=5)

HOPELESS: Final = frozenset({"GatewayApiMissing", "GatewayApiForbidden"})  # reasons that only a person can remove
ASKED: Final = ("Accepted", "ResolvedRefs")
_UNAVAILABLE: Final[Mapping[str, tuple[str, str]]] = {
    "NotServed": (
        "GatewayApiMissing",
        "The cluster does not serve {kind} gateway.networking.k8s.io/v1, so nobody reaches the model through"
        " spec.traffic.gateway. Install the Gateway API (1.1 or later), or remove spec.traffic.gateway.",
    ),
    "Forbidden": (
        "GatewayApiForbidden",
        "Modelway may not list {kind} gateway.networking.k8s.io/v1, which spec.traffic.gateway needs. Let an"
        " administrator upgrade Modelway's chart, which brings the right.",
    ),
}


def routes(situation: Situation, serving: Serving, shared: Routing | None) -> Iterator[tuple[Kind, Manifest]]:
    """The routes that shall exist and can: ``serving`` is how the revision is served that the front Service names."""
    gateway = situation.spec.traffic.gateway
    if gateway is None:
        return
    resource, unavailable = situation.resource, situation.world.unavailable
    if Kind.HTTP_ROUTE not in unavailable:
        yield Kind.HTTP_ROUTE, http_route(resource, gateway, _backends(situation, shared, grpc=False))
    if serving.grpc and Kind.GRPC_ROUTE not in unavailable:
        yield Kind.GRPC_ROUTE, grpc_route(resource, gateway, _backends(situation, shared, grpc=True))


def _backends(situation: Situation, shared: Routing | None, *, grpc: bool) -> Backends:
    """A gateway does not turn to stable when the candidate can't answer: it gets nothing while no pod is ready."""
    front = names.front_service(situation.resource.name)
    reachable = shared is not None and (shared.candidate.serving.grpc or not grpc)
    if shared is None or not reachable or not situation.ready(shared.candidate):
        return Backends(front)
    candidate = names.revision(situation.resource.name, shared.candidate.hash)
    return Backends(front, candidate, shared.weight, situation.spec.traffic.headers)


def confirmed(situation: Situation, serving: Serving, shared: Routing | None) -> bool:
    """Whether every gateway goes by the routes that shall exist; without spec.traffic.gateway none is asked."""
    if situation.spec.traffic.gateway is None:
        return True
    if any(kind in situation.world.unavailable for kind in _kinds(serving)):
        return False
    return all(_followed(situation, kind, manifest) for kind, manifest in routes(situation, serving, shared))


def _followed(situation: Situation, kind: Kind, manifest: Manifest) -> bool:
    live = _live(situation, kind)
    if live is None or live.deleting or not covers(live.body.get("spec"), manifest["spec"]):
        return False
    return all(
        any(
            said.get("type") == asked
            and said.get("status") == "True"
            and int(said.get("observedGeneration") or 0) >= live.generation
            for said in _said(situation, live, ref)
        )
        for ref in _parents(situation)
        for asked in ASKED
    )


def sends(situation: Situation, serving: Serving, shared: Routing | None, at: Any) -> bool:
    """Whether a gateway may still send requests to a revision that the routes which shall exist no longer name: one
    that accepted a route once goes by it until it accepts another. ``at``: when the shares changed last."""
    if situation.spec.traffic.gateway is None or not any(_accepted_once(_live(situation, kind)) for kind in ROUTES):
        return False
    changed = spread_at(at)
    young = changed is not None and situation.now < changed
    wanted = dict(routes(situation, serving, shared))
    return young or not all(
        _followed(situation, kind, wanted[kind]) for kind in wanted if _accepted_once(_live(situation, kind))
    )


def spread_at(at: Any) -> datetime | None:
    """When the proxies know of shares that changed at this moment."""
    changed = parsed(at)
    return changed + SPREAD if changed else None


def condition(situation: Situation, serving: Serving) -> Condition | None:
    """What is told of the routes; None without spec.traffic.gateway. What a gateway said of a former generation is
    believed until it says something else, or each new weight would be news."""
    if situation.spec.traffic.gateway is None:
        return None
    for kind in _kinds(serving):
        if why := situation.world.unavailable.get(kind):
            reason, text = _UNAVAILABLE[why]
            return Condition(CONDITION, "False", reason, text.format(kind=kind))
    said = [each for kind in _kinds(serving) for ref in _parents(situation) if (each := _told(situation, kind, ref))]
    if said:
        return min(said, key=lambda each: each.status)  # False before Unknown
    return Condition(CONDITION, "True", "Accepted", "Every parent in spec.traffic.gateway has accepted its routes.")


def _told(situation: Situation, kind: Kind, ref: ParentRef) -> Condition | None:
    """What is wrong between a route and a parent."""
    live = _live(situation, kind)
    said = {str(each.get("type")): each for each in _said(situation, live, ref)} if live else {}
    whose = f"{ref.kind} {ref.namespace or situation.resource.namespace}/{ref.name}"
    for asked, reason, what in (
        ("Accepted", "RouteNotAccepted", "does not accept"),
        ("ResolvedRefs", "BackendsNotFound", "can't resolve what is in"),
    ):
        if asked not in said:
            text = (
                f"No gateway controller has answered for {whose} yet. If that stays so, check that it exists, that"
                f" its controller runs and knows {kind}s, and spec.traffic.gateway.parentRefs."
            )
            return Condition(CONDITION, "Unknown", "RoutePending", text)
        if said[asked].get("status") != "True":
            why = f"{said[asked].get('reason')}: {str(said[asked].get('message', '')).rstrip('.')}"
            text = f"{whose} {what} {kind} {names.route(situation.resource.name)} ({why}). Check spec.traffic.gateway."
            return Condition(CONDITION, "False", reason, text)
    return None


def _kinds(serving: Serving) -> tuple[Kind, ...]:
    return ROUTES if serving.grpc else ROUTES[:1]


def _live(situation: Situation, kind: Kind) -> Child | None:
    return situation.live.get((kind, names.route(situation.resource.name)))


def _parents(situation: Situation) -> tuple[ParentRef, ...]:
    gateway = situation.spec.traffic.gateway
    return gateway.parent_refs if gateway else ()


def _said(situation: Situation, live: Child, ref: ParentRef) -> list[Mapping[str, Any]]:
    """The conditions that controllers have written for this parent."""
    return answers(live.status, situation.resource.namespace, parent(ref))


def answers(status: Mapping[str, Any], home: str, ref: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The conditions in a route's status about one parent; ``home`` is the route's namespace."""
    return [
        said
        for each in status.get("parents") or ()
        if _identity(each.get("parentRef") or {}, home) == _identity(ref, home)
        for said in each.get("conditions") or ()
    ]


def _identity(ref: Mapping[str, Any], home: str) -> tuple[Any, ...]:
    """A parent reference with the API's defaults, which a controller may or may not repeat."""
    defaults = {"group": GATEWAY_GROUP, "kind": "Gateway", "namespace": home}
    return tuple({**defaults, **ref}.get(key) for key in ("group", "kind", "namespace", "name", "sectionName", "port"))


def _accepted_once(live: Child | None) -> bool:
    return live is not None and any(
        said.get("type") == "Accepted" and said.get("status") == "True"
        for each in live.status.get("parents") or ()
        for said in each.get("conditions") or ()
    )
