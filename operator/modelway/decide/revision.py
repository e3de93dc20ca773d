"""Revisions: the hash of what changes the answer or the pod, and what the ControllerRevisions remember of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import orjson
from pydantic import ValidationError

from modelway.api.model import Model
from modelway.api.resource import Spec
from modelway.api.serving import Serving
from modelway.manifests import names
from modelway.manifests.timestamps import parsed
from modelway.world import Child, Failure, Kind, Revision

# Raise it when a builder renders other pods from the same snapshot: every ModelDeployment then gets a new revision,
# while the Deployments of the old ones keep the template that they have.
RENDER_VERSION: Final = 2

HASH_LENGTH: Final = 10
REMEMBERED: Final = 256  # snapshots: each is decided on some seven times in a row, and read anew each time until then
MOST_FORMER: Final = 32  # numbers of a revision that was returned to again and again


def snapshot(spec: Spec, image: str) -> dict[str, Any]:
    """What a revision is made of. Defaults are left out, so that a field that a later version adds changes no hash."""
    return _described(*_parts(spec), image)[0]


def _parts(spec: Spec) -> tuple[str, str]:
    """The parts of the spec that a revision is made of, as JSON."""
    model = spec.model.model_dump_json(by_alias=True, exclude_defaults=True)
    return model, spec.serving.model_dump_json(by_alias=True, exclude_defaults=True)


@lru_cache(REMEMBERED)
def _described(model: str, serving: str, image: str) -> tuple[dict[str, Any], str]:
    """The snapshot and its hash. Nobody changes what is remembered here."""
    data = {"model": json.loads(model), "serving": json.loads(serving), "image": image, "render": RENDER_VERSION}
    return data, revision_hash(data)


@lru_cache(REMEMBERED)
def _read(model: bytes, serving: bytes) -> tuple[Model, Serving] | None:
    """The parts of a snapshot; None if this version can't read them."""
    try:
        return Model.model_validate(orjson.loads(model)), Serving.model_validate(orjson.loads(serving))
    except ValidationError:
        return None


def revision_hash(of: Mapping[str, Any]) -> str:
    """The first ten hexadecimal digits of the sha256 of the snapshot's canonical JSON."""
    canonical = json.dumps(of, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:HASH_LENGTH]


@dataclass(frozen=True, slots=True)
class Record:
    """What a ControllerRevision remembers, its snapshot not yet parsed."""

    child: Child
    hash: str
    number: int
    digest: str
    promoted_at: datetime | None
    failure: Failure | None
    former: tuple[int, ...] = ()

    def opened(self, deployment: str) -> Revision | None:
        """The revision; None if this version can't read the snapshot: its children are then left as they are."""
        data = self.child.body.get("data")
        if not isinstance(data, Mapping):
            return None
        parts = _read(orjson.dumps(data.get("model")), orjson.dumps(data.get("serving")))
        if parts is None:
            return None
        fresh = Revision(deployment, self.hash, self.number, data, *parts, str(data.get("image", "")))
        return self.marked(fresh)

    def marked(self, revision: Revision) -> Revision:
        """The revision with the marks that are remembered of it."""
        return replace(
            revision,
            number=self.number,
            digest=self.digest,
            promoted_at=self.promoted_at,
            failure=self.failure,
            former=self.former,
        )


def history(children: Iterable[Child]) -> dict[str, Record]:
    """Every revision that is remembered, by hash."""
    records = (_record(child) for child in children if child.kind is Kind.CONTROLLER_REVISION and not child.deleting)
    return {record.hash: record for record in records if record.hash}


def _record(child: Child) -> Record:
    marks = child.annotations
    failed_at = parsed(marks.get(names.FAILED_AT))
    failure = (
        Failure(failed_at, marks.get(names.FAILED_REASON, ""), marks.get(names.FAILED_MESSAGE, ""))
        if failed_at
        else None
    )
    return Record(
        child=child,
        hash=child.labels.get(names.REVISION, ""),
        number=int(child.body.get("revision") or 0),
        digest=marks.get(names.DIGEST, ""),
        promoted_at=parsed(marks.get(names.PROMOTED_AT)),
        failure=failure,
        former=tuple(int(each) for each in marks.get(names.FORMER, "").split(",") if each.isdecimal()),
    )


def target(name: str, spec: Spec, image: str, records: Mapping[str, Record]) -> Revision:
    """The revision that spec.model and spec.serving describe, with what is remembered of it."""
    data, told = _described(*_parts(spec), image)
    number = 1 + max((record.number for record in records.values()), default=0)
    fresh = Revision(name, told, number, data, spec.model, spec.serving, image)
    known = records.get(fresh.hash)
    return known.marked(fresh) if known else fresh


def next_number(revision: Revision, records: Mapping[str, Record]) -> int:
    """The number of a revision that takes its turn: its own if it is the latest, else the next."""
    others = max((record.number for record in records.values() if record.hash != revision.hash), default=0)
    return revision.number if revision.number > others else others + 1


def renumbered(revision: Revision, records: Mapping[str, Record]) -> Revision:
    """The revision with its number for this turn, and the ones that it had."""
    number = next_number(revision, records)
    if number == revision.number or revision.hash not in records:
        return replace(revision, number=number)
    return replace(revision, number=number, former=(*revision.former, revision.number)[-MOST_FORMER:])


def last_promoted(records: Iterable[Record]) -> str:
    """The hash of the revision that took the front Service last and did not fail since; "" if none did."""
    promoted = [
        (r.promoted_at, r.number, r.hash)
        for r in records
        if r.promoted_at and not (r.failure and r.failure.at > r.promoted_at)
    ]
    return max(promoted)[2] if promoted else ""
