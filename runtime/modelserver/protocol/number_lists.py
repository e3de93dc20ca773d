"""The lists of numbers in an inference request: cut out of its JSON, and the long ones read by simdjson.

No Python object is made for each number: 784 fractions take 9 µs that way, with orjson and `struct` 22. What is not
plain (nested lists, nulls, booleans, whole numbers that may have been rounded, whatever is to be refused) is left to
those, which also tell what is wrong with it. Both ways read a fraction as the float64 nearest to its text.
"""

import threading
from typing import TYPE_CHECKING

import numpy as np

from modelserver.inference import Array
from modelserver.tensors import DATATYPES

if TYPE_CHECKING:
    from csimdjson import Parser

WORTHWHILE_BYTES = 768  # of a list; a shorter one is read as fast the plain way
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


def cut(body: bytes) -> tuple[bytes, list[bytes]]:
    """The JSON with an empty list for each flat one that is called `data`, and those lists' text; none if in doubt.

    Whoever reads them has to see that each text is a list of numbers by itself, and that each input has one: then the
    texts are in the inputs' order and nothing but their data.
    """
    kept: list[bytes] = []
    lists: list[bytes] = []
    at = 0
    while (name := body.find(KEY, at)) >= 0:
        begin = body.find(b"[", name)
        end = body.find(b"]", begin) + 1
        if (
            begin < 0
            or not end
            or body[name + len(KEY) : begin].strip() != b":"
            or body.find(b"[", begin + 1, end) > 0
            or len(lists) == MOST_INPUTS
        ):
            return b"", []
        kept.append(body[at : begin + 1])
        lists.append(body[begin:end])
        at = end - 1
    kept.append(body[at:])
    rest = b"".join(kept)
    # With a backslash a name may be spelled in other letters, and what was cut need not be what it looked like.
    return (b"", []) if b"\\" in rest else (rest, lists)


def array(text: bytes, datatype: str) -> Array:
    """A list's text as one dimension of `datatype`, a key of DTYPES.

    Raises ValueError, TypeError or RuntimeError where the plain way is to decide.
    """
    numbers = bytes(_parsers.fitting(len(text)).parse(text).as_buffer(of_type="d"))
    if numbers[7::8].translate(None, SMALL[datatype]):
        raise ValueError("a number too large to tell whether it was rounded")
    return np.frombuffer(numbers, FLOAT64).astype(DTYPES[datatype])
