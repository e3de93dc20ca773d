"""``spec.serving.batching``: whether requests that wait are run together."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .field import Object, rule, rules


class Batching(Object):
    """Whether requests that wait are run together. There is no timer: a request never waits for others to come."""

    model_config = rules(
        rule("self.mode != 'Off' || !has(self.maxSize) || self.maxSize == 32", "mode Off has no maxSize; remove it")
    )

    mode: Literal["Auto", "On", "Off"] = Field(
        default="Auto",
        description="Auto: where the model's batch dimension is free, a trial at start shows that batched answers equal"
        " single ones, and batching is faster. On: also where it is not faster. Off: never.",
    )
    max_size: Annotated[int, Field(ge=1, le=65536)] = Field(default=32, description="Rows of one batch, at most.")
