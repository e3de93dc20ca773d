"""What must be written: a child is sent if it is missing, was last sent otherwise, or does not hold what was sent."""

from __future__ import annotations

import hashlib
from typing import Final

import orjson

from modelway.manifests import names
from modelway.world import Apply, Child

from .covering import covers
from .desired import Wanted


def write(live: Child | None, wanted: Wanted) -> Apply | None:
    """The apply that brings a child about; None if it stands. A child on its way out is waited for: the watch tells."""
    if live and live.deleting:
        return None
    applied = _fingerprint(wanted)
    if live and (wanted.as_it_lives or live.annotations.get(names.APPLIED) == applied) and _stands(live, wanted):
        return None
    manifest = wanted.manifest
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), names.APPLIED: applied}
    return Apply(
        {**manifest, "metadata": {**metadata, "annotations": annotations}}, create=live is None, why=wanted.why
    )


def _fingerprint(wanted: Wanted) -> str:
    return hashlib.sha256(orjson.dumps(wanted.manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _stands(live: Child, wanted: Wanted) -> bool:
    metadata = wanted.manifest["metadata"]
    if not covers(live.labels, metadata["labels"]) or not covers(live.annotations, metadata.get("annotations", {})):
        return False
    return all(covers(live.body.get(key), value, key) for key, value in wanted.manifest.items() if key not in _IDENTITY)


_IDENTITY: Final = frozenset({"apiVersion", "kind", "metadata"})
