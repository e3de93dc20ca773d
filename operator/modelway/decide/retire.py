"""What must go: revisions that neither serve nor come up, what a change of scaling left over, and old history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from modelway.manifests import names
from modelway.manifests.timestamps import precise
from modelway.world import Child, Delete, Kind

from . import capacity, gateway, handover
from .desired import Aim, afterwards, front_serving, routes, shares
from .situation import Situation
from .traffic import draining, served_before

# After the switch every node's kube-proxy must have learnt it before the old pods go; it takes about a second.
SETTLE: Final = timedelta(seconds=5)

# The autoscaler first, or it would complain about a missing target; the Service last, for pods are drained behind it.
_ORDER: Final = (Kind.HORIZONTAL_POD_AUTOSCALER, Kind.POD_DISRUPTION_BUDGET, Kind.DEPLOYMENT, Kind.SERVICE)


def settled_at(situation: Situation, target: Aim) -> datetime | None:
    """When the switch to the serving revision has reached every node, and there is no more need to return at once;
    None if none was promoted yet."""
    delay = max(SETTLE, timedelta(seconds=situation.spec.rollout.scale_down_seconds))
    return target.stable.promoted_at + delay if target.stable and target.stable.promoted_at else None


def left_over(situation: Situation, target: Aim) -> Iterator[Delete]:
    """Autoscalers and disruption budgets that the scaling no longer asks for. They go before replicas are sent."""
    scaling = situation.spec.scaling
    unwanted = {Kind.HORIZONTAL_POD_AUTOSCALER} if not scaling.autoscaled else set()
    unwanted |= {Kind.POD_DISRUPTION_BUDGET} if scaling.highest <= 1 else set()
    for child in situation.world.children:
        if child.kind in unwanted and not child.deleting and child.labels.get(names.REVISION) in target.kept:
            yield Delete(str(child.kind), child.name, child.uid, "the scaling no longer asks for it")
    wanted = {each.kind for each in routes(situation, target)}
    for kind in handover.ROUTES:
        route = situation.live.get((kind, names.route(situation.resource.name)))
        if route and not route.deleting and kind not in wanted and kind not in situation.world.unavailable:
            yield Delete(str(kind), route.name, route.uid, "spec.traffic.gateway does not ask for it any more")
    preview = situation.live.get((Kind.SERVICE, names.preview_service(situation.resource.name)))
    if preview and not preview.deleting and situation.spec.rollout.strategy != "BlueGreen":
        yield Delete(str(preview.kind), preview.name, preview.uid, "the strategy is not BlueGreen any more")


@dataclass(frozen=True, slots=True)
class Retirement:
    """What one decision makes of the revisions that neither serve nor come up; ``retirement`` works it out once."""

    outgoing: tuple[Child, ...]  # their children
    parting: frozenset[str]  # those that were candidates until now
    leaving: frozenset[str]  # those of them whose share has not been confirmed to be gone
    waiting: frozenset[str]  # those that must go, but not yet


def retirement(situation: Situation, target: Aim) -> Retirement:
    """Who goes with this decision, and who is waited for."""
    going = tuple(_outgoing(situation, target))
    revisions = frozenset(child.labels[names.REVISION] for child in going)
    parting = _parting(situation, target, revisions)
    leaving = _leaving(situation, target, parting)
    return Retirement(going, parting, leaving, _young(situation, target, revisions) | leaving)


def noted(situation: Situation, target: Aim, going: Retirement) -> Aim:
    """The aim, with a note of when every gateway had accepted its route without the candidate that goes: its proxies
    know a moment later, and its controller may be late."""
    wanted = routes(situation, target) if going.leaving or "stable" in target.document else ()
    if any(handover.parents_leave(situation, each.kind, each.manifest) for each in wanted):  # of whom nobody hears then
        return replace(target, document={**target.document, "at": precise(situation.now)})
    left = going.leaving | (handover.others(situation) if handover.handing_over(situation) else frozenset())
    if not left or "accepted" in target.document or not handover.out_of_routes(situation, left):
        return target
    return replace(target, document={**target.document, "accepted": precise(situation.now)})


def _outgoing(situation: Situation, target: Aim) -> list[Child]:
    kept, name = target.kept, situation.resource.name
    found = [child for child in situation.world.children if child.kind in _ORDER and _of_other(child, kept, name)]
    return sorted(found, key=lambda child: (_ORDER.index(child.kind), child.name))


def _of_other(child: Child, kept: frozenset[str], name: str) -> bool:
    revision = child.labels.get(names.REVISION, "")
    return bool(revision) and revision not in kept and child.name == names.revision(name, revision)


def retired(going: Retirement) -> Iterator[Delete]:
    """What goes now."""
    for child in going.outgoing:
        revision = child.labels[names.REVISION]
        if not child.deleting and revision not in going.waiting:
            yield Delete(str(child.kind), child.name, child.uid, f"revision {revision} neither serves nor comes up")


def _young(situation: Situation, target: Aim, going: frozenset[str]) -> frozenset[str]:
    """While a switch is young, pods behind the former selector may be called."""
    settled = settled_at(situation, target)
    if settled is None or situation.now >= settled:
        return frozenset()
    return frozenset(revision for revision in going if _may_be_called(situation, revision))


def _leaving(situation: Situation, target: Aim, parting: frozenset[str]) -> frozenset[str]:
    """Candidates that are none any more, and whose share has not been confirmed to be gone by those whom users reach
    after this decision: until every stable pod has read so, they may get it."""
    after = afterwards(situation, target)
    if not parting or draining(after, target.document):
        return parting
    serving, shared = front_serving(situation, target), shares(situation, target)
    return parting if gateway.sends(after, serving, shared, target.document) else frozenset()


def _parting(situation: Situation, target: Aim, going: frozenset[str]) -> frozenset[str]:
    """Revisions that go and were candidates until now; they may have had a share. Of one that nothing remembers,
    because somebody deleted its ControllerRevision, nobody knows: it is waited for, too."""
    if situation.stable and target.stable and situation.stable.hash != target.stable.hash:
        going |= {situation.stable.hash}  # from the next decision on
    return going - served_before(situation, target.stable.number if target.stable else 0)


def _may_be_called(situation: Situation, revision: str) -> bool:
    record = situation.records.get(revision)
    answers = any(pod.ready for pod in situation.pods(revision))  # the Deployment's report of it comes later
    promoted = record is not None and record.promoted_at is not None
    return promoted or answers or capacity.ready(_deployment(situation, revision)) > 0


def _deployment(situation: Situation, revision: str) -> Child | None:
    return situation.live.get((Kind.DEPLOYMENT, names.revision(situation.resource.name, revision)))


def forgotten(situation: Situation, target: Aim, going: Retirement) -> Iterator[Delete]:
    """ControllerRevisions beyond the history limit, the oldest first; never one that serves, is asked for, or may
    still be called, and never the latest: what comes next would get its number."""
    busy = target.kept | {situation.target.hash, target.front} | going.waiting
    if not any(revision.number > _latest(situation) for revision in target.remembered):
        busy |= {record.hash for record in situation.records.values() if record.number == _latest(situation)}
    old = sorted((r for r in situation.records.values() if r.hash not in busy), key=lambda record: record.number)
    for record in old[: max(0, len(old) - situation.spec.rollout.history_limit)]:
        yield Delete(
            str(Kind.CONTROLLER_REVISION),
            record.child.name,
            record.child.uid,
            "history is longer than spec.rollout.historyLimit",
        )


def _latest(situation: Situation) -> int:
    return max((record.number for record in situation.records.values()), default=0)
