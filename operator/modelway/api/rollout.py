"""``spec.rollout``: how a new version takes over."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .field import CEL, Duration, Object, Schema, rule, seconds


class Rollout(Object):
    """How a new version takes over."""

    strategy: Literal["RollingUpdate"] = Field(
        default="RollingUpdate",
        description="RollingUpdate: the new revision comes up beside the old one, is loaded, warm and ready with"
        " as many pods,"
        " then takes all traffic in one switch; the old one drains and goes.",
    )
    progress_deadline: Annotated[
        Duration,
        Schema(
            {
                CEL: [
                    rule(
                        "self.matches('^([0-9]{1,5}[smh]){1,3}$') && duration(self) >= duration('10s') &&"
                        " duration(self) <= duration('24h')",
                        "progressDeadline must be a duration from 10s to 24h, such as 90s, 10m or 1h30m",
                    )
                ]
            }
        ),
    ] = Field(
        default="10m",
        description="How long a new revision may take until it is ready. Then it is given up, removed and"
        " remembered as failed;"
        " the old one goes on serving. Such as 90s, 10m or 1h30m.",
    )
    history_limit: Annotated[int, Field(ge=0, le=100)] = Field(
        default=10,
        description="How many old revisions are kept as ControllerRevisions, for looking back and for returning to.",
    )
    paused: bool = Field(
        default=False,
        description="Holds every step forward: no new revision starts and none is promoted, and the deadline"
        " does not run."
        " What serves is still repaired and scaled.",
    )

    @property
    def deadline_seconds(self) -> float:
        """``progressDeadline`` in seconds."""
        return seconds(self.progress_deadline)
