"""``history``: what the ControllerRevisions remember, the newest first."""

from __future__ import annotations

from modelway.cli.seen import Document, Seen, hash_of, marks
from modelway.manifests import names

from .table import Table
from .tree import DIGEST

COLUMNS = ("REVISION", "HASH", "VERSION", "DIGEST", "STATE", "PROMOTED AT", "FAILED AT", "REASON")


def history(seen: Seen) -> Table:
    """One row for each revision."""
    return Table(COLUMNS, tuple(_row(seen, each) for each in seen.revisions()))


def details(seen: Seen, number: int) -> tuple[str, ...]:
    """What is remembered of one revision, line by line; empty if there is none of that number."""
    found = next((each for each in seen.revisions() if int(each.get("revision", 0)) == number), None)
    if found is None:
        return ()
    told = dict(zip(COLUMNS, _row(seen, found), strict=True))
    told["DIGEST"] = marks(found).get(names.DIGEST, "-")
    model = (found.get("data") or {}).get("model") or {}
    lines = [f"{column.lower()}: {text}" for column, text in told.items()]
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
