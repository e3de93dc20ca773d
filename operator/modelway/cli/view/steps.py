"""The steps of a rollout in words: what each one does, and where the candidate is on its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from modelway.api.resource import InvalidSpec, Spec, parse_spec
from modelway.api.steps import CanaryScale, Step
from modelway.cli.seen import Document, Seen


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step; ``state`` is done, now or next."""

    number: int
    what: str
    state: str
    ends_at: str = ""


def _scale(scale: CanaryScale) -> str:
    if scale.replicas is not None:
        return f"scale the candidate to {scale.replicas} pods"
    if scale.weight is not None:
        return f"scale the candidate to {scale.weight}% of the stable revision's pods"
    return "scale the candidate as its share of the requests needs"


_WORDS: Final[tuple[tuple[str, Callable[[Any], str]], ...]] = (
    ("set_weight", lambda weight: f"{weight}% of the requests go to the candidate"),
    ("pause", lambda pause: f"pause for {pause.duration}" if pause.duration else "pause until a person promotes"),
    ("shadow", lambda shadow: f"shadow {shadow.percent}% of the requests for {shadow.duration} and compare"),
    ("set_canary_scale", _scale),
    ("analysis", lambda analysis: f"judge for {analysis.duration}"),
)


def what(step: Step) -> str:
    """A step in words."""
    told = (words(value) for name, words in _WORDS if (value := getattr(step, name)) is not None)
    return next(told, "a step of a kind that this version does not know")


def spec_of(document: Document) -> Spec | None:
    """The spec, if this version can read it."""
    try:
        return parse_spec(document)
    except InvalidSpec:
        return None


def steps(seen: Seen) -> tuple[StepLine, ...]:
    """The way of the candidate; none where nothing is under way or nothing goes in steps."""
    spec = spec_of(seen.spec)
    under_way = seen.status.get("candidate") and seen.status.get("stable") and not seen.condition("Stalled")
    if spec is None or not under_way:
        return ()
    now = int(seen.rollout.get("step") or 0)
    ends_at = str(seen.rollout.get("stepEndsAt", ""))
    return tuple(
        StepLine(number, what(step), _state(number, now), ends_at if number == now else "")
        for number, step in enumerate(spec.rollout.effective_steps, 1)
    )


def _state(number: int, now: int) -> str:
    return "now" if number == now else "done" if number < now else "next"
