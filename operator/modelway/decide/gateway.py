"""``spec.traffic.gateway``: the routes that shall exist, and whether the gateways go by them.

A share is confirmed when every parent has accepted the route's latest generation and found its backends
(RouteParentStatus of the Gateway API). While routes split the requests, pods do not: see ``traffic``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from modelway.api.serving import Serving
from modelway.api.traffic import ParentRef
from modelway.manifests import names
from modelway.manifests.route import Backends, parent
from modelway.world import Kind, Manifest

from .conditions import Condition
from .covering import covers
from .handover import (
    BUILD,
    ROUTES,
    goes_otherwise,
    handing_over,
    has_spread,
    is_gone_by,
    live_route,
    recent,
    stays,
    weights_of,
    withdrawn,
)
from .parents import answered, answers, follows
from .situation import Situation
from .traffic import Routing, unconfirmed

CONDITION: Final = "RouteAccepted"

HOPELESS: Final = frozenset({"GatewayApiMissing", "GatewayApiForbidden"})  # reasons that only a person can remove
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

_LEAVING: Final = (
    "spec.traffic.gateway is not asked for any more: route {} leads to the stable revision alone, and goes when every"
    " gateway that accepted it has accepted that. If one of their controllers runs no more, and nobody uses the"
    " route, delete it."
)


def routes(
    situation: Situation, serving: Serving, shared: Routing | None, document: Mapping[str, Any]
) -> Iterator[tuple[Kind, Manifest]]:
    """The routes that shall exist and can: ``serving`` is how the revision is served that the front Service names,
    ``document`` the traffic document after this decision."""
    for kind in ROUTES:
        if kind in situation.world.unavailable:
            continue
        if (asked := situation.spec.traffic.gateway) and kind in _kinds(serving):
            yield kind, BUILD[kind](situation.resource, asked, _backends(situation, kind, shared, document))
        elif (former := withdrawn(situation, kind)) and stays(situation, kind, former):
            yield kind, former


def _backends(situation: Situation, kind: Kind, shared: Routing | None, document: Mapping[str, Any]) -> Backends:
    """A gateway does not turn to stable when the candidate can't answer: it gets nothing while no pod is ready. Nor is
    it sent more while a stable pod may still forward by a former document, or it would get both shares; nor is a
    gateway told of it that has said nothing of the route yet, for nobody would know when that one has forgotten it."""
    front = names.front_service(situation.resource.name)
    reachable = shared is not None and (shared.candidate.serving.grpc or kind is not Kind.GRPC_ROUTE)
    live = live_route(situation, kind)
    known = live is not None and answered(live, situation.resource.namespace, _refs(situation))
    if shared is None or not reachable or not known or not situation.ready(shared.candidate):
        return Backends(front)
    candidate, weight = names.revision(situation.resource.name, shared.candidate.hash), shared.weight
    if unconfirmed(situation, document):
        before = weights_of(live)
        if candidate not in before:
            return Backends(front)
        weight = min(weight, before[candidate])
    return Backends(front, candidate, weight, situation.spec.traffic.headers)


def confirmed(situation: Situation, serving: Serving, shared: Routing | None) -> bool:
    """Whether every gateway goes by the routes that shall exist; without spec.traffic.gateway none is asked."""
    if situation.spec.traffic.gateway is None:
        return True
    if any(kind in situation.world.unavailable for kind in _kinds(serving)):
        return False
    wanted = routes(situation, serving, shared, situation.document)
    return all(_followed(situation, kind, manifest) for kind, manifest in wanted)


def _followed(situation: Situation, kind: Kind, manifest: Manifest) -> bool:
    live = live_route(situation, kind)
    if live is None or live.deleting or not covers(live.body.get("spec"), manifest["spec"]):
        return False
    return all(follows(live, situation.resource.namespace, ref) for ref in _refs(situation))


def sends(situation: Situation, serving: Serving, shared: Routing | None, document: Mapping[str, Any]) -> bool:
    """Whether a gateway may still send requests to a revision that the routes which shall exist no longer name."""
    wanted = [each for each in routes(situation, serving, shared, document) if live_route(situation, each[0])]
    if wanted and recent(situation, document.get("at")):
        return True  # also one that has just left the parents, of which nobody hears
    gone_by = [(kind, manifest) for kind, manifest in wanted if is_gone_by(situation, kind)]
    if any(goes_otherwise(situation, kind, manifest) for kind, manifest in gone_by):
        return True
    return bool(gone_by) and not has_spread(situation, document)


def condition(situation: Situation, serving: Serving) -> Condition | None:
    """What is told of the routes; None without spec.traffic.gateway. What a gateway said of a former generation is
    believed until it says something else, or each new weight would be news."""
    if handing_over(situation):
        return Condition(CONDITION, "Unknown", "RouteLeaving", _LEAVING.format(names.route(situation.resource.name)))
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
    live = live_route(situation, kind)
    home = situation.resource.namespace
    said = {str(each.get("type")): each for each in answers(live.status, home, parent(ref))} if live else {}
    whose = f"{ref.kind} {ref.namespace or home}/{ref.name}"
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


def _parents(situation: Situation) -> tuple[ParentRef, ...]:
    gateway = situation.spec.traffic.gateway
    return gateway.parent_refs if gateway else ()


def _refs(situation: Situation) -> list[dict[str, Any]]:
    return [parent(ref) for ref in _parents(situation)]
