"""Every state that a ModelDeployment can be in, and what tools for GitOps shall make of it.

kstatus (Flux, Helm): InProgress for as long as what serves is not what the spec asks for, also while a person is waited
for; Failed when only another spec or a retry helps; else Current. Argo CD's words are finer: what a person, or the spec
itself, holds is Suspended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.decide.cluster import Cluster, settled, spec_of
from tests.gitops.worlds import (
    BROKEN,
    ONE,
    TWO,
    at_step,
    canary,
    commanded,
    crashing,
    drained,
    ended,
    fresh,
    given_up,
    held_by_a_check,
    paused_canary,
    refused,
    retried,
    unreadable,
    unseen_change,
    updated,
    waiting,
    waiting_preview,
)


@dataclass(frozen=True, slots=True)
class State:
    """A row: how it comes about, kstatus' word, Argo CD's word."""

    make: Callable[[], Cluster]
    kstatus: str
    health: str


def _progressing(make: Callable[[], Cluster]) -> State:
    return State(make, "InProgress", "Progressing")


def _waits(make: Callable[[], Cluster]) -> State:
    return State(make, "InProgress", "Suspended")


def _failed(make: Callable[[], Cluster]) -> State:
    return State(make, "Failed", "Degraded")


def _settled(make: Callable[[], Cluster]) -> State:
    return State(make, "Current", "Healthy")


NONE: Final = {"replicas": 0}

STATES: Final[dict[str, State]] = {
    "nobody has looked at it": _progressing(lambda: fresh(0)),
    "its first revision comes up": _progressing(lambda: fresh(2)),
    "it serves": _settled(lambda: settled(spec_of(ONE))),
    "nobody has looked at the change": _progressing(unseen_change),
    "an update comes up": _progressing(lambda: updated(spec_of(ONE), spec_of(TWO))),
    "an update serves": _settled(lambda: ended(TWO)),
    "a canary comes up": _progressing(lambda: updated(canary(ONE), canary(TWO))),
    "a canary gets copies": _progressing(lambda: at_step(1)),
    "a canary's share is asked for": _progressing(lambda: at_step(2)),
    "a canary pauses for a minute": _progressing(lambda: at_step(3)),
    "a canary is scaled": _progressing(lambda: at_step(4)),
    "a canary's share grows": _progressing(lambda: at_step(5)),
    "a canary is analyzed": _progressing(lambda: at_step(6)),
    "a canary has done its steps": _progressing(lambda: at_step(7)),
    "a canary waits for a person": _waits(waiting),
    "a person paused it": _waits(lambda: commanded(at_step(3), "pause")),
    "a person resumed it": _progressing(lambda: commanded(commanded(at_step(3), "pause"), "resume")),
    "a check failed and a person decides": _waits(held_by_a_check),
    "a preview waits for a person": _waits(waiting_preview),
    "it was rolled back": _failed(lambda: ended("s3://models/erroring/")),
    "its signature changed": _failed(lambda: ended("s3://models/wide/")),
    "a person aborts it": _failed(lambda: commanded(at_step(3), "abort")),
    "it was tried again": _progressing(retried),
    "its first revision was given up": _failed(given_up),
    "an update was given up": _failed(lambda: ended(BROKEN)),
    "the spec can't be read": _failed(lambda: updated(spec_of(ONE), {"model": {"uri": "ftp://a/b"}})),
    "the spec of a canary can't be read": _failed(unreadable),
    "a write was refused": _failed(lambda: refused(serves=False)),
    "a write for an update was refused": _failed(lambda: refused(serves=True)),
    "the spec pauses from the beginning": _waits(lambda: settled(spec_of(ONE, rollout={"paused": True}))),
    "the spec pauses an update": _waits(lambda: updated(spec_of(ONE), spec_of(TWO, rollout={"paused": True}))),
    "the spec pauses a canary": _waits(paused_canary),
    "the spec pauses what serves": State(
        lambda: updated(spec_of(ONE), spec_of(ONE, rollout={"paused": True})), "Current", "Suspended"
    ),
    "it is scaled to zero": _settled(lambda: updated(spec_of(ONE), spec_of(ONE, scaling=NONE))),
    "it is scaled to zero with a change": _settled(
        lambda: updated(spec_of(ONE), spec_of(TWO, scaling={"replicas": 0}))
    ),
    "it gets more pods": _progressing(lambda: updated(spec_of(ONE), spec_of(ONE, scaling={"replicas": 3}))),
    "its pods were drained": _progressing(drained),
    "its pods crash": State(crashing, "InProgress", "Degraded"),
}
