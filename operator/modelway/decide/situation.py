"""What the world means: which revision serves, which one shall, and how far it has come. Read once, then only asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from modelway.api.resource import Spec
from modelway.manifests import names
from modelway.manifests.timestamps import parsed
from modelway.world import Child, Kind, Pod, Resource, Revision, World

from . import capacity, digests
from .revision import Record, history, last_promoted, next_number, target

ANOTHER_ATTEMPT: Final = timedelta(seconds=30)  # between what is told of a start and the Deployment that it makes


@dataclass(frozen=True, slots=True)
class Situation:
    """The facts on which one decision rests."""

    world: World
    spec: Spec
    now: datetime
    live: dict[tuple[Kind, str], Child]
    records: dict[str, Record]
    target: Revision  # what the spec asks for
    front: str  # the hash that the front Service names or, if it is gone, shall name again
    stable: Revision | None  # what serves; None until a first revision does
    readable: bool  # whether stable's snapshot is known, so that its children can be rendered
    newly_targeted: bool  # the spec asked for another revision at the last decision

    @property
    def resource(self) -> Resource:
        """The user's ModelDeployment."""
        return self.world.resource

    @property
    def candidate(self) -> Revision | None:
        """The revision that shall take over, if that is not the one that serves."""
        return None if self.stable and self.stable.hash == self.target.hash else self.target

    def child(self, kind: Kind, revision: Revision) -> Child | None:
        """A revision's child of that kind."""
        return self.live.get((kind, names.revision(self.resource.name, revision.hash)))

    def pods(self, revision: str) -> tuple[Pod, ...]:
        """A revision's pods that are not on their way out."""
        return tuple(pod for pod in self.world.pods if pod.revision == revision and not pod.deleting)

    def strangers(self, revision: Revision) -> tuple[Pod, ...]:
        """A revision's pods that serve other bytes than the recorded ones."""
        return digests.strangers(self.pods(revision.hash), revision.digest)

    def ready(self, revision: Revision) -> int:
        """Ready pods of a revision that serve the right bytes; those that are to go do not count."""
        strange = sum(pod.ready for pod in self.strangers(revision))
        reported = capacity.ready(self.child(Kind.DEPLOYMENT, revision))
        return max(0, min(reported - strange, self.needed(revision)))

    def needed(self, revision: Revision) -> int:
        """Pods that a revision must have; where an autoscaler decides, as many as what serves has now."""
        serving = self.child(Kind.DEPLOYMENT, self.stable) if self.stable else None
        return capacity.needed(self.spec.scaling, serving)

    @property
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
        told = parsed(rollout.get("startedAt")) or self.now
        return deployment.created_at if deployment.created_at - told > ANOTHER_ATTEMPT else told


def gather(world: World, spec: Spec, now: datetime) -> Situation:
    """Reads the world once."""
    name, records = world.resource.name, history(world.children)
    live = {(child.kind, child.name): child for child in world.children}
    wanted = target(name, spec, world.runtime_image, records)
    front = _front(live.get((Kind.SERVICE, names.front_service(name))), records, wanted, live)
    stable, readable = _stable(name, front, wanted, records, live)
    newly_targeted = _newly_targeted(world.resource, wanted)
    if stable is None or stable.hash != wanted.hash:
        deployment = live.get((Kind.DEPLOYMENT, names.revision(name, wanted.hash)))
        answers = stable is None and front == wanted.hash and capacity.ready(deployment) > 0
        failure = None if newly_targeted or answers else wanted.failure  # asked for again, or better than thought
        wanted = replace(wanted, number=next_number(wanted, records), failure=failure)
    wanted = _with_digest(wanted, world)
    stable = _with_digest(stable, world) if stable else None
    if stable and stable.hash == wanted.hash:
        stable = wanted
    return Situation(world, spec, now, live, records, wanted, front, stable, readable, newly_targeted)


def _newly_targeted(resource: Resource, wanted: Revision) -> bool:
    rollout: Any = resource.status.get("rollout")
    return bool(rollout) and rollout.get("target") != names.revision(resource.name, wanted.hash)


def _front(
    service: Child | None, records: dict[str, Record], wanted: Revision, live: dict[tuple[Kind, str], Child]
) -> str:
    """The revision that the front Service names; if it is gone or was scribbled over, the one promoted last."""
    named = str(((service.body.get("spec") or {}).get("selector") or {}).get(names.REVISION, "")) if service else ""
    deployment = live.get((Kind.DEPLOYMENT, names.revision(wanted.deployment, named)))
    if named and (named in records or named == wanted.hash or deployment):
        return named
    return last_promoted(records.values()) or named or wanted.hash


def _stable(
    name: str, front: str, wanted: Revision, records: dict[str, Record], live: dict[tuple[Kind, str], Child]
) -> tuple[Revision | None, bool]:
    """The revision that serves, and whether it can be rendered. One that was never promoted counts only while it has
    ready pods and the spec has moved on: users reach them, so they stay until another revision is ready."""
    record = records.get(front)
    if front == wanted.hash:
        return (wanted if wanted.promoted_at else None), True
    ready = capacity.ready(live.get((Kind.DEPLOYMENT, names.revision(name, front))))
    if not ready and not (record and record.promoted_at):
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
