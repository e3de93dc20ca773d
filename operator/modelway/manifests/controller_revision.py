"""A revision's ControllerRevision: its snapshot, which never changes, and in annotations what was learnt about it."""

from __future__ import annotations

from modelway.world import Manifest, Resource, Revision

from . import metadata, names
from .timestamps import precise


def controller_revision(resource: Resource, revision: Revision) -> Manifest:
    """The ControllerRevision of a revision."""
    marks: dict[str, str] = {}
    if revision.digest:
        marks[names.DIGEST] = revision.digest
    if revision.promoted_at:
        marks[names.PROMOTED_AT] = precise(revision.promoted_at)
    if revision.former:
        marks[names.FORMER] = ",".join(map(str, revision.former))
    if revision.failure:
        marks[names.FAILED_AT] = precise(revision.failure.at)
        marks[names.FAILED_REASON] = revision.failure.reason
        marks[names.FAILED_MESSAGE] = revision.failure.message
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata.of_revision(resource, revision, marks),
        "data": dict(revision.snapshot),
        "revision": revision.number,
    }
