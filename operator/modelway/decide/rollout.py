"""The stages of an update: an ordered table of questions about the situation; the first yes is the stage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from modelway.world import Kind

from . import capacity, crashes, verbs
from .gates import gate
from .judgement import judge
from .situation import Situation

# Enough to ask the pods and Prometheus, and to send the golden requests.
ATTENTION: Final = timedelta(seconds=60)


class Stage(StrEnum):
    """Where the revision that the spec asks for stands."""

    SETTLED = "Settled"  # it serves
    FAILED = "Failed"  # it was given up; what served before goes on
    PAUSED = "Paused"  # it is held where it is
    SCALED_TO_ZERO = "ScaledToZero"  # there is nothing to bring up
    STARTING = "Starting"  # its pods are to be created
    PROMOTING = "Promoting"  # it is ready: the front Service moves to it
    GIVING_UP = "GivingUp"  # its time is over
    HELD = "Held"  # it stays in its step until a person decides
    STEPPING = "Stepping"  # it goes its steps
    PROGRESSING = "Progressing"  # it comes up


def deadline_at(situation: Situation) -> datetime | None:
    """When the candidate is given up unless it has come further; None while a person is waited for."""
    position, patience = situation.position, timedelta(seconds=situation.spec.rollout.deadline_seconds)
    if position.began is None:
        return situation.started_at + patience
    return None if position.waits_for_a_person else (position.ends_at or position.began) + patience


def given_up_at(situation: Situation) -> datetime | None:
    """The same, but that a leader looks on for a while before it blames a candidate for the time nobody looked."""
    due, since = deadline_at(situation), situation.world.attended_since
    return due if due is None or since is None else max(due, since + ATTENTION)


def _settled(situation: Situation) -> bool:
    return situation.candidate is None


def _failed(situation: Situation) -> bool:
    return situation.target.failure is not None


def _paused(situation: Situation) -> bool:
    return situation.spec.rollout.paused


def _scaled_to_zero(situation: Situation) -> bool:
    return situation.spec.scaling.highest == 0


def _not_started(situation: Situation) -> bool:
    """Whoever is in the steps has started before; if somebody deleted its Deployment it gets another one there."""
    return situation.position.began is None and situation.child(Kind.DEPLOYMENT, situation.target) is None


def _aborted(situation: Situation) -> bool:
    return situation.obeyed.abort


def _refused_by_a_gate(situation: Situation) -> bool:
    return gate(situation).refused is not None


def _failed_a_check(situation: Situation) -> bool:
    """Also while a person holds it: users get its answers meanwhile."""
    return situation.spec.rollout.on_failure == "Rollback" and judge(situation).failed is not None


def _proven_and_enough_ready_pods(situation: Situation) -> bool:
    wanted = situation.target
    reported = capacity.current(situation.child(Kind.DEPLOYMENT, wanted))
    enough = reported and situation.ready(wanted) >= situation.full
    return enough and _proven(situation)


def _proven(situation: Situation) -> bool:
    """No steps are left, or there are none; and the gates are passed. The moment that ended the last step does not
    promote, too, unless a person did both: deciding twice is deciding once. Nor is a candidate promoted that fails, is
    held because it did, or crashed a moment ago, while its other pods come up."""
    if situation.stable is None or situation.returning:
        return True
    if situation.position.done:
        stands = not _held(situation) and judge(situation).failed is None and not crashes.restless(situation)
        insisted = verbs.insisted(situation.resource, situation.obeyed, situation.target.hash)
        return situation.obeyed.done or (situation.position.began != situation.now and (stands or insisted))
    return not situation.position.steps and gate(situation).passed and not crashes.restless(situation)


def _deadline_passed(situation: Situation) -> bool:
    due = given_up_at(situation)
    return due is not None and situation.now >= due


def _time_is_over_but_users_are_served(situation: Situation) -> bool:
    """A first revision some of whose pods answer is not taken away from its users: it serves with what it has."""
    alone = situation.stable is None and situation.front == situation.target.hash
    return alone and situation.ready(situation.target) > 0 and _deadline_passed(situation)


def _held(situation: Situation) -> bool:
    return bool(situation.position.held)


def _in_its_steps(situation: Situation) -> bool:
    """Its first pods are ready and the gates passed, or were before."""
    if situation.position.began is not None:
        return not situation.position.done or judge(situation).failed is not None  # which holds it, or has ended it
    enough = situation.ready(situation.target) >= max(1, situation.needed(situation.target))
    return bool(situation.position.steps) and enough and gate(situation).passed


STAGES: Final[tuple[tuple[Callable[[Situation], bool], Stage], ...]] = (
    (_settled, Stage.SETTLED),
    (_failed, Stage.FAILED),
    (_aborted, Stage.GIVING_UP),
    (_failed_a_check, Stage.GIVING_UP),
    (_paused, Stage.PAUSED),
    (_scaled_to_zero, Stage.SCALED_TO_ZERO),
    (_not_started, Stage.STARTING),
    (_refused_by_a_gate, Stage.GIVING_UP),
    (_proven_and_enough_ready_pods, Stage.PROMOTING),
    (_time_is_over_but_users_are_served, Stage.PROMOTING),
    (_held, Stage.HELD),
    (_deadline_passed, Stage.GIVING_UP),
    (_in_its_steps, Stage.STEPPING),
)

# In these the candidate has children; when paused only if it had them before.
UP: Final = frozenset(
    {Stage.STARTING, Stage.PROGRESSING, Stage.HELD, Stage.STEPPING, Stage.PROMOTING, Stage.SCALED_TO_ZERO}
)
# In these the deadline runs.
TIMED: Final = frozenset({Stage.STARTING, Stage.PROGRESSING, Stage.STEPPING})


def stage(situation: Situation) -> Stage:
    """The stage of the revision that the spec asks for."""
    return next((found for question, found in STAGES if question(situation)), Stage.PROGRESSING)
