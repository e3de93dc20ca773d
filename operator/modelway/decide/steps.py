"""Where a candidate stands on its way, and what the step asks for: arithmetic over ``spec.rollout.steps``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from modelway.api.steps import CanaryScale, Shadow, Step
from modelway.manifests.timestamps import parsed

FULL: Final = 100


@dataclass(frozen=True, slots=True)
class Position:
    """A place on the way. ``index`` is the current step's, ``len(steps)`` when all are done; ``began`` is when the
    step began, None before the first: the candidate comes up, and the gates are not passed yet."""

    steps: tuple[Step, ...]
    index: int = 0
    began: datetime | None = None
    held: str = ""  # why it waits for a person

    @property
    def done(self) -> bool:
        """Whether every step is over."""
        return self.began is not None and self.index >= len(self.steps)

    @property
    def step(self) -> Step | None:
        """The step that it is in."""
        return self.steps[self.index] if self.began is not None and self.index < len(self.steps) else None

    @property
    def weight(self) -> int:
        """The percentage of the requests that the candidate is to answer: what the last setWeight said."""
        return next((step.set_weight for step in self._past() if step.set_weight is not None), 0)

    @property
    def shadow(self) -> Shadow | None:
        """How requests are copied in this step, if they are."""
        return self.step.shadow if self.step else None

    @property
    def ends_at(self) -> datetime | None:
        """When the step's own time is over; None if something else ends it."""
        duration = self.step.duration_seconds if self.step else None
        return self.began + timedelta(seconds=duration) if self.began and duration is not None else None

    @property
    def waits_for_a_person(self) -> bool:
        """A pause without a duration, or held."""
        return bool(self.held) or (self.step is not None and self.step.pause is not None and self.ends_at is None)

    @property
    def epoch(self) -> int:
        """The number of the step that said last who gets what: what is counted since then belongs together."""
        past = range(min(self.index, len(self.steps) - 1), -1, -1) if self.began is not None else ()
        shares = (i for i in past if self.steps[i].set_weight is not None or self.steps[i].shadow is not None)
        return next((i + 1 for i in shares), 0)

    def pods(self, needed: int) -> int:
        """How many pods the candidate is to have when ``needed`` hold all of the traffic; at least one."""
        if self.done or needed == 0:
            return needed
        scale = next((s.set_canary_scale for s in self._past() if s.set_canary_scale is not None), CanaryScale())
        if scale.replicas is not None:
            return min(scale.replicas, needed)
        return max(1, -(-needed * (scale.weight or self._most()) // FULL))

    def _most(self) -> int:
        """The largest share until now, shadows included: pods that are there are not sent away for a later step."""
        past = [*self._past()]
        return max((max(s.set_weight or 0, s.shadow.percent if s.shadow else 0) for s in past), default=0)

    def next(self, now: datetime) -> Position:
        """The beginning of the step that follows."""
        return replace(self, index=min(self.index + 1, len(self.steps)), began=now, held="")

    def _past(self) -> Iterable[Step]:
        """The steps until now, the latest first."""
        return reversed(self.steps[: self.index + 1]) if self.began is not None else ()


def fingerprint(steps: Iterable[Step]) -> str:
    """Tells one list of steps from another."""
    return _fingerprint(tuple(step.model_dump_json(exclude_none=True) for step in steps))


@lru_cache(256)  # lists of steps; most ModelDeployments have the same few
def _fingerprint(steps: tuple[str, ...]) -> str:
    told = [json.loads(step) for step in steps]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]


def position(
    rollout: Mapping[str, Any], document: Mapping[str, Any], steps: tuple[Step, ...], candidate: str
) -> Position:
    """The later one of the positions that the status and the traffic document tell of; the beginning if neither tells
    of this candidate and these steps. The document is written first, so that a status that could not be written takes
    no share back."""
    plan = fingerprint(steps)
    told = _read(rollout.get("step"), rollout.get("stepStartedAt"), rollout.get("plan") == plan, steps)
    shares = (document.get("candidate") or {}).get("revision") == candidate
    done = _read(document.get("step"), document.get("at"), shares and document.get("plan") == plan, steps)
    if told is None or (done is not None and done.index > told.index):
        return done or Position(steps)
    return replace(told, held=str(rollout.get("held") or ""))


def _read(step: object, at: object, same: bool, steps: tuple[Step, ...]) -> Position | None:
    began = parsed(at)
    if not same or began is None or not isinstance(step, int):
        return None
    return Position(steps, min(max(step - 1, 0), len(steps)), began)
