"""``decide(world, now) -> Plan``: what shall be done about one ModelDeployment. All else here serves this function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import orjson

from modelway.api.resource import InvalidSpec, Spec, parse_spec
from modelway.manifests.timestamps import parsed
from modelway.world import Apply, Delete, Kind, Plan, Seed, World, Write

from . import crashes, diagnosis, disturbance
from .advance import advance, due
from .cause import failure
from .desired import Aim, aim, desired
from .difference import write
from .events import events
from .gates import alone_at, gate
from .handover import SPREAD, handing_over, spread_at
from .measuring import measure
from .retire import Retirement, forgotten, left_over, noted, retired, retirement, settled_at
from .rollout import TIMED, Stage, given_up_at, stage
from .situation import Situation, gather
from .status import invalid, lost, status
from .traffic import PATIENCE, touches

REFUSAL_RETRY = (
    60.0  # seconds after which a refused write is worth another try: quotas and foreign objects have no watch
)

MOMENT: Final = timedelta(milliseconds=10)


def decide(world: World, now: datetime) -> Plan:
    """The plan for a world: pure, idempotent, at most one step forward."""
    if world.resource.deleting:
        return Plan(why=("being deleted: its children go with it",))
    try:
        spec = _spec(world.resource.spec)
    except InvalidSpec as error:
        return Plan(status=invalid(world.resource, str(error), now), why=(str(error),))
    return _plan(world, spec, now)


def _spec(given: Mapping[str, Any]) -> Spec:
    """The spec as a value. What JSON does not have comes from files alone, and is refused with a sentence."""
    try:
        text = orjson.dumps(given, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError:
        return parse_spec(given)
    return _read(text)


@lru_cache(256)
def _read(text: bytes) -> Spec:
    """Reading it was a tenth of a decision's time, and it seldom differs from the last one's."""
    return parse_spec(orjson.loads(text))


def _plan(world: World, spec: Spec, now: datetime) -> Plan:
    situation = gather(world, spec, now)
    if _nothing_to_look_after(situation):
        return Plan(status=lost(situation), why=(situation.asked.lost,))
    found = _taken(stage(situation), world)
    trouble = diagnosis.trouble(situation, situation.target)
    given_up = failure(situation, trouble) if found is Stage.GIVING_UP else None
    step, opened = advance(situation, found), gate(situation)
    situation = step.after(situation)
    if found is Stage.STEPPING and situation.position.held:
        found = Stage.HELD
    target = aim(situation, found, given_up)
    going = retirement(situation, target)
    target = noted(situation, target, going)
    writes = tuple(_writes(situation, target, going))
    # What is told is what will be once this is carried out, so that it need not be told again.
    after = situation if target.stable is situation.stable else replace(situation, stable=target.stable)
    told, message = status(after, Stage.SETTLED if found is Stage.PROMOTING else found, target, trouble, step)
    return Plan(
        writes=writes,
        status=told,
        events=() if world.refusals else tuple(events(situation, found, target, given_up, step)),
        recheck_after=_recheck_after(situation, found, target, going),
        measure=measure(situation, found, opened, target.document, bool(going.parting)),
        outcome=given_up.reason if given_up else "Promoted" if found is Stage.PROMOTING else "",
        confirmed_after=step.confirmed_after,
        why=(message, *(each.why for each in writes)),
    )


def _nothing_to_look_after(situation: Situation) -> bool:
    """Whether nobody knows what the spec asks for, and nothing serves that could go on: a first revision that comes up
    already, or failed to, is told of as ever."""
    if not situation.asked.lost or (situation.stable and situation.candidate is None):
        return False
    begun = situation.child(Kind.DEPLOYMENT, situation.target) is not None or situation.target.failure is not None
    return situation.stable is not None or not begun


def _taken(found: Stage, world: World) -> Stage:
    """The stage to tell of: a step that the API server refused was not taken."""
    return Stage.PROGRESSING if world.refusals and found in (Stage.PROMOTING, Stage.GIVING_UP) else found


def _writes(situation: Situation, target: Aim, going: Retirement) -> Iterator[Write]:
    yield from left_over(situation, target)
    for wanted in desired(situation, target):
        if isinstance(wanted, Seed):
            yield wanted
            continue
        step: Apply | None = write(situation.live.get((wanted.kind, wanted.name)), wanted)
        if step:
            yield step
    for revision in target.up:
        for pod in situation.strangers(revision):
            yield Delete("Pod", pod.name, pod.uid, f"it serves other bytes than {revision.digest}")
    if "stable" in target.document or going.leaving:
        yield from touches(situation, target.document)
    yield from retired(going)
    yield from forgotten(situation, target, going)


def _recheck_after(situation: Situation, found: Stage, target: Aim, going: Retirement) -> float | None:
    moments = []
    settled = settled_at(situation, target)
    if settled and settled > situation.now and _outgoing_after(situation, target, going):
        moments.append(settled)
    if found in TIMED:
        moments += [moment for moment in (given_up_at(situation),) if moment]
        calm = crashes.calm_at(situation), alone_at(situation), disturbance.settles_at(situation)
        moments += [moment for moment in calm if moment and moment > situation.now]
        # A step whose time is over waits for what is measured, which wakes by itself: no reason to look without pause.
        moments += [moment for moment in (situation.position.ends_at,) if moment and moment > situation.now]
    if found is Stage.STEPPING and due(situation):
        moments.append(situation.now + MOMENT)
    if (going.leaving or handing_over(situation)) and (changed := parsed(target.document.get("at"))):
        known = spread_at(target.document.get("accepted"))
        moments += [at for at in (changed + SPREAD, changed + PATIENCE, known) if at and at > situation.now]
    waits = [max(0.0, (moment - situation.now).total_seconds()) for moment in moments]
    if situation.world.refusals:
        waits.append(REFUSAL_RETRY)
    return min(waits, default=None)


def _outgoing_after(situation: Situation, target: Aim, going: Retirement) -> bool:
    """Whether a revision will have to go once the switch has settled: the one that served until this decision, too."""
    served_before = (
        situation.stable is not None and target.stable is not None and situation.stable.hash != target.stable.hash
    )
    return served_before or bool(going.outgoing)
