"""``list``: one row for each ModelDeployment, with the step that it is in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from modelway.cli.seen import Document, Seen
from modelway.manifests.timestamps import parsed

from .table import Table

LONGEST: Final = 72  # of a message: `why` has all of it
_UNITS: Final = (("d", 86400), ("h", 3600), ("m", 60))


def listing(documents: Iterable[Document], now: datetime) -> Table:
    """The table of ModelDeployments."""
    columns = ("NAMESPACE", "NAME", "READY", "PHASE", "STABLE", "CANDIDATE", "WEIGHT", "STEP", "PODS", "AGE", "MESSAGE")
    return Table(columns, tuple(_row(Seen(document), now) for document in documents))


def _row(seen: Seen, now: datetime) -> tuple[str, ...]:
    stable, candidate = seen.status.get("stable") or {}, seen.status.get("candidate") or {}
    rollout = seen.rollout
    step = f"{rollout['step']}/{rollout['steps']}" if rollout.get("step") and rollout.get("steps") else "-"
    weight = candidate.get("weight")
    return (
        seen.namespace,
        seen.name,
        str(seen.condition("Ready").get("status", "Unknown")),
        str(seen.status.get("phase", "Unknown")),
        _called(stable),
        _called(candidate),
        "-" if weight is None else f"{weight}%",
        step,
        f"{stable.get('ready', 0)}/{stable.get('replicas', 0)}",
        age(parsed(seen.resource["metadata"].get("creationTimestamp")), now),
        _shortened(str(rollout.get("message", ""))),
    )


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _called(told: Document) -> str:
    if not told:
        return "-"
    number = str(told.get("revision", "?"))
    return f'{number} "{told["version"]}"' if told.get("version") else number


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit of which it is at least two: 90s, 5m, 3h, 2d."""
    if since is None:
        return "-"
    seconds = max(0, int((now - since).total_seconds()))
    for unit, length in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
