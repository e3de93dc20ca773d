"""What a person asks for with the annotation ``modelway.io/action: <verb>@<revision hash>[:<anything>]``.

In place of the hash the revision's name will do, as ``status.rollout.target`` tells it: Argo CD's scripts can't cut
a string. Each value is read once: the status acknowledges it, so it need not be removed. What follows the colon makes
the same verb a new value. A verb whose precondition does not hold changes nothing and says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from modelway.manifests import names
from modelway.manifests.timestamps import rfc3339
from modelway.world import Resource

from .steps import Position

LONGEST: Final = 256
ABORTED: Final = "Aborted"  # the reason of a failure
HELD_BY_PERSON: Final = "A person paused it; resume it to go on."

_ACTION: Final = re.compile(r"^([a-z-]{1,32})@((?:[a-z0-9.-]{1,63}-)?[0-9a-f]{10})(:[\x20-\x7e]{0,200})?$")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a verb acts on: the revision that the spec asks for. ``rolling``: it comes up or is in its steps."""

    hash: str
    rolling: bool
    failed: bool
    aborted: bool  # by a person, perhaps by this very verb, before a crash kept us from saying so
    told_failed: bool  # the status says that it failed
    position: Position


@dataclass(frozen=True, slots=True)
class Obeyed:
    """What became of the annotation. Without a new one, ``action`` is empty and nothing else is set."""

    position: Position
    action: str = ""
    done: bool = False
    message: str = ""
    abort: bool = False
    retry: bool = False

    def acknowledged(self, before: dict[str, Any] | None, now: datetime) -> dict[str, Any] | None:
        """``status.rollout.lastAction``."""
        if not self.action:
            return before
        result = "Done" if self.done else "Ignored"
        return {"action": self.action, "result": result, "message": self.message, "at": rfc3339(now)}


def obey(resource: Resource, subject: Subject, now: datetime) -> Obeyed:
    """Reads the annotation, if it is a new one."""
    value = resource.annotations.get(names.ACTION, "")[:LONGEST]
    rollout: Any = resource.status.get("rollout") or {}
    if not value or value == (rollout.get("lastAction") or {}).get("action"):
        return Obeyed(subject.position)
    ignored = Obeyed(subject.position, value)
    found = _ACTION.match(value)
    if found is None or found[1] not in _VERBS:
        known = ", ".join(_VERBS)
        return replace(ignored, message=f"It is not <verb>@<revision hash>, where the verb is one of {known}.")
    if found[2] not in (subject.hash, names.revision(resource.name, subject.hash)):
        text = f"It is about revision {found[2]}, but the spec asks for {subject.hash} now."
        return replace(ignored, message=text)
    return _VERBS[found[1]](subject, ignored, now)


def _promote(subject: Subject, ignored: Obeyed, now: datetime) -> Obeyed:
    refusal = _not_in_steps(subject)
    if refusal:
        return replace(ignored, message=refusal)
    return replace(ignored, position=subject.position.next(now), done=True, message="Went to the next step.")


def _promote_full(subject: Subject, ignored: Obeyed, now: datetime) -> Obeyed:
    if not subject.rolling:
        return replace(ignored, message=_NOT_ROLLING)
    end = replace(subject.position, index=len(subject.position.steps), began=now, held="")
    text = "Skipped all gates and steps; it takes over as soon as enough of its pods are ready."
    return replace(ignored, position=end, done=True, message=text)


def _pause(subject: Subject, ignored: Obeyed, now: datetime) -> Obeyed:
    refusal = _not_in_steps(subject)
    if refusal:
        return replace(ignored, message=refusal)
    held = replace(subject.position, held=HELD_BY_PERSON)
    return replace(ignored, position=held, done=True, message="Paused; weights stay as they are.")


def _resume(subject: Subject, ignored: Obeyed, now: datetime) -> Obeyed:
    refusal = "" if subject.rolling and subject.position.held else _not_in_steps(subject)
    if refusal:
        return replace(ignored, message=refusal)
    if subject.position.held:
        resumed = replace(subject.position, held="", began=now)
        return replace(ignored, position=resumed, done=True, message="Resumed; the step begins anew.")
    if subject.position.waits_for_a_person:
        return replace(ignored, position=subject.position.next(now), done=True, message="The pause is over.")
    return replace(ignored, message="It is not paused.")


def _abort(subject: Subject, ignored: Obeyed, now: datetime) -> Obeyed:
    if not subject.rolling and not subject.aborted:
        return replace(ignored, message=_NOT_ROLLING)
    text = "Given up; all traffic returns to the stable revision."
    return replace(ignored, abort=subject.rolling, done=True, message=text)


def _retry(subject: Subject, ignored: Obeyed, now: datetime) -> Obeyed:
    if not subject.failed and not (subject.rolling and subject.told_failed):
        return replace(ignored, message="The revision did not fail, so there is nothing to retry.")
    begin = Position(subject.position.steps)
    return replace(ignored, position=begin, retry=True, done=True, message="The failure is forgotten; it begins anew.")


_NOT_ROLLING: Final = "The revision does not come up at the moment: it serves already, or was given up."


def _not_in_steps(subject: Subject) -> str:
    if not subject.rolling:
        return _NOT_ROLLING
    if subject.position.began is None:
        return "The revision is still coming up; promote-full would skip its gates and steps."
    if subject.position.done and subject.position.held:
        return "It is held behind its last step; promote-full lets it take over all the same."
    return "Every step is done; it is about to take over." if subject.position.done else ""


def insisted(resource: Resource, obeyed: Obeyed, revision: str) -> bool:
    """Whether a person said that this revision (its hash) shall take over, whatever is found."""
    rollout: Any = resource.status.get("rollout") or {}
    last = rollout.get("lastAction") or {}
    said = [obeyed.action if obeyed.done else "", last.get("action", "") if last.get("result") == "Done" else ""]
    mine = (revision, names.revision(resource.name, revision))
    found = [_ACTION.match(str(each)) for each in said]
    return any(each is not None and each[1] == "promote-full" and each[2] in mine for each in found)


_VERBS: Final[dict[str, Callable[[Subject, Obeyed, datetime], Obeyed]]] = {
    "promote": _promote,
    "promote-full": _promote_full,
    "pause": _pause,
    "resume": _resume,
    "abort": _abort,
    "retry": _retry,
}
VERBS: Final = tuple(_VERBS)
