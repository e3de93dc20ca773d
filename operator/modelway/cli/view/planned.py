"""``plan``: what applying a file would change in the spec, what Modelway would write first, and the way after that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelway.api.resource import Spec
from modelway.decide import rollback
from modelway.decide.plan import decide
from modelway.decide.revision import history
from modelway.manifests import names
from modelway.world import Apply, Delete, Plan, Seed, Touch, World, Write

from .difference import Difference, differences
from .steps import spec_of, what


@dataclass(frozen=True, slots=True)
class Line:
    """A write: ``sign`` is + (created), ~ (changed) or - (deleted)."""

    sign: str
    kind: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Planned:
    """All that ``plan`` tells of one ModelDeployment."""

    namespace: str
    name: str
    exists: bool
    changes: tuple[Difference, ...]
    writes: tuple[Line, ...]
    way: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether applying the file would change anything."""
        return bool(self.changes) or not self.exists


def planned(world: World, before: dict[str, Any] | None, warnings: tuple[str, ...], now: datetime) -> Planned:
    """``world`` has the spec as it would be; ``before`` is the spec as it is, None if there is none yet."""
    resource = world.resource
    after = dict(resource.spec)
    changes = differences(before or {}, after, "spec")
    plan = decide(world, now) if changes else Plan()
    spec = spec_of(after)
    way = tuple(_way(world, spec)) if spec and changes else ()
    return Planned(
        namespace=resource.namespace,
        name=resource.name,
        exists=before is not None,
        changes=changes,
        writes=tuple(line for write in plan.writes if (line := _line(write))),
        way=way,
        warnings=(*warnings, *_of_world(world, spec)),
    )


def _line(write: Write) -> Line | None:
    if isinstance(write, Apply):
        kind, name = str(write.manifest["kind"]), str(write.manifest["metadata"]["name"])
        return Line("+" if write.create else "~", kind, name, write.why)
    if isinstance(write, Delete):
        return Line("-", write.kind, write.name, write.why)
    if isinstance(write, Seed):
        return Line("~", "Deployment", write.deployment, write.why)
    assert isinstance(write, Touch)
    return None  # how pods learn of the traffic document, which has a line of its own


def _asked(world: World, spec: Spec) -> rollback.Asked:
    return rollback.asked(world.resource.name, spec, world.runtime_image, history(world.children))


def _target(world: World, spec: Spec) -> str:
    return names.revision(world.resource.name, _asked(world, spec).revision.hash)


def _way(world: World, spec: Spec) -> Iterator[str]:
    """What happens to the revision that the new spec asks for."""
    if _asked(world, spec).lost:
        yield "what serves stays; nothing else comes up."
        return
    status, target = world.resource.status, _target(world, spec)
    stable = str((status.get("stable") or {}).get("name", ""))
    if stable == target:
        yield f"{target} serves already: no new revision."
        return
    if not stable:
        yield f"{target} is the first revision: it serves as soon as one of its pods is ready."
        return
    under_way = str((status.get("candidate") or {}).get("name", "")) == target and status.get("phase") != "Failed"
    yield f"{target} goes on beside {stable}." if under_way else f"{target} comes up beside {stable}."
    if spec.rollout.gates.signature == "Compatible":
        yield "gate: its signature must be compatible."
    if spec.rollout.gates.golden:
        yield f"gate: the golden requests of ConfigMap {spec.rollout.gates.golden.config_map} must be answered alike."
    steps = spec.rollout.effective_steps
    for number, step in enumerate(steps, 1):
        yield f"step {number} of {len(steps)}: {what(step)}."
    for check in spec.effective_checks if steps else ():
        called = check.metric or "a Prometheus query"
        bounds = {"min": check.min, "max": check.max, "maxRatioToStable": check.max_ratio_to_stable}
        told = ", ".join(f"{name} {value:g}" for name, value in bounds.items() if value is not None)
        yield f"check: {called} ({told}); if it fails: {spec.rollout.on_failure}."
    yield f"{target} takes over; {stable} drains and goes."


def _of_world(world: World, spec: Spec | None) -> Iterator[str]:
    """Warnings about the moment at which the file would be applied."""
    status = world.resource.status
    candidate = status.get("candidate") or {}
    if spec is None:
        return
    target = _target(world, spec)
    if candidate and candidate["name"] != target and status.get("phase") != "Failed":
        yield f"A rollout of revision {candidate['revision']} is under way; it is given up for this one."
    if candidate and candidate["name"] == target and status.get("phase") == "Failed":
        yield f"Revision {candidate['revision']} failed before and is not tried again until `retry`."
    asked = _asked(world, spec)
    if force := asked.lost or rollback.told(asked, asked.revision):
        yield force
    if spec.rollout.paused:
        yield "spec.rollout.paused holds every step forward."


def told(planned: Planned) -> Iterator[str]:
    """The plan as lines of text."""
    title = f"ModelDeployment {planned.namespace}/{planned.name}"
    if not planned.changed:
        yield f"{title}: no change."
    else:
        yield f"{title}: {'the spec changes' if planned.exists else 'it is created'}"
        for change in planned.changes:
            yield from (f"  {line}" for line in change.lines())
        yield "first, Modelway writes:" if planned.writes else "Modelway writes no child."
        yield from (f"  {each.sign} {each.kind} {each.name}: {each.why}" for each in planned.writes)
        if planned.way:
            yield "then:"
            yield from (f"  {line}" for line in planned.way)
    for warning in planned.warnings:
        yield f"warning: {warning}"
