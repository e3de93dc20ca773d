"""``spec.scaling``: how many pods serve."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from .field import Object, rule, rules

DEFAULT_TARGET: Final = 70
MAXIMUM_REPLICAS: Final = 1000


class Scaling(Object):
    """How many pods serve: a fixed number, or as many as the load needs between two bounds.

    ``replicas`` has a default because the scale subresource reads it; beside min and max the default has no effect, and
    any other value is refused. min, metric and target get their defaults here and not in the schema, for there they
    would appear beside a fixed number and mean nothing.
    """

    model_config = rules(
        rule(
            "!has(self.max) || !has(self.replicas) || self.replicas == 1",
            "set either replicas, or min and max: with max set, the autoscaler decides; remove replicas or set"
            " it to its default, 1",
        ),
        rule(
            "has(self.max) || (!has(self.min) && !has(self.metric) && !has(self.target))",
            "min, metric and target belong to autoscaling, which needs max; set max, or remove them and use replicas",
        ),
        rule("!has(self.max) || !has(self.min) || self.min <= self.max", "min must not be greater than max"),
        description="How many pods serve: a fixed number (replicas), or as many as the load needs between min and max.",
    )

    replicas: Annotated[int, Field(ge=0, le=MAXIMUM_REPLICAS)] = Field(
        default=1,
        description="A fixed number of pods; 0 scales to zero. `kubectl scale` sets this field. Beside min and"
        " max only the"
        " default, 1, is accepted; it has no effect there.",
    )
    min: Annotated[int, Field(ge=1, le=MAXIMUM_REPLICAS)] | None = Field(
        default=None, description="Autoscaling: never fewer pods. 1 if max is set and min is not."
    )
    max: Annotated[int, Field(ge=1, le=MAXIMUM_REPLICAS)] | None = Field(
        default=None, description="Autoscaling: never more pods. Setting it switches autoscaling on."
    )
    metric: Literal["CPU"] | None = Field(
        default=None,
        description="Autoscaling: what is measured. CPU (the default) is the use of the requested CPU, averaged"
        " over the pods.",
    )
    target: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description=f"Autoscaling: the percentage of the requested CPU to hold. {DEFAULT_TARGET} if not set.",
    )

    @property
    def autoscaled(self) -> bool:
        """Whether an autoscaler owns the number of pods."""
        return self.max is not None

    @property
    def lowest(self) -> int:
        """The fewest pods that serve: replicas, or the autoscaler's lower bound."""
        return (self.min or 1) if self.autoscaled else self.replicas

    @property
    def highest(self) -> int:
        """The most pods that serve."""
        return self.max if self.max is not None else self.replicas
