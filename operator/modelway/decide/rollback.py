"""Which revision is asked for: what ``spec.model`` says, or a revision of the history that ``spec.rollback`` names.

A revision that is returned to gets the next number. The ones that it had are remembered on its ControllerRevision, as
``deployment.kubernetes.io/revision-history`` does for ReplicaSets: ``toRevision: 3`` means the same for as long as it
stands in the spec.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from modelway.api.resource import Spec
from modelway.manifests import names
from modelway.world import Revision

from .revision import Record, target

NOT_FOUND: Final = "RevisionNotFound"
IN_FORCE: Final = "RollbackInForce"
HOW_TO_GO_ON: Final = "Remove spec.rollback, or set its toRevision to another revision."


@dataclass(frozen=True, slots=True)
class Asked:
    """``revision`` is the one that shall serve. Where the history can't give what spec.rollback names (``lost`` says
    why) it is what spec.model says, and nobody brings it up: what serves stays."""

    revision: Revision
    own: str  # the hash of what spec.model and spec.serving say
    to_revision: int | None = None
    found: bool = True
    history: tuple[int, ...] | None = None  # the numbers that there are; None where the right one can't be read

    @property
    def in_force(self) -> bool:
        """Whether a rollback decides what serves."""
        return self.to_revision is not None and self.found

    @property
    def lost(self) -> str:
        """Why the history can't give what is asked for; empty if it can."""
        if self.found:
            return ""
        said = f"spec.rollback.toRevision is {self.to_revision}, and"
        if self.history is None:
            return f"{said} this version of Modelway can't read that revision's snapshot. {HOW_TO_GO_ON}"
        have = ", ".join(map(str, self.history))
        told = f"the history has {have}" if have else "the history is empty"
        return f"{said} {self.revision.deployment} has no revision {self.to_revision}: {told}. {HOW_TO_GO_ON}"

    def keeping(self, revision: Revision) -> Asked:
        """The same, told of the history as it will be: with what stays, should somebody have deleted its record."""
        if self.found or self.history is None:
            return self
        if revision.number == self.to_revision:
            return replace(self, revision=revision, found=True)
        return replace(self, history=tuple(sorted({*self.history, revision.number})))


def asked(name: str, spec: Spec, image: str, records: Mapping[str, Record]) -> Asked:
    """What the spec asks for, all of it read. A rollback wins over the model beside it."""
    own = target(name, spec, image, records)
    number = spec.rollback.to_revision if spec.rollback else None
    if number is None:
        return Asked(own, own.hash)
    record = numbered(number, records)
    if record is None:
        return Asked(own, own.hash, number, False, tuple(sorted(each.number for each in records.values())))
    opened = record.opened(name)
    return Asked(opened, own.hash, number) if opened else Asked(own, own.hash, number, False)


def numbered(number: int, records: Mapping[str, Record]) -> Record | None:
    """The revision that has this number now or, if none does, had it once."""
    now = next((record for record in records.values() if record.number == number), None)
    return now or next((record for record in records.values() if number in record.former), None)


def told(of: Asked, revision: Revision) -> str:
    """That a rollback is in force, what it means and how to leave it; empty without one. ``revision`` is the one that
    it brings, with the number that it has by now."""
    if not of.in_force:
        return ""
    renamed = "" if revision.number == of.to_revision else f" (revision {revision.number} by now)"
    force = f"spec.rollback.toRevision: {of.to_revision}{renamed} is in force"
    if of.own == revision.hash:
        return f"{force}; spec.model says the same, so spec.rollback can be removed."
    own = names.revision(revision.deployment, of.own)
    return f"{force}, so what spec.model says ({own}) does not serve. Remove spec.rollback to go on with it."
