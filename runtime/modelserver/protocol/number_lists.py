"""Long lists of numbers in an inference request, from their text to arrays without a Python object for each number.

784 fractions take simdjson 9 µs, orjson and `struct` 22. What is not plain (nested lists, nulls, booleans, whole
numbers that may have been rounded, whatever is to be refused) is left to those, which also tell what is wrong with it.
Both ways read a fraction as the float64 nearest to its text.
"""

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from modelserver.tensors import DATATYPES

if TYPE_CHECKING:
    from csimdjson import Parser

WORTHWHILE_BYTES = 1024  # of a body; a shorter one is read as fast the plain way
LARGEST_BYTES = 2 * 1024**2  # a body of one-digit numbers takes 18 times its size in here
MOST_LISTS, MOST_NAMES = 64, 16  # simdjson looks through all names for one: many would take quadratic time
KEPT_BYTES = 256 * 1024  # a parser holds on to about ten times its longest body; longer ones get one of their own
DTYPES = {name: DATATYPES[name].dtype for name in ("FP32", "FP64")}
SCALARS = {str, int, float, bool, type(None)}
FLOAT64 = DTYPES["FP64"]
# Last bytes (little-endian) of float64s so small that no whole number among them can have been rounded: below 2**17 on
# the way to FP32, which holds all below 2**24, and below 2**49 of FP64's 2**53.
SMALL = {
    name: bytes(byte for byte in range(256) if byte & 127 < first) for name, first in (("FP32", 0x41), ("FP64", 0x43))
}


class _Parsers(threading.local):
    """A parser for each thread, made when the first long body comes: the import takes 10 ms and 1.4 MB."""

    kept: "Parser | None" = None

    def fitting(self, size: int) -> "Parser":
        if self.kept is not None and size <= KEPT_BYTES:
            return self.kept
        from csimdjson import Parser

        parser = Parser()
        if size <= KEPT_BYTES:
            self.kept = parser
        return parser


_parsers = _Parsers()


def document(body: bytes) -> dict[str, Any] | None:
    """The request with an array as each input's `data`; None where it is to be read the plain way.

    The arrays have the dtype of the `datatype` that the request names, one dimension, and no shape checked.
    """
    if not WORTHWHILE_BYTES <= len(body) <= LARGEST_BYTES or (brackets := _brackets(body)) > MOST_LISTS:
        return None
    try:
        request, lists = _read(_parsers.fitting(len(body)).parse(body))
    # simdjson has no exceptions of its own; AttributeError where `data` is no list.
    except (ValueError, TypeError, KeyError, RuntimeError, AttributeError):
        return None
    # simdjson flattens without a word. More brackets than lists: one of them is nested (or a text has a bracket).
    return request if brackets == lists else None


def _brackets(body: bytes) -> int:
    """How many lists open, counted up to one more than `MOST_LISTS`."""
    at = -1
    for count in range(MOST_LISTS + 1):
        at = body.find(b"[", at + 1)  # memchr, which count() is not: 0.5 µs instead of 2.4 for 6 kB
        if at < 0:
            return count
    return MOST_LISTS + 1


def _read(parsed: Any) -> tuple[dict[str, Any], int]:
    """The request, and how many lists there are in it if none is nested. Raises ValueError, TypeError, KeyError."""
    request = _members(parsed, "inputs")
    request["inputs"] = [_entry(entry) for entry in parsed["inputs"]]
    return request, 1 + 2 * len(request["inputs"]) + (type(request.get("outputs")) is list)


def _entry(parsed: Any) -> dict[str, Any]:
    entry = _members(parsed, "data")
    datatype = entry["datatype"]
    numbers = np.frombuffer(parsed["data"].as_buffer(of_type="d"), FLOAT64)
    if numbers.view(np.uint8)[7::8].tobytes().translate(None, SMALL[datatype]):
        raise ValueError("a number too large to tell whether it was rounded")
    entry["data"] = numbers.astype(DTYPES[datatype])
    return entry


def _members(parsed: Any, apart: str) -> dict[str, Any]:
    """All but the one called `apart`. Raises ValueError where two have one name: orjson takes the last of them."""
    names = list(parsed)
    if len(names) > MOST_NAMES or len({*names}) != len(names):
        raise ValueError("more names than a request has, or one twice")
    members = {}
    for name in names:
        if name != apart:
            value = parsed[name]
            if type(value) not in SCALARS:
                value = value.as_list() if hasattr(value, "as_list") else value.as_dict()
            members[name] = value
    return members
