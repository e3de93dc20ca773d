"""What must go: revisions that neither serve nor come up, what a change of scaling left over, and old history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from modelway.manifests import names
from modelway.world import Child, Delete, Kind

from . import capacity, gateway
from .desired import Aim, front_serving, routes, shares
from .situation import Situation
from .traffic import PATIENCE, draining

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
    for kind in gateway.ROUTES:
        route = situation.live.get((kind, names.route(situation.resource.name)))
        if route and not route.deleting and kind not in wanted and kind not in situation.world.unavailable:
            yield Delete(str(kind), route.name, route.uid, "spec.traffic.gateway does not ask for it any more")
    preview = situation.live.get((Kind.SERVICE, names.preview_service(situation.resource.name)))
    if preview and not preview.deleting and situation.spec.rollout.strategy != "BlueGreen":
        yield Delete(str(preview.kind), preview.name, preview.uid, "the strategy is not BlueGreen any more")


def outgoing(situation: Situation, target: Aim) -> tuple[Child, ...]:
    """Children of revisions that neither serve nor come up."""
    kept = target.kept
    going = [child for child in situation.world.children if _of_other(child, kept, situation.resource.name)]
    return tuple(sorted(going, key=lambda child: (_ORDER.index(child.kind), child.name)))


def _of_other(child: Child, kept: frozenset[str], name: str) -> bool:
    revision = child.labels.get(names.REVISION, "")
    return (
        bool(revision)
        and revision not in kept
        and child.kind in _ORDER
        and child.name == names.revision(name, revision)
    )


def retired(situation: Situation, target: Aim) -> Iterator[Delete]:
    """What goes now."""
    held = waiting(situation, target)
    for child in outgoing(situation, target):
        revision = child.labels[names.REVISION]
        if not child.deleting and revision not in held:
            yield Delete(str(child.kind), child.name, child.uid, f"revision {revision} neither serves nor comes up")


def waiting(situation: Situation, target: Aim) -> frozenset[str]:
    """Revisions that must go, but not yet: while a switch is young, pods behind the former selector may be called;
    and until every stable pod has read that a candidate is one no more, it may get its share."""
    settled = settled_at(situation, target)
    going = {child.labels[names.REVISION] for child in outgoing(situation, target)}
    young = frozenset[str]()
    if settled is not None and situation.now < settled:
        young = frozenset(revision for revision in going if _may_be_called(situation, revision))
    return young | leaving(situation, target)


def leaving(situation: Situation, target: Aim) -> frozenset[str]:
    """Candidates that are none any more, and whose share has not been confirmed to be gone by those whom users reach
    after this decision."""
    going = parting(situation, target)
    if not going or draining(replace(situation, front=target.front), target.document):
        return going
    serving, shared = front_serving(situation, target), shares(situation, target)
    return going if gateway.sends(situation, serving, shared, target.document) else frozenset()


def parting(situation: Situation, target: Aim) -> frozenset[str]:
    """Revisions that go and were candidates until now; they may have had a share. One that served long ago and was
    asked for again had got the next number. Of one that nothing remembers, because somebody deleted its
    ControllerRevision, nobody knows: it is waited for, too."""
    going = {child.labels[names.REVISION] for child in outgoing(situation, target)}
    serving = target.stable.number if target.stable else 0
    records = situation.records
    since = situation.now - PATIENCE  # whoever was promoted later had a share of which a pod may still read
    old = (r for r in records.values() if r.promoted_at and r.promoted_at <= since and r.number <= serving)
    served = {record.hash for record in old}
    if situation.stable and target.stable and situation.stable.hash != target.stable.hash:
        going.add(situation.stable.hash)  # from the next decision on
    return frozenset(going - served)


def _may_be_called(situation: Situation, revision: str) -> bool:
    record = situation.records.get(revision)
    answers = any(pod.ready for pod in situation.pods(revision))  # the Deployment's report of it comes later
    promoted = record is not None and record.promoted_at is not None
    return promoted or answers or capacity.ready(_deployment(situation, revision)) > 0


def _deployment(situation: Situation, revision: str) -> Child | None:
    return situation.live.get((Kind.DEPLOYMENT, names.revision(situation.resource.name, revision)))


def forgotten(situation: Situation, target: Aim) -> Iterator[Delete]:
    """ControllerRevisions beyond the history limit, the oldest first; never one that serves, is asked for, or may
    still be called, and never the latest: what comes next would get its number."""
    busy = target.kept | {situation.target.hash, target.front}
    busy |= waiting(situation, target)
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
