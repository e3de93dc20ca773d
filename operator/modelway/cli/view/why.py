"""``why``: one paragraph: what happens, what hinders, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from modelway.cli.seen import Document, Seen
from modelway.decide.gateway import CONDITION

from .prospect import gateways, next_up, waits

_PROMOTE: Final = (
    "`modelway promote {name}` goes on with the next step, `modelway promote {name} --full` takes over at once,"
    " `modelway abort {name}` returns all traffic to the stable revision."
)
_RETRY: Final = (
    "`modelway undo {name}` returns the spec to what serves, `modelway retry {name}` tries the same revision again."
)
_AGAIN: Final = "`modelway retry {name}` tries the same revision again."
_NOTHING: Final = "Nothing needs to be done."

_HELD: Final = (
    "`modelway resume {name}` begins the step again, `modelway promote {name}` goes on with the next one,"
    " `modelway abort {name}` returns all traffic to the stable revision."
)

_HINDERED: Final = "It is tried until spec.rollout.progressDeadline has passed; `modelway abort {name}` ends it."

# Progressing's reasons that name nothing to put right; every other one is a trouble, and its message holds the remedy.
_CALM: Final = frozenset({"Complete", "RevisionProgressing", "Scaling", "NoReadyPods", "Paused", "ScaledToZero"})

# What a person can do in each phase; a Stalled condition, a person who is waited for, or a trouble comes before it.
_REMEDIES: Final[Mapping[str, str]] = {
    "Pending": "Nothing needs to be done while its pods come up; `modelway get {name} --watch` shows them.",
    "Progressing": "Nothing needs to be done; `modelway get {name} --watch` shows it, `modelway abort {name}` ends it.",
    "Ready": _NOTHING,
    "Degraded": "See to what keeps its pods from being ready.",
    "Paused": "Set spec.rollout.paused to false to go on.",
    "ScaledToZero": "Raise spec.scaling.replicas to serve again.",
    "Failed": "Correct what the message names.",
}


def why(seen: Seen) -> str:
    """The paragraph."""
    if not seen.status:
        return f"{waits(seen)} `kubectl get pods -A -l app.kubernetes.io/name=modelway` shows its pods."
    parts = [str(seen.rollout.get("message", "")), *_unconfirmed(seen), *_evidence(seen), *_warnings(seen)]
    told = [part for part in parts if part]
    if not seen.current:
        told.insert(0, waits(seen))
    coming = next_up(seen)
    if coming and not seen.condition("Stalled"):
        told.append(f"Next: {coming}")
    return " ".join(filter(None, [*_fresh(told), _remedy(seen)]))


def _unconfirmed(seen: Seen) -> tuple[str, ...]:
    """What a gateway has yet to say of the latest share; what it refuses is in the status's message."""
    if not seen.status.get("candidate") or seen.condition(CONDITION).get("status") != "True":
        return ()
    return (gateways(seen),)


def _evidence(seen: Seen) -> tuple[str, ...]:
    """The checks that do not simply pass."""
    found = seen.rollout.get("evidence") or ()
    if not seen.condition("Stalled") and not seen.status.get("candidate"):
        return ()
    return tuple(_ended(str(each.get("message", ""))) for each in found if each.get("state") != "Passed")


def _warnings(seen: Seen) -> tuple[str, ...]:
    """The last warning about a revision that is under way, if it says more than the status does."""
    if not seen.status.get("candidate") or seen.condition("Stalled"):
        return ()
    about, since = str(seen.rollout.get("target")), str(seen.rollout.get("startedAt") or "")
    warnings = [
        each
        for each in seen.events
        if each.get("type") == "Warning" and about in str(each.get("note")) and _last(each) >= since
    ]
    if not warnings:
        return ()
    return (f"Event {warnings[-1].get('reason')}: {_ended(str(warnings[-1].get('note', '')))}",)


def _last(event: Document) -> str:
    """When it happened last, in RFC 3339: an earlier attempt at the same revision is none of this one's business."""
    return str((event.get("series") or {}).get("lastObservedTime") or event.get("eventTime") or "")


def _fresh(told: list[str]) -> list[str]:
    """Without what an earlier part says already."""
    return [part for place, part in enumerate(told) if not any(part.rstrip(".") in other for other in told[:place])]


def _remedy(seen: Seen) -> str:
    failed = seen.status.get("candidate") and seen.status.get("phase") == "Failed"
    if seen.condition("Stalled") and failed:
        return (_RETRY if seen.status.get("stable") else _AGAIN).format(name=seen.name)
    if seen.rollout.get("held"):
        return _HELD.format(name=seen.name)
    progressing = seen.condition("Progressing")
    if progressing.get("reason") == "WaitsForPerson":
        return _PROMOTE.format(name=seen.name)
    if progressing.get("status") == "True" and progressing.get("reason") not in _CALM:
        return _HINDERED.format(name=seen.name) if seen.status.get("candidate") else ""
    return _REMEDIES.get(str(seen.status.get("phase")), "").format(name=seen.name)


def _ended(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
