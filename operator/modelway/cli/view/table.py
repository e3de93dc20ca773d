"""Tables as values: the columns, and rows of text in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

GAP: Final = "   "


@dataclass(frozen=True, slots=True)
class Table:
    """Every row has one text for each column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def records(self) -> list[dict[str, str]]:
        """The rows as objects, for JSON and YAML; columns in camelCase."""
        return [dict(zip(map(_key, self.columns), row, strict=True)) for row in self.rows]


def _key(column: str) -> str:
    first, *rest = column.lower().split(" ")
    return first + "".join(word.capitalize() for word in rest)


def lines(table: Table) -> Iterator[str]:
    """The table as kubectl prints one: columns as wide as they must be, nothing around them."""
    shown: Sequence[tuple[str, ...]] = (table.columns, *table.rows)
    widths = [max(len(row[place]) for row in shown) for place in range(len(table.columns))]
    for row in shown:
        yield GAP.join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
