"""Long lists of numbers in an inference request, from their text to arrays without a Python object for each number.

The lists are cut out of the JSON: simdjson reads them, orjson what is left. 784 fractions take 9 µs that way, with
orjson and `struct` 22. What is not plain (nested lists, nulls, booleans, whole numbers that may have been rounded,
whatever is to be refused) is left to those, which also tell what is wrong with it. Both ways read a fraction as the
float64 nearest to its text.
"""

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from modelserver.inference import Array
from modelserver.tensors import DATATYPES

if TYPE_CHECKING:
    from csimdjson import Parser

WORTHWHILE_BYTES = 1024  # of a body; a shorter one is read as fast the plain way
LARGEST_BYTES = 2 * 1024**2  # a body of one-digit numbers takes 18 times its size in here
KEPT_BYTES = 256 * 1024  # a parser holds on to about ten times its longest body; longer ones get one of their own
MOST_INPUTS = 32
KEY = b'"data"'
DTYPES = {name: DATATYPES[name].dtype for name in ("FP32", "FP64")}
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
    if not WORTHWHILE_BYTES <= len(body) <= LARGEST_BYTES:
        return None
    rest, lists = _cut(body)
    # With a backslash a name may be spelled in other letters, and what was cut need not be what it looked like.
    if not lists or b"\\" in rest:
        return None
    try:
        request: dict[str, Any] = orjson.loads(rest)
        for entry, numbers in zip(request["inputs"], lists, strict=True):
            if entry["data"] != []:
                return None
            entry["data"] = _array(numbers, entry["datatype"])
    # ValueError is both parsers' own; the others, where the document is no request.
    except (ValueError, TypeError, KeyError, RuntimeError):
        return None
    return request


def _cut(body: bytes) -> tuple[bytes, list[bytes]]:
    """The JSON with an empty list for each flat one that is called `data`, and those lists' text; none if in doubt."""
    kept: list[bytes] = []
    lists: list[bytes] = []
    at = 0
    while (name := body.find(KEY, at)) >= 0:
        begin = body.find(b"[", name)
        end = body.find(b"]", begin) + 1
        colon = body[name + len(KEY) : begin]
        if begin < 0 or not end or colon.strip() != b":" or body.find(b"[", begin + 1, end) > 0:
            return b"", []
        kept.append(body[at : begin + 1])
        lists.append(body[begin:end])
        at = end - 1
        if len(lists) > MOST_INPUTS:
            return b"", []
    kept.append(body[at:])
    return b"".join(kept), lists


def _array(text: bytes, datatype: str) -> Array:
    """Raises ValueError where the plain way is to decide, TypeError or KeyError where these are not numbers for it."""
    numbers = np.frombuffer(_parsers.fitting(len(text)).parse(text).as_buffer(of_type="d"), FLOAT64)
    if numbers.view(np.uint8)[7::8].tobytes().translate(None, SMALL[datatype]):
        raise ValueError("a number too large to tell whether it was rounded")
    return numbers.astype(DTYPES[datatype])
