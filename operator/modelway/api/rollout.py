"""``spec.rollout``: how a new version takes over."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from .analysis import SHADOW_METRICS, SHADOWED, Analysis, Check, Gates, bounded
from .field import Duration, Object, rule, rules, seconds
from .steps import DEFAULT_STEPS, Pause, Step, Steps

DEFAULT_CHECKS: Final = (Check(metric="errorRate", max=0.05),)
# A gateway lets nobody try again what the candidate rejects, so these are no errors there, and looked at as well.
GATEWAY_CHECKS: Final = (*DEFAULT_CHECKS, Check(metric="rejectedRate", max=0.05))


# CEL: whether there are checks, a share, and one that leaves stable something; whether check c is fed by a share alone.
_CHECKS: Final = "(has(self.analysis) && has(self.analysis.checks))"
_SHARED: Final = "self.steps.exists(s, has(s.setWeight) && s.setWeight > 0)"
_SPLIT: Final = "self.steps.exists(s, has(s.setWeight) && s.setWeight > 0 && s.setWeight < 100)"
_OF_SHARES: Final = f"!({SHADOWED}) && (c.metric != 'errorRate' || !self.steps.exists(s, has(s.shadow)))"


class BlueGreen(Object):
    """How a BlueGreen rollout ends."""

    auto_promote_after: Annotated[Duration, bounded("1s", "168h", "autoPromoteAfter")] | None = Field(
        default=None,
        description="Promotes by itself when the candidate has been ready for so long; without it a person promotes"
        " (`kubectl modelway promote`).",
    )
    scale_down_delay: Annotated[Duration, bounded("5s", "24h", "scaleDownDelay")] = Field(
        default="30s", description="How long the old revision's pods stay after the switch, to return to them at once."
    )


class Rollout(Object):
    """How a new version takes over."""

    model_config = rules(
        rule(
            "!has(self.steps) || self.strategy == 'Canary'",
            "steps belong to strategy Canary; set it, or remove the steps",
        ),
        rule(
            "!has(self.blueGreen) || self.strategy == 'BlueGreen'",
            "blueGreen belongs to strategy BlueGreen; set it, or remove blueGreen",
        ),
        rule(
            "!has(self.analysis) || self.strategy == 'Canary'",
            "analysis belongs to strategy Canary: it judges the candidate by its share of the traffic; set it, or"
            " remove analysis",
        ),
        rule(
            "!has(self.steps) || !has(self.analysis) || !has(self.analysis.checks) ||"
            f" !self.analysis.checks.exists(c, {SHADOWED})"
            " || self.steps.exists(s, has(s.shadow))",
            f"the metrics {', '.join(sorted(SHADOW_METRICS))} are measured in a shadow step; add one to steps",
        ),
        rule(
            f"!has(self.steps) || {_SHARED} || !({_CHECKS} && self.analysis.checks.exists(c, has(c.metric)"
            f" && {_OF_SHARES}) || self.steps.exists(s, has(s.analysis) && has(s.analysis.checks)"
            " && s.analysis.checks.exists(c, has(c.metric))))",
            "checks of metrics need requests that the candidate answers: add a setWeight above 0 to steps",
        ),
        rule(
            f"!has(self.steps) || !{_CHECKS} || {_SPLIT} || !self.analysis.checks.exists(c,"
            f" has(c.maxRatioToStable) && has(c.metric) && {_OF_SHARES})",
            "maxRatioToStable needs requests that stable answers meanwhile: add a setWeight from 1 to 99 to steps",
        ),
        rule(
            "!has(self.onFailure) || self.onFailure != 'Pause' || self.strategy != 'RollingUpdate'",
            "onFailure: Pause is about steps, and a RollingUpdate has none; set strategy, or remove onFailure",
        ),
    )

    strategy: Literal["RollingUpdate", "Canary", "BlueGreen"] = Field(
        default="RollingUpdate",
        description="RollingUpdate: the new revision comes up beside the old one, is loaded, warm and ready with"
        " as many pods, then takes all traffic in one switch; the old one drains and goes. Canary: it takes traffic in"
        " steps and is judged by its answers. BlueGreen: it comes up in full and is called as <name>-preview, until a"
        " person or the clock promotes it.",
    )
    steps: Steps = Field(
        default=(),
        description="The way of a Canary. Without steps: shadow for 30s, 10% for 1m, 50% for 1m.",
    )
    blue_green: BlueGreen | None = Field(default=None, description="How a BlueGreen rollout ends.")
    gates: Gates = Field(default=Gates(), description="What a new version must pass before it meets traffic.")
    analysis: Analysis | None = Field(
        default=None, description="What is watched while the candidate has traffic or shadows."
    )
    on_failure: Literal["Rollback", "Pause"] = Field(
        default="Rollback",
        description="What happens when a check fails. Rollback: the candidate is given up and all traffic returns to"
        " the stable revision. Pause: the rollout stays where it is until a person promotes, resumes or aborts it.",
    )
    progress_deadline: Annotated[Duration, bounded("10s", "24h", "progressDeadline")] = Field(
        default="10m",
        description="How long a new revision may take until it is ready, and each step beyond its own duration. Then it"
        " is given up, removed and remembered as failed; the old one goes on serving. Such as 90s, 10m or 1h30m.",
    )
    history_limit: Annotated[int, Field(ge=0, le=100)] = Field(
        default=10,
        description="How many old revisions are kept as ControllerRevisions, for looking back and for returning to.",
    )
    paused: bool = Field(
        default=False,
        description="Holds every step forward: no new revision starts and none is promoted, and the deadline"
        " does not run: the step begins anew afterwards. What serves is still repaired and scaled, and a candidate that"
        " has a share is still judged: a check that fails ends it, as onFailure says.",
    )

    @property
    def deadline_seconds(self) -> float:
        """``progressDeadline`` in seconds."""
        return seconds(self.progress_deadline)

    @property
    def effective_steps(self) -> tuple[Step, ...]:
        """The steps that a candidate goes; none for a RollingUpdate."""
        if self.strategy == "Canary":
            return self.steps or DEFAULT_STEPS
        if self.strategy == "BlueGreen":
            return (Step(pause=Pause(duration=self.blue_green.auto_promote_after if self.blue_green else None)),)
        return ()

    @property
    def interval_seconds(self) -> float:
        """How often the checks are evaluated."""
        return (self.analysis or Analysis()).interval_seconds

    @property
    def scale_down_seconds(self) -> float:
        """How long a former stable revision stays after a BlueGreen switch; 0 for other strategies."""
        if self.strategy != "BlueGreen":
            return 0.0
        return seconds((self.blue_green or BlueGreen()).scale_down_delay)
