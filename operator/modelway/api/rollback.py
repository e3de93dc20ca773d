"""``spec.rollback``: a revision of the history instead of what ``spec.model`` says."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .field import Object


class Rollback(Object):
    """Which revision of the history shall serve."""

    to_revision: Annotated[int, Field(ge=1)] = Field(
        description="A revision's number, as `kubectl modelway history` tells it. It serves as it was: model, serving"
        " and image. model and serving have no effect meanwhile."
    )
