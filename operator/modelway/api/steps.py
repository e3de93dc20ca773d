"""``spec.rollout.steps``: the way of a canary, in Argo Rollouts' words."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from .analysis import SHADOWED, Checks, bounded
from .field import Duration, Object, Schema, rule, rules, seconds

Percent = Annotated[int, Field(ge=0, le=100)]


class Pause(Object):
    """Waits."""

    duration: Annotated[Duration, bounded("1s", "168h", "duration")] | None = Field(
        default=None,
        description="How long; without it, until a person promotes or resumes (`kubectl modelway promote`).",
    )


class Shadow(Object):
    """Live requests are copied to the candidate after they were answered, and the answers compared."""

    percent: Annotated[int, Field(ge=1, le=100)] = Field(
        default=100, description="Which part of the requests is copied."
    )
    duration: Annotated[Duration, bounded("1s", "168h", "duration")] = Field(
        default="1m", description="For how long. Such as 2m."
    )
    absolute_tolerance: Annotated[float, Field(ge=0)] = Field(
        default=1e-4, description="Numbers agree within this, plus relativeTolerance times the stable one."
    )
    relative_tolerance: Annotated[float, Field(ge=0)] = Field(
        default=1e-3, description="Numbers agree within this part of the stable one, plus absoluteTolerance."
    )


class CanaryScale(Object):
    """How many pods the candidate has from here on."""

    model_config = rules(
        rule(
            "[has(self.replicas), has(self.weight), has(self.matchTrafficWeight)].filter(x, x).size() == 1",
            "setCanaryScale needs one of replicas, weight and matchTrafficWeight",
        ),
        rule("!has(self.matchTrafficWeight) || self.matchTrafficWeight", "matchTrafficWeight can only be true"),
    )

    replicas: Annotated[int, Field(ge=1, le=1000)] | None = Field(default=None, description="So many pods.")
    weight: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, description="This percentage of the pods that the stable revision has, at least one."
    )
    match_traffic_weight: bool | None = Field(
        default=None, description="As many as its share of the traffic needs, at least one: how every canary begins."
    )


class AnalysisStep(Object):
    """Keeps everything as it is and judges."""

    model_config = rules(
        rule(
            f"!has(self.checks) || !self.checks.exists(c, {SHADOWED})",
            "in an analysis step nothing is copied: move the checks of shadows to rollout.analysis",
        )
    )

    duration: Annotated[Duration, bounded("1s", "168h", "duration")] = Field(
        default="1m", description="For how long; then every check must have passed."
    )
    checks: Checks = Field(default=(), description="Checks of this step alone, beside those of the analysis.")


_KINDS: Final = "[has(self.setWeight), has(self.pause), has(self.shadow), has(self.setCanaryScale), has(self.analysis)]"


class Step(Object):
    """One step: exactly one of the fields."""

    model_config = rules(
        rule(
            f"{_KINDS}.filter(x, x).size() == 1",
            "a step is exactly one of setWeight, pause, shadow, setCanaryScale and analysis; begin each with its own"
            " dash",
        )
    )

    set_weight: Percent | None = Field(
        default=None, description="The candidate answers this percentage of the requests."
    )
    pause: Pause | None = Field(default=None, description="Waits, for a time or for a person.")
    shadow: Shadow | None = Field(default=None, description="Copies requests to the candidate and compares.")
    set_canary_scale: CanaryScale | None = Field(default=None, description="How many pods the candidate has.")
    analysis: AnalysisStep | None = Field(default=None, description="Judges for a while.")

    @property
    def duration_seconds(self) -> float | None:
        """How long the step lasts by the clock, in seconds; None if something else ends it."""
        timed = self.shadow or self.analysis or self.pause
        return seconds(timed.duration) if timed and timed.duration else None


Steps = Annotated[tuple[Step, ...], Schema({"maxItems": 32, "x-kubernetes-list-type": "atomic"})]

# What a newcomer wants who asks for a Canary and names no steps.
DEFAULT_STEPS: Final[tuple[Step, ...]] = (
    Step(shadow=Shadow(duration="30s")),
    Step(set_weight=10),
    Step(pause=Pause(duration="1m")),
    Step(set_weight=50),
    Step(pause=Pause(duration="1m")),
)
