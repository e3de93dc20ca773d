"""A line with lines below it: what a tree in a terminal is made of, before anybody thinks of colours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """What a line means; the terminal's edge makes colours of it, a pipe nothing."""

    PLAIN = "plain"
    STRONG = "strong"
    GOOD = "good"
    BAD = "bad"
    WAITING = "waiting"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Branch:
    """A line and what is below it."""

    text: str
    tone: Tone = Tone.PLAIN
    below: tuple[Branch, ...] = ()


def plain(branch: Branch, first: str = "", rest: str = "") -> Iterator[str]:
    """The tree as lines of text, each with its guides."""
    yield first + branch.text
    for place, each in enumerate(branch.below):
        last = place == len(branch.below) - 1
        yield from plain(each, rest + ("└── " if last else "├── "), rest + ("    " if last else "│   "))
