"""What differs between two documents, by field: ``diff`` of revisions, and what a file would change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """A field whose value differs; None is told apart from a field that is not there by ``was`` and ``will_be``."""

    field: str
    before: Any
    after: Any
    was: bool  # it is there before
    will_be: bool  # it is there after

    def lines(self) -> Iterator[str]:
        """As a unified diff tells it."""
        if self.was:
            yield f"- {self.field}: {_shown(self.before)}"
        if self.will_be:
            yield f"+ {self.field}: {_shown(self.after)}"


def differences(before: Any, after: Any, path: str = "") -> tuple[Difference, ...]:
    """Every leaf that differs, in the order of the fields' names; lists are compared place by place."""
    return tuple(_walk(before, after, path))


def _walk(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if isinstance(before, Mapping | None) and isinstance(after, Mapping | None) and (before or after):
        for key in sorted({*(before or {}), *(after or {})}):
            one, other = (before or {}).get(key, _ABSENT), (after or {}).get(key, _ABSENT)
            yield from _walk(one, other, f"{path}.{key}" if path else str(key))
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        for place in range(max(len(before), len(after))):
            one, other = (values[place] if place < len(values) else _ABSENT for values in (before, after))
            yield from _walk(one, other, f"{path}[{place}]")
    elif isinstance(before, Mapping) and after is _ABSENT and before:
        yield from _walk(before, {}, path)
    elif isinstance(after, Mapping) and before is _ABSENT and after:
        yield from _walk({}, after, path)
    elif before is _ABSENT or after is _ABSENT or before != after:
        yield Difference(
            path,
            None if before is _ABSENT else before,
            None if after is _ABSENT else after,
            before is not _ABSENT,
            after is not _ABSENT,
        )


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
