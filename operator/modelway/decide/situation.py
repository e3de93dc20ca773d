"""What the world means: which revision serves, which one shall, and how far it has come. Read once, then only asked."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from modelway.api.resource import Spec
from modelway.api.status import Phase
from modelway.manifests import names, runtime
from modelway.manifests.timestamps import parsed
from modelway.world import Child, Kind, Pod, Resource, Revision, World

from . import capacity, digests, rollback, verbs
from .revision import Record, history, last_promoted, renumbered
from .steps import Position, position

LAST_YEAR: Final = 9999  # after which no time can be told
ANOTHER_ATTEMPT: Final = timedelta(seconds=30)  # between what is told of a start and the Deployment that it makes


@dataclass(frozen=True)  # without slots: what a decision asks again and again is worked out once, and kept with it
class Situation:
    """The facts on which one decision rests."""

    document: dict[str, Any]  # the traffic document that pods can read now
    world: World
    spec: Spec
    now: datetime
    live: dict[tuple[Kind, str], Child]
    records: dict[str, Record]
    target: Revision  # what the spec asks for
    front: str  # the hash that the front Service names or, if it is gone, shall name again
    stable: Revision | None  # what serves; None until a first revision does
    readable: bool  # whether stable's snapshot is known, so that its children can be rendered
    newly_targeted: bool  # the spec asked for another revision at the last decision, or this one is retried
    position: Position  # of the candidate on its way, before this decision
    obeyed: verbs.Obeyed  # what became of the annotation with a verb
    asked: rollback.Asked  # how the spec says which revision shall serve

    @property
    def resource(self) -> Resource:
        """The user's ModelDeployment."""
        return self.world.resource

    @cached_property
    def candidate(self) -> Revision | None:
        """The revision that shall take over, if that is not the one that serves."""
        return None if self.stable and self.stable.hash == self.target.hash else self.target

    def child(self, kind: Kind, revision: Revision) -> Child | None:
        """A revision's child of that kind."""
        return self.live.get((kind, names.revision(self.resource.name, revision.hash)))

    def pods(self, revision: str) -> tuple[Pod, ...]:
        """A revision's pods that are not on their way out."""
        return self._pods.get(revision, ())

    @cached_property
    def _pods(self) -> dict[str, tuple[Pod, ...]]:
        staying = [pod for pod in self.world.pods if not pod.deleting]
        return {of: tuple(pod for pod in staying if pod.revision == of) for of in {pod.revision for pod in staying}}

    def strangers(self, revision: Revision) -> tuple[Pod, ...]:
        """A revision's pods that serve other bytes than the recorded ones."""
        return digests.strangers(self.pods(revision.hash), revision.digest)

    def ready(self, revision: Revision) -> int:
        """Ready pods of a revision that serve the right bytes; those that are to go do not count."""
        known = self._ready.get((revision.hash, revision.digest))  # all of a revision that counts here
        if known is None:
            strange = sum(pod.ready for pod in self.strangers(revision))
            reported = capacity.ready(self.child(Kind.DEPLOYMENT, revision))
            known = max(0, min(reported - strange, self.needed(revision)))
            self._ready[revision.hash, revision.digest] = known
        return known

    @cached_property
    def _ready(self) -> dict[tuple[str, str], int]:
        return {}

    @cached_property
    def full(self) -> int:
        """Pods that hold all of the traffic; where an autoscaler decides, as many as what serves has now."""
        serving = self.child(Kind.DEPLOYMENT, self.stable) if self.stable else None
        return capacity.needed(self.spec.scaling, serving)

    def needed(self, revision: Revision) -> int:
        """Pods that a revision must have: all that the traffic needs or, of a canary, what its share needs."""
        canary = self.spec.rollout.strategy == "Canary" and self.stable is not None and not self.returning
        if not canary or self.candidate is None or revision.hash != self.candidate.hash:
            return self.full
        return self.position.pods(self.full)

    @cached_property
    def returning(self) -> bool:
        """Whether the candidate served until just now and its pods still run: it has nothing left to prove."""
        candidate = self.candidate
        deployment = self.child(Kind.DEPLOYMENT, candidate) if candidate else None
        if candidate is None or candidate.promoted_at is None or deployment is None or deployment.deleting:
            return False
        return deployment.created_at <= candidate.promoted_at and capacity.ready(deployment) >= max(1, self.full)

    @cached_property
    def started_at(self) -> datetime:
        """When the candidate began to come up, or was resumed; ``now`` if it begins with this decision.

        A Deployment that is much younger than the recorded time belongs to another attempt, of which a crash kept us
        from telling.
        """
        rollout: Any = self.resource.status.get("rollout")
        deployment = self.child(Kind.DEPLOYMENT, self.target)
        if deployment is None or (rollout and self.newly_targeted):
            return self.now
        if not rollout:
            return deployment.created_at
        told = min(parsed(rollout.get("startedAt")) or self.now, self.now)
        return deployment.created_at if deployment.created_at - told > ANOTHER_ATTEMPT else told


def gather(world: World, spec: Spec, now: datetime) -> Situation:
    """Reads the world once."""
    name, records = world.resource.name, history(world.children)
    live = {(child.kind, child.name): child for child in world.children}
    asked = rollback.asked(name, spec, world.runtime_image, records)
    front = _front(world, records, asked.revision, live)
    wanted = asked.revision
    stable, readable = _stable(world, front, wanted, records, live)
    if asked.lost and stable and readable:
        wanted = stable  # it stays while nobody knows what shall come
    newly_targeted = _newly_targeted(world.resource, wanted)
    document = traffic_of(live.get((Kind.CONFIG_MAP, names.traffic_config_map(name))))
    obeyed = _obeyed(world.resource, spec, wanted, stable, newly_targeted, document, now)
    newly_targeted = newly_targeted or obeyed.retry
    if stable is None or stable.hash != wanted.hash:
        deployment = live.get((Kind.DEPLOYMENT, names.revision(name, wanted.hash)))
        answers = stable is None and front == wanted.hash and capacity.ready(deployment) > 0
        failure = None if newly_targeted or answers else wanted.failure  # asked for again, or better than thought
        wanted = replace(renumbered(wanted, records), failure=failure)
    wanted = _with_digest(wanted, world)
    stable = _with_digest(stable, world) if stable else None
    if stable and stable.hash == wanted.hash:
        stable = wanted
    if stable or wanted.failure or live.get((Kind.DEPLOYMENT, names.revision(name, wanted.hash))):
        asked = asked.keeping(stable or wanted)
    return Situation(
        document,
        world,
        spec,
        now,
        live,
        records,
        wanted,
        front,
        stable,
        readable,
        newly_targeted,
        obeyed.position,
        obeyed,
        asked,
    )


def _obeyed(
    resource: Resource,
    spec: Spec,
    wanted: Revision,
    stable: Revision | None,
    newly_targeted: bool,
    document: dict[str, Any],
    now: datetime,
) -> verbs.Obeyed:
    """What a person asked for, and where it puts the candidate. A first revision has no steps: nobody answers yet."""
    steps = spec.rollout.effective_steps if stable else ()
    rollout: Any = {} if newly_targeted else resource.status.get("rollout") or {}
    rolling = stable is not None and stable.hash != wanted.hash
    failed = wanted.failure is not None and not newly_targeted
    subject = verbs.Subject(
        hash=wanted.hash,
        rolling=rolling and not failed,
        failed=failed,
        aborted=wanted.failure is not None and wanted.failure.reason == verbs.ABORTED,
        told_failed=resource.status.get("phase") == Phase.FAILED,
        position=_in_time(
            position(rollout, {} if newly_targeted else document, steps, wanted.hash), resource, spec, now
        ),
    )
    return verbs.obey(resource, subject, now)


def _in_time(found: Position, resource: Resource, spec: Spec, now: datetime) -> Position:
    """The position whose step begins anew after spec.rollout.paused, as after the verb resume: nobody's time ran
    meanwhile. A step can't have begun later than now, either: the former leader's clock was ahead, and the step would
    last until ours is there."""
    rollout: Any = resource.status.get("rollout") or {}
    was_paused = resource.status.get("phase") == Phase.PAUSED and "startedAt" not in rollout and not found.held
    resumed = was_paused and not spec.rollout.paused and spec.scaling.highest > 0
    if found.began and (resumed or found.began > now):
        return replace(found, began=now)
    return found


def traffic_of(live: Child | None) -> dict[str, Any]:
    """The traffic document in its ConfigMap; empty if there is none, or somebody scribbled over it."""
    try:
        found = json.loads((live.body.get("data") or {}).get(runtime.TRAFFIC_KEY, "")) if live else {}
    except (ValueError, TypeError, AttributeError):
        return {}
    return {key: value for key, value in found.items() if _sound(key, value)} if isinstance(found, dict) else {}


def _sound(key: str, value: Any) -> bool:
    """Whether a value of the traffic document is of the kind that we write. What is none counts as missing, and is
    written anew; an error about it would have ended every decision for good."""
    if key == "generation":
        return type(value) is int and 0 <= value < 2**53
    if key == "at":
        return (at := parsed(value)) is not None and at.year < LAST_YEAR
    return isinstance(value, dict) or key not in ("candidate", "digests")


def _newly_targeted(resource: Resource, wanted: Revision) -> bool:
    rollout: Any = resource.status.get("rollout")
    return bool(rollout) and rollout.get("target") != names.revision(resource.name, wanted.hash)


def _front(world: World, records: dict[str, Record], wanted: Revision, live: dict[tuple[Kind, str], Child]) -> str:
    """The revision that the front Service names; if it is gone or was scribbled over, the one promoted last. If nobody
    knows of one, the first that has ready pods: it answered users until then. Its record may have been deleted, too."""
    service = live.get((Kind.SERVICE, names.front_service(world.resource.name)))
    named = str(((service.body.get("spec") or {}).get("selector") or {}).get(names.REVISION, "")) if service else ""
    deployment = live.get((Kind.DEPLOYMENT, names.revision(wanted.deployment, named)))
    if named and (named in records or named == wanted.hash or deployment or _answers(world, named, live)):
        return named
    by_number = sorted(records.values(), key=lambda record: record.number)
    deployments = sorted((c for c in live.values() if c.kind is Kind.DEPLOYMENT), key=lambda each: each.created_at)
    known = [record.hash for record in by_number if not record.failure]
    unknown = [of for each in deployments if (of := each.labels.get(names.REVISION, "")) not in records]
    answering = (each for each in (*known, *unknown) if _answers(world, each, live))
    return last_promoted(by_number) or next(answering, "") or named or wanted.hash


def _answers(world: World, revision: str, live: dict[tuple[Kind, str], Child]) -> bool:
    """Whether a revision has ready pods; the Deployment's report of them comes later."""
    if any(pod.ready and not pod.deleting and pod.revision == revision for pod in world.pods):
        return True
    return capacity.ready(live.get((Kind.DEPLOYMENT, names.revision(world.resource.name, revision)))) > 0


def _stable(
    world: World, front: str, wanted: Revision, records: dict[str, Record], live: dict[tuple[Kind, str], Child]
) -> tuple[Revision | None, bool]:
    """The revision that serves, and whether it can be rendered. One that was never promoted counts only while it has
    ready pods and the spec has moved on: users reach them, so they stay until another revision is ready."""
    name, record = world.resource.name, records.get(front)
    if front == wanted.hash:
        return (wanted if wanted.promoted_at else None), True
    if not (record and record.promoted_at) and not _answers(world, front, live):
        return None, True
    if record and (opened := record.opened(name)):
        return opened, True
    unknown = Revision(name, front, record.number if record else 0, {}, wanted.model, wanted.serving, "")
    return (record.marked(unknown) if record else unknown), False


def _with_digest(revision: Revision, world: World) -> Revision:
    """The revision with the digest that its first pod reported, if none is recorded yet."""
    if revision.digest:
        return revision
    return replace(
        revision,
        digest=digests.first_reported(pod for pod in world.pods if pod.revision == revision.hash and not pod.deleting),
    )
