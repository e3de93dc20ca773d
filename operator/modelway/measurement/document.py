"""A pod's state document as a ``Report``. The model's author decides what runs in the pod, so nothing in it is
trusted: types, sizes and signs are checked, and parts are never larger than the whole.

Unknown keys are ignored, so that an older operator reads a newer server; a part that is missing is empty.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from .histogram import LAST, Histogram
from .report import ANY, MOST_CLASSES, Answered, Forwarded, OutputAgreement, Report, Shadow, Signature, Spread, Tensor

_LARGEST_FLOAT: Final = sys.float_info.max
LARGEST: Final = 2**53  # what every JSON reader holds exactly
MOST_TENSORS: Final = 256
MOST_DIMENSIONS: Final = 64
MOST_CAUSES: Final = 16
LONGEST_NAME: Final = 256
LONGEST_SENTENCE: Final = 300  # characters; what is longer is cut, for it goes into a status

T = TypeVar("T")
_CLASS: Final = re.compile(r"[0-9]{1,16}|NaN")


def parse_report(document: Any, pod: str, uid: str, taken_at: datetime) -> Report:
    """The report in a decoded ``GET /modelway/state``. Raises ValueError with a sentence that names pod and field."""
    try:
        top = _object({"state": document}, "state")
        return Report(
            pod=pod,
            uid=uid,
            taken_at=taken_at,
            revision=_text(top, "revision"),
            digest=_text(top, "digest", ""),
            generation=_count(top, "generation"),
            ready=_flag(top, "ready"),
            since=_amount(top, "since"),
            signature=_part(top, "signature", _signature, None),
            own=_part(top, "own", _answered, Answered()),
            forwarded=_part(top, "forwarded", _forwarded, Forwarded()),
            shadow=_part(top, "shadow", _shadow, Shadow()),
        )
    except ValueError as error:
        raise ValueError(f"Pod {pod} reports a state that cannot be used: {error}") from None


def _signature(owner: Mapping[str, Any]) -> Signature:
    return Signature(_tensors(owner, "inputs"), _tensors(owner, "outputs"))


def _tensors(owner: Mapping[str, Any], key: str) -> tuple[Tensor, ...]:
    found = owner.get(key, [])
    if not isinstance(found, list) or len(found) > MOST_TENSORS:
        raise ValueError(f"{key} is no list of at most {MOST_TENSORS}.")
    tensors = tuple(_tensor(_object({key: each}, key)) for each in found)
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise ValueError(f"{key} has a name twice.")
    return tensors


def _tensor(owner: Mapping[str, Any]) -> Tensor:
    shape = owner.get("shape")
    if not isinstance(shape, list) or len(shape) > MOST_DIMENSIONS or not all(map(_dimension, shape)):
        raise ValueError(f"shape is no list of at most {MOST_DIMENSIONS} sizes, each -1 or more.")
    return Tensor(_text(owner, "name"), _text(owner, "datatype"), tuple(shape), _flag(owner, "optional", False))


def _dimension(size: Any) -> bool:
    return type(size) is int and ANY <= size <= LARGEST


def _answered(owner: Mapping[str, Any]) -> Answered:
    requests, errors, rejected = (_count(owner, key, 0) for key in ("requests", "errors", "rejected"))
    _within("errors and rejected", errors + rejected, "requests", requests)
    return Answered(requests, errors, rejected, _part(owner, "latency", _histogram, Histogram()))


def _forwarded(owner: Mapping[str, Any]) -> Forwarded:
    requests, causes = _count(owner, "requests", 0), _object(owner, "failed", {})
    if len(causes) > MOST_CAUSES:
        raise ValueError(f"failed has more than {MOST_CAUSES} causes.")
    failed = {_name(cause): _count(causes, cause) for cause in causes}
    _within("failed", sum(failed.values()), "requests", requests)
    return Forwarded(requests, failed, _part(owner, "latency", _histogram, Histogram()))


def _shadow(owner: Mapping[str, Any]) -> Shadow:
    sent, dropped, failed, compared, agreed = (
        _count(owner, key, 0) for key in ("sent", "dropped", "failed", "compared", "agreed")
    )
    _within("failed and compared", failed + compared, "sent", sent)
    _within("agreed", agreed, "compared", compared)
    outputs = _object(owner, "outputs", {})
    if len(outputs) > MOST_TENSORS:
        raise ValueError(f"outputs has more than {MOST_TENSORS} names.")
    return Shadow(
        sent,
        dropped,
        failed,
        compared,
        agreed,
        {_name(name): _agreement(_object(outputs, name)) for name in outputs},
        _part(owner, "stableLatency", _histogram, Histogram()),
        _part(owner, "candidateLatency", _histogram, Histogram()),
        _sentence(owner, "failure"),
    )


def _agreement(owner: Mapping[str, Any]) -> OutputAgreement:
    compared, agreed, classes, same = (_count(owner, key, 0) for key in ("compared", "agreed", "classes", "sameClass"))
    _within("agreed", agreed, "compared", compared)
    _within("sameClass", same, "classes", classes)
    largest, relative, total = (_difference(owner, key) for key in ("maxAbsolute", "maxRelative", "sumAbsolute"))
    stable, candidate = (_spread(owner, side, classes) for side in ("stable", "candidate"))
    told = _sentence(owner, "example")
    elements = _count(owner, "elements", 0)
    return OutputAgreement(compared, agreed, classes, same, largest, relative, total, told, elements, stable, candidate)


def _spread(owner: Mapping[str, Any], side: str, rows: int) -> Spread:
    given = _object(owner, f"{side}Classes", {})
    if len(given) > MOST_CLASSES:
        raise ValueError(f"{side}Classes has more than {MOST_CLASSES} names.")
    for name in given:
        if not _CLASS.fullmatch(name):
            raise ValueError(f"{side}Classes has the name {_shown(name)}, and no whole number or NaN.")
    classes = {name: _count(given, name) for name in given}
    _within(f"{side}Classes", sum(classes.values()), "classes", rows)
    return Spread(_number(owner, f"{side}Sum"), _difference(owner, f"{side}Squares"), classes)


def _histogram(owner: Mapping[str, Any]) -> Histogram:
    """What the buckets hold is the count: ``count`` beside them says it a second time."""
    given, total = _object(owner, "buckets", {}), _amount(owner, "sum", 0.0)
    if len(given) > LAST + 1:
        raise ValueError(f"buckets are more than {LAST + 1}.")
    buckets: dict[int, int] = {}
    for key in given:
        if not (len(key) <= 3 and key.isascii() and key.isdigit() and int(key) <= LAST):
            raise ValueError(f"buckets has the index {key[:LONGEST_NAME]!r}; they go from 0 to {LAST}.")
        if count := _count(given, key):
            buckets[int(key)] = buckets.get(int(key), 0) + count
    return Histogram(sum(buckets.values()), total, buckets)


def _part(owner: Mapping[str, Any], key: str, read: Callable[[Mapping[str, Any]], T], absent: T) -> T:
    """``owner[key]``, an object, read by ``read``; errors get the key in front."""
    if owner.get(key) is None:
        return absent
    try:
        return read(_object(owner, key))
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _object(owner: Mapping[str, Any], key: str, absent: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    found = owner.get(key, absent)
    if not isinstance(found, dict):
        raise ValueError(f"{key[:LONGEST_NAME]} is no object.")
    return found if all(isinstance(name, str) for name in found) else {}


def _count(owner: Mapping[str, Any], key: str, absent: int | None = None) -> int:
    found = owner.get(key, absent)
    if type(found) is not int or not 0 <= found <= LARGEST:
        raise ValueError(f"{key} is {_shown(found)}, and no count from 0 to 2^53.")
    return found


def _amount(owner: Mapping[str, Any], key: str, absent: float | None = None) -> float:
    found = owner.get(key, absent)
    if type(found) not in (int, float) or not 0 <= found <= LARGEST:  # NaN compares false
        raise ValueError(f"{key} is {_shown(found)}, and no number from 0 to 2^53.")
    return float(found)


def _difference(owner: Mapping[str, Any], key: str) -> float:
    """A difference of any size; null, as JSON has no word for it, is one that is not finite."""
    found = owner.get(key, 0.0)
    if found is None:
        return math.inf
    if type(found) not in (int, float) or not found >= 0:  # NaN compares false
        raise ValueError(f"{key} is {_shown(found)}, and no number from 0 on.")
    return float(found) if found <= 1e308 else math.inf  # a whole number may be too large for a float


def _number(owner: Mapping[str, Any], key: str) -> float:
    """A sum, of either sign."""
    found = owner.get(key, 0.0)
    if type(found) not in (int, float) or not -_LARGEST_FLOAT <= found <= _LARGEST_FLOAT:  # NaN compares false
        raise ValueError(f"{key} is {_shown(found)}, and no number.")
    return float(found)


def _text(owner: Mapping[str, Any], key: str, absent: str | None = None) -> str:
    found = owner.get(key, absent)
    if not isinstance(found, str):
        raise ValueError(f"{key} is no string.")
    return _name(found)


def _sentence(owner: Mapping[str, Any], key: str) -> str:
    """Words for people, or none: cut to a length, without line breaks and terminals' control characters."""
    found = owner.get(key) or ""
    if not isinstance(found, str):
        raise ValueError(f"{key} is no string.")
    return "".join(letter for letter in found[:LONGEST_SENTENCE] if letter.isprintable())


def _flag(owner: Mapping[str, Any], key: str, absent: bool | None = None) -> bool:
    found = owner.get(key, absent)
    if not isinstance(found, bool):
        raise ValueError(f"{key} is {_shown(found)}, and neither true nor false.")
    return found


def _name(text: str) -> str:
    if len(text) > LONGEST_NAME or not text.isprintable():
        raise ValueError(f"{_shown(text)} is longer than {LONGEST_NAME} characters or not printable.")
    return text


def _within(part: str, smaller: int, whole: str, larger: int) -> None:
    if smaller > larger:
        raise ValueError(f"{part} are {smaller}, more than {whole} ({larger}).")


def _shown(value: Any) -> str:
    """A value in a sentence: short, whatever it is. A huge whole number is never written out."""
    if type(value) in (bool, float, type(None)):
        return repr(value)
    if type(value) is int:
        return str(value) if -LARGEST <= value <= LARGEST else "beyond 2^53"
    return repr(value[:40]) if isinstance(value, str) else f"a {type(value).__name__}"
