"""What gateways may still do by a former route.

Until they are known not to, a candidate that goes keeps its pods and, if ``spec.traffic.gateway`` was removed, the pods
forward nothing: or two would split the same requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from modelway.api.traffic import Gateway
from modelway.manifests import names
from modelway.manifests.grpc_route import grpc_route
from modelway.manifests.http_route import http_route
from modelway.manifests.route import Backends
from modelway.manifests.timestamps import parsed
from modelway.world import Child, Kind, Manifest, Resource

from .covering import covers
from .parents import accepted_once, behind, just_left
from .situation import Situation
from .traffic import served_before

ROUTES: Final = (Kind.HTTP_ROUTE, Kind.GRPC_ROUTE)

# A gateway accepts a route a moment before its proxies know it; they take well below a second.
SPREAD: Final = timedelta(seconds=5)

BUILD: Final[Mapping[Kind, Callable[[Resource, Gateway, Backends], Manifest]]] = {
    Kind.HTTP_ROUTE: http_route,
    Kind.GRPC_ROUTE: grpc_route,
}


def live_route(situation: Situation, kind: Kind) -> Child | None:
    """The route of that kind as it is."""
    return situation.live.get((kind, names.route(situation.resource.name)))


def live_refs(live: Child) -> list[dict[str, Any]]:
    """The parents that a route names."""
    return list((live.body.get("spec") or {}).get("parentRefs") or ())


def weights_of(live: Child | None) -> dict[str, int]:
    """The Services that a live route names, each with its percentage where there is no pinned header."""
    rules = (live.body.get("spec") or {}).get("rules") if live else None
    refs = [ref for rule in rules or () for ref in rule.get("backendRefs") or ()]
    shared = [ref for rule in (rules or ())[-1:] for ref in rule.get("backendRefs") or ()]  # the pinned ones come first
    weights = {str(ref.get("name")): int(ref.get("weight") or 0) for ref in shared}
    return {str(ref.get("name")): 0 for ref in refs} | weights


def out_of_routes(situation: Situation, revisions: frozenset[str]) -> bool:
    """Whether no route names these revisions, and every gateway that goes by one has accepted it as it is."""
    home, gone = situation.resource.namespace, {names.revision(situation.resource.name, each) for each in revisions}
    gone_by = [live for kind in ROUTES if is_gone_by(situation, kind) and (live := live_route(situation, kind))]
    if not gone_by or any(gone & weights_of(live).keys() for live in gone_by):
        return False
    return not any(behind(live, home, ref) for live in gone_by for ref in live_refs(live))


def spread_at(at: Any) -> datetime | None:
    """When the proxies know of what changed at this moment."""
    changed = parsed(at)
    return changed + SPREAD if changed else None


def recent(situation: Situation, at: Any) -> bool:
    """Whether something changed so lately that proxies may not know, whatever their controllers say."""
    known = spread_at(at)
    return known is not None and situation.now < known


def has_spread(situation: Situation, document: Mapping[str, Any]) -> bool:
    """Whether proxies know what their controllers have accepted; ``accepted`` in the document says since when."""
    return bool(document.get("accepted")) and not recent(situation, document["accepted"])


def is_gone_by(situation: Situation, kind: Kind) -> bool:
    """Whether any gateway has accepted the route, as it is or as it was."""
    live = live_route(situation, kind)
    return live is not None and accepted_once(live, situation.resource.namespace, live_refs(live))


def goes_otherwise(situation: Situation, kind: Kind, manifest: Manifest) -> bool:
    """Whether a gateway may go by another route than that one: the live one, or what the live one was."""
    live, home = live_route(situation, kind), situation.resource.namespace
    if live is None or live.deleting:
        return False
    asked = covers(live.body.get("spec"), manifest["spec"])
    return not asked or any(behind(live, home, ref) for ref in live_refs(live))


def handing_over(situation: Situation) -> bool:
    """Whether gateways that are not asked for any more may still send requests to a candidate: until they are known
    not to, the pods forward nothing."""
    if situation.spec.traffic.gateway:
        return False
    former = ((kind, withdrawn(situation, kind)) for kind in ROUTES if kind not in situation.world.unavailable)
    return any(manifest is not None and stays(situation, kind, manifest) for kind, manifest in former)


def withdrawn(situation: Situation, kind: Kind) -> Manifest | None:
    """A route that is not asked for any more as it is written before it goes: its gateways are told of stable alone."""
    live = live_route(situation, kind)
    if live is None or live.deleting:
        return None
    spec = live.body.get("spec") or {}
    try:
        former = Gateway.model_validate({key: spec[key] for key in ("parentRefs", "hostnames") if key in spec})
    except ValueError:  # somebody scribbled over it
        return None
    return BUILD[kind](situation.resource, former, Backends(names.front_service(situation.resource.name)))


def stays(situation: Situation, kind: Kind, former: Manifest) -> bool:
    """A route that is not asked for any more stays, leading to stable alone, until its gateways say that they go by it:
    of one that is deleted nobody says when its gateways have forgotten it. Unless there is nobody else to send to."""
    if not others(situation):
        return False
    live = live_route(situation, kind)
    edited = live is not None and just_left(live, situation.resource.namespace, live_refs(live))
    if edited or recent(situation, situation.document.get("at")):
        return True  # there may be one that has just left the parents
    followed = not goes_otherwise(situation, kind, former) and has_spread(situation, situation.document)
    return is_gone_by(situation, kind) and not followed


def others(situation: Situation) -> frozenset[str]:
    """Revisions to which a gateway may send: those that have a Service, or are named by a route whose Service somebody
    deleted, but for the one that users reach and those before it."""
    services = (child for child in situation.live.values() if child.kind is Kind.SERVICE)
    named = {each for kind in ROUTES for each in weights_of(live_route(situation, kind))}
    prefix = names.revision(situation.resource.name, "")
    revisions = {child.labels.get(names.REVISION, "") for child in services}
    revisions |= {each.removeprefix(prefix) for each in named if each.startswith(prefix)}
    former = served_before(situation, situation.stable.number if situation.stable else 0)
    return frozenset(revisions - {"", situation.front} - former)


def parents_leave(situation: Situation, kind: Kind, manifest: Manifest) -> bool:
    """Whether a gateway is no parent of the route any more when this is written."""
    live, kept = live_route(situation, kind), manifest["spec"]["parentRefs"]
    return live is not None and any(ref not in kept for ref in live_refs(live))
