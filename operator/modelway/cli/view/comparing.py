"""``diff``: which two revisions, and what of a ControllerRevision is compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelway.cli.seen import Document, Seen, marks
from modelway.manifests import names

from .difference import Difference, differences
from .returning import Refused, numbered


def chosen(seen: Seen, one: int, other: int) -> tuple[int, int]:
    """The numbers of the two: as asked, else what serves against the candidate, else the latest two."""
    known = [int(each.get("revision", 0)) for each in seen.revisions()]
    if len(known) < 2 and not (one and other):
        raise Refused(f"{seen.name} has one revision only, so there is nothing to compare it with")
    stable = int((seen.status.get("stable") or {}).get("revision", 0))
    latest = next((number for number in known if number != one), known[0]) if known else 0
    if not one:
        one = stable if stable in known and stable != latest else known[1]
    return one, other or next((number for number in known if number != one), latest)


def compared(seen: Seen, one: int, other: int) -> tuple[Difference, ...]:
    """What differs: model, serving and image, and the digest that was recorded."""
    return differences(_content(numbered(seen, one)), _content(numbered(seen, other)))


def _content(revision: Document) -> dict[str, Any]:
    data: Mapping[str, Any] = revision.get("data") or {}
    recorded = marks(revision).get(names.DIGEST)
    content = {key: data[key] for key in ("model", "serving", "image") if key in data}
    return content | ({"recorded digest": recorded} if recorded else {})
