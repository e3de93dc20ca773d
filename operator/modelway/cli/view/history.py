"""``history``: what the ControllerRevisions remember, the newest first."""

from __future__ import annotations

from modelway.cli.seen import Document, Seen, hash_of, marks, numbers_before
from modelway.manifests import names

from .returning import Refused, numbered
from .table import Table
from .tree import DIGEST

COLUMNS = ("REVISION", "HASH", "VERSION", "DIGEST", "STATE", "PROMOTED AT", "FAILED AT", "REASON")


def history(seen: Seen) -> Table:
    """One row for each revision. Those that were returned to had other numbers before, which spec.rollback.toRevision
    still understands."""
    rows = tuple(_row(seen, each) for each in seen.revisions())
    before = tuple(", ".join(map(str, numbers_before(each))) for each in seen.revisions())
    if not any(before):
        return Table(COLUMNS, rows)
    told = ((row[0], was or "-", *row[1:]) for row, was in zip(rows, before, strict=True))
    return Table((COLUMNS[0], "WAS", *COLUMNS[1:]), tuple(told))


def details(seen: Seen, number: int) -> tuple[str, ...]:
    """What is remembered of one revision, line by line; empty if there is none of that number."""
    try:
        found = numbered(seen, number)
    except Refused:
        return ()
    told = dict(zip(COLUMNS, _row(seen, found), strict=True))
    told["DIGEST"] = marks(found).get(names.DIGEST, "-")
    model = (found.get("data") or {}).get("model") or {}
    lines = [f"{column.lower()}: {text}" for column, text in told.items()]
    was = ", ".join(map(str, numbers_before(found)))
    lines += [f"was: {was}"] if was else []
    return (*lines, f"model: {model.get('uri', '-')}", f"message: {marks(found).get(names.FAILED_MESSAGE, '-')}")


def _row(seen: Seen, revision: Document) -> tuple[str, ...]:
    known, hash = marks(revision), hash_of(revision)
    model = (revision.get("data") or {}).get("model") or {}
    return (
        str(revision.get("revision", "")),
        hash,
        str(model.get("version", "-")),
        known.get(names.DIGEST, "-")[:DIGEST],
        _state(seen, hash, known.get(names.FAILED_REASON, "")),
        known.get(names.PROMOTED_AT, "-"),
        known.get(names.FAILED_AT, "-"),
        known.get(names.FAILED_REASON, "-"),
    )


def _state(seen: Seen, hash: str, failed: str) -> str:
    for role in ("stable", "candidate"):
        if str((seen.status.get(role) or {}).get("name", "")) == names.revision(seen.name, hash):
            return "failed" if failed and role == "candidate" else role
    return "failed" if failed else "former"
