"""``spec.traffic``: which requests the candidate gets beside its share."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from .field import Matches, Object, Schema, text

HEADER_NAME: Final = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"

HeaderName = Annotated[str, text(64), Matches(HEADER_NAME, "must be the name of an HTTP header, such as x-model")]


class HeaderMatch(Object):
    """A request header."""

    name: HeaderName = Field(description="The header's name; upper and lower case are the same.")
    value: Annotated[str, text(256)] = Field(description="Its exact value.")


class Sticky(Object):
    """Requests that belong together go the same way."""

    header: HeaderName = Field(
        description="Requests with the same value of this header are answered by the same revision; a value that went"
        " to the candidate stays with it as the weight grows."
    )


class Traffic(Object):
    """Which requests the candidate gets, beside or within its share, while a rollout is in its steps."""

    headers: Annotated[tuple[HeaderMatch, ...], Schema({"maxItems": 8, "x-kubernetes-list-type": "atomic"})] = Field(
        default=(),
        description="A request with any of these headers goes to the candidate, whatever its weight: for testers.",
    )
    sticky: Sticky | None = Field(default=None, description="Requests that belong together go the same way.")
