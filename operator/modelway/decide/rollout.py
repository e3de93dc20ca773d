"""The stages of an update: an ordered table of questions about the situation; the first yes is the stage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Final

from modelway.world import Kind

from . import capacity
from .situation import Situation


class Stage(StrEnum):
    """Where the revision that the spec asks for stands."""

    SETTLED = "Settled"  # it serves
    FAILED = "Failed"  # it was given up; what served before goes on
    PAUSED = "Paused"  # it is held where it is
    SCALED_TO_ZERO = "ScaledToZero"  # there is nothing to bring up
    STARTING = "Starting"  # its pods are to be created
    PROMOTING = "Promoting"  # it is ready: the front Service moves to it
    GIVING_UP = "GivingUp"  # its time is over
    PROGRESSING = "Progressing"  # it comes up


def deadline(situation: Situation) -> timedelta:
    """How long the candidate may take."""
    return timedelta(seconds=situation.spec.rollout.deadline_seconds)


def _settled(situation: Situation) -> bool:
    return situation.candidate is None


def _failed(situation: Situation) -> bool:
    return situation.target.failure is not None


def _paused(situation: Situation) -> bool:
    return situation.spec.rollout.paused


def _scaled_to_zero(situation: Situation) -> bool:
    return situation.spec.scaling.highest == 0


def _not_started(situation: Situation) -> bool:
    return situation.child(Kind.DEPLOYMENT, situation.target) is None


def _enough_ready_pods(situation: Situation) -> bool:
    wanted = situation.target
    reported = capacity.current(situation.child(Kind.DEPLOYMENT, wanted))
    return reported and situation.ready(wanted) >= situation.needed(wanted)


def _deadline_passed(situation: Situation) -> bool:
    return situation.now >= situation.started_at + deadline(situation)


def _time_is_over_but_users_are_served(situation: Situation) -> bool:
    """A first revision some of whose pods answer is not taken away from its users: it serves with what it has."""
    alone = situation.stable is None and situation.front == situation.target.hash
    return alone and situation.ready(situation.target) > 0 and _deadline_passed(situation)


STAGES: Final[tuple[tuple[Callable[[Situation], bool], Stage], ...]] = (
    (_settled, Stage.SETTLED),
    (_failed, Stage.FAILED),
    (_paused, Stage.PAUSED),
    (_scaled_to_zero, Stage.SCALED_TO_ZERO),
    (_not_started, Stage.STARTING),
    (_enough_ready_pods, Stage.PROMOTING),
    (_time_is_over_but_users_are_served, Stage.PROMOTING),
    (_deadline_passed, Stage.GIVING_UP),
)

# In these the candidate has children; when paused only if it had them before.
UP: Final = frozenset({Stage.STARTING, Stage.PROGRESSING, Stage.PROMOTING, Stage.SCALED_TO_ZERO})
# In these the deadline runs.
TIMED: Final = frozenset({Stage.STARTING, Stage.PROGRESSING})


def stage(situation: Situation) -> Stage:
    """The stage of the revision that the spec asks for."""
    return next((found for question, found in STAGES if question(situation)), Stage.PROGRESSING)
