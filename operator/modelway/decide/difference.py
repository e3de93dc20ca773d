"""What must be written: a child is sent if it is missing, was last sent otherwise, or does not hold what was sent."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import orjson

from modelway.api.field import amount
from modelway.manifests import names
from modelway.world import Apply, Child

from .desired import Wanted

_QUANTITIES: Final = frozenset({"requests", "limits", "emptyDir"})  # below these keys "0.5" and "500m" are the same


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


def covers(live: Any, wanted: Any, below: str = "") -> bool:
    """Whether ``live`` holds all of ``wanted``; lists are compared place by place, quantities by their amount."""
    if live == wanted:  # whole parts at once where the API server filled nothing in: a third of a decision's time
        return True
    if isinstance(wanted, dict):
        if not wanted:
            return True
        return isinstance(live, dict) and all(
            covers(live.get(key), value, _scope(key, below)) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        if not wanted:
            return True
        return (
            isinstance(live, list)
            and len(live) >= len(wanted)
            and all(covers(a, b, below) for a, b in zip(live, wanted, strict=False))
        )
    return below in _QUANTITIES and _same_amount(live, wanted)


def _scope(key: str, below: str) -> str:
    return below if below in _QUANTITIES else key


def _same_amount(live: Any, wanted: Any) -> bool:
    try:
        return amount(live) == amount(wanted)
    except ValueError:
        return False
