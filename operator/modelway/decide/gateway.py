"""``spec.traffic.gateway``: the routes that shall exist, and whether the gateways go by them.

A share is confirmed when every parent has accepted the route's latest generation and found its backends
(RouteParentStatus of the Gateway API). While routes split the requests, pods do not: see ``traffic``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from modelway.api.serving import Serving
from modelway.api.traffic import Gateway, ParentRef
from modelway.manifests import names
from modelway.manifests.grpc_route import grpc_route
from modelway.manifests.http_route import http_route
from modelway.manifests.route import Backends, parent
from modelway.manifests.timestamps import parsed
from modelway.world import Child, Kind, Manifest, Resource

from .conditions import Condition
from .covering import covers
from .parents import accepted_once, answered, answers, behind, follows
from .situation import Situation
from .traffic import Routing, unconfirmed

ROUTES: Final = (Kind.HTTP_ROUTE, Kind.GRPC_ROUTE)
CONDITION: Final = "RouteAccepted"

# A gateway accepts a route a moment before its proxies know it; they take well below a second.
SPREAD: Final = timedelta(seconds=5)

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
            yield kind, _BUILD[kind](situation.resource, asked, _backends(situation, kind, shared, document))
        elif (former := _withdrawn(situation, kind)) and _stays(situation, kind, former):
            yield kind, former


def _backends(situation: Situation, kind: Kind, shared: Routing | None, document: Mapping[str, Any]) -> Backends:
    """A gateway does not turn to stable when the candidate can't answer: it gets nothing while no pod is ready. Nor is
    it sent more while a stable pod may still forward by a former document, or it would get both shares; nor is a
    gateway told of it that has said nothing of the route yet, for nobody would know when that one has forgotten it."""
    front = names.front_service(situation.resource.name)
    reachable = shared is not None and (shared.candidate.serving.grpc or kind is not Kind.GRPC_ROUTE)
    live = _live(situation, kind)
    known = live is not None and answered(live, situation.resource.namespace, _refs(situation))
    if shared is None or not reachable or not known or not situation.ready(shared.candidate):
        return Backends(front)
    candidate, weight = names.revision(situation.resource.name, shared.candidate.hash), shared.weight
    if unconfirmed(situation, document):
        before = _weights(live)
        if candidate not in before:
            return Backends(front)
        weight = min(weight, before[candidate])
    return Backends(front, candidate, weight, situation.spec.traffic.headers)


def _weights(live: Child | None) -> dict[str, int]:
    """The Services that a live route names, each with its percentage where there is no pinned header."""
    rules = (live.body.get("spec") or {}).get("rules") if live else None
    refs = [ref for rule in rules or () for ref in rule.get("backendRefs") or ()]
    shared = [ref for rule in (rules or ())[-1:] for ref in rule.get("backendRefs") or ()]  # the pinned ones come first
    weights = {str(ref.get("name")): int(ref.get("weight") or 0) for ref in shared}
    return {str(ref.get("name")): 0 for ref in refs} | weights


def confirmed(situation: Situation, serving: Serving, shared: Routing | None) -> bool:
    """Whether every gateway goes by the routes that shall exist; without spec.traffic.gateway none is asked."""
    if situation.spec.traffic.gateway is None:
        return True
    if any(kind in situation.world.unavailable for kind in _kinds(serving)):
        return False
    wanted = routes(situation, serving, shared, situation.document)
    return all(_followed(situation, kind, manifest) for kind, manifest in wanted)


def _followed(situation: Situation, kind: Kind, manifest: Manifest) -> bool:
    live = _live(situation, kind)
    if live is None or live.deleting or not covers(live.body.get("spec"), manifest["spec"]):
        return False
    return all(follows(live, situation.resource.namespace, ref) for ref in _refs(situation))


def sends(situation: Situation, serving: Serving, shared: Routing | None, document: Mapping[str, Any]) -> bool:
    """Whether a gateway may still send requests to a revision that the routes which shall exist no longer name."""
    wanted = [each for each in routes(situation, serving, shared, document) if _live(situation, each[0])]
    if wanted and _young(situation, document):
        return True  # also one that has just left the parents, of which nobody hears
    return any(_is_gone_by(situation, kind) and _goes_otherwise(situation, kind, route) for kind, route in wanted)


def _young(situation: Situation, document: Mapping[str, Any]) -> bool:
    """Whether shares changed so lately that proxies may not know, whatever their controllers say."""
    changed = spread_at(document.get("at"))
    return changed is not None and situation.now < changed


def _is_gone_by(situation: Situation, kind: Kind) -> bool:
    live = _live(situation, kind)
    return live is not None and accepted_once(live, situation.resource.namespace, live_refs(live))


def _goes_otherwise(situation: Situation, kind: Kind, manifest: Manifest) -> bool:
    """Whether a gateway may go by another route than that one: the live one, or what the live one was."""
    live, home = _live(situation, kind), situation.resource.namespace
    if live is None or live.deleting:
        return False
    asked = covers(live.body.get("spec"), manifest["spec"])
    return not asked or any(behind(live, home, ref) for ref in live_refs(live))


def handing_over(situation: Situation) -> bool:
    """Whether gateways that are not asked for any more may still send requests to a candidate: until they are known
    not to, the pods forward nothing."""
    if situation.spec.traffic.gateway:
        return False
    former = ((kind, _withdrawn(situation, kind)) for kind in ROUTES if kind not in situation.world.unavailable)
    return any(manifest is not None and _stays(situation, kind, manifest) for kind, manifest in former)


def _withdrawn(situation: Situation, kind: Kind) -> Manifest | None:
    """A route that is not asked for any more as it is written before it goes: its gateways are told of stable alone."""
    live = _live(situation, kind)
    if live is None or live.deleting:
        return None
    spec = live.body.get("spec") or {}
    try:
        former = Gateway.model_validate({key: spec[key] for key in ("parentRefs", "hostnames") if key in spec})
    except ValueError:  # somebody scribbled over it
        return None
    return _BUILD[kind](situation.resource, former, Backends(names.front_service(situation.resource.name)))


def _stays(situation: Situation, kind: Kind, former: Manifest) -> bool:
    """A route that is not asked for any more stays, leading to stable alone, until its gateways say that they go by it:
    of one that is deleted nobody says when its gateways have forgotten it. Unless there is nobody else to send to."""
    if not _is_gone_by(situation, kind) or not _others(situation):
        return False
    return _goes_otherwise(situation, kind, former) or _young(situation, situation.document)


def _others(situation: Situation) -> bool:
    """Whether there is a Service of another revision than the one that users reach."""
    revisions = {child.labels.get(names.REVISION) for child in situation.live.values() if child.kind is Kind.SERVICE}
    return bool(revisions - {None, situation.front})


def spread_at(at: Any) -> datetime | None:
    """When the proxies know of shares that changed at this moment."""
    changed = parsed(at)
    return changed + SPREAD if changed else None


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
    live = _live(situation, kind)
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


def _live(situation: Situation, kind: Kind) -> Child | None:
    return situation.live.get((kind, names.route(situation.resource.name)))


def _parents(situation: Situation) -> tuple[ParentRef, ...]:
    gateway = situation.spec.traffic.gateway
    return gateway.parent_refs if gateway else ()


def _refs(situation: Situation) -> list[dict[str, Any]]:
    return [parent(ref) for ref in _parents(situation)]


def live_refs(live: Child) -> list[dict[str, Any]]:
    """The parents that a route names."""
    return list((live.body.get("spec") or {}).get("parentRefs") or ())


_BUILD: Final[Mapping[Kind, Callable[[Resource, Gateway, Backends], Manifest]]] = {
    Kind.HTTP_ROUTE: http_route,
    Kind.GRPC_ROUTE: grpc_route,
}
