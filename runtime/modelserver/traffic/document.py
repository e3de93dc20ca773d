"""The traffic document that the operator writes, validated, as a frozen value. Pure: bytes in, a value out.

ARCHITECTURE.md has the contract. Unknown keys are ignored, so that an older server reads a newer document; a known key
with a value that makes no sense refuses the whole document, because half of what the operator wants is not what it
wants. Percentages become hundredths of a percent, in which shares are counted.
"""

import math
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

WHOLE = 10_000  # all requests, in hundredths of a percent
ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:/@?#\[\]]+):(?P<port>[0-9]{1,5})")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")  # a token, RFC 9110 §5.6.2
MOST_PINS = 64
DEFAULT_ABSOLUTE, DEFAULT_RELATIVE = 1e-4, 1e-3


class BadDocument(Exception):
    """A sentence that names the key, its value and what was expected."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host, an IPv6 address without its brackets, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """The other revision's Service; `grpc` is None where it has no such port."""

    revision: str
    http: Address
    grpc: Address | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """A request with this header goes to the candidate; `name` is in lower case."""

    name: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Shadowing:
    """`share` of the requests is copied, in hundredths of a percent; answers agree within the tolerances."""

    share: int
    absolute: float = DEFAULT_ABSOLUTE
    relative: float = DEFAULT_RELATIVE


@dataclass(frozen=True, slots=True)
class Document:
    """`weight`: the candidate's share, in hundredths of a percent. `sticky`: a header's name in lower case."""

    generation: int
    digests: Mapping[str, str] = field(default_factory=dict)
    stable: str | None = None
    candidate: Candidate | None = None
    weight: int = 0
    pins: tuple[Pin, ...] = ()
    sticky: bytes | None = None
    shadow: Shadowing | None = None
    epoch: str = ""  # counts go on from one generation to the next while this is the same


def parse(text: bytes) -> Document:
    """Raises BadDocument."""
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        raise BadDocument(f"It is not JSON: {problem}.") from None
    given = _object(told, "The document")
    generation = given.get("generation", 0)
    if type(generation) is not int or generation < 0:
        raise _bad("generation", generation, "a whole number from 0 on")
    stable = None if given.get("stable") is None else _text(given["stable"], "stable")
    candidate = None if given.get("candidate") is None else _candidate(_object(given["candidate"], "candidate"))
    if candidate is not None and candidate.revision == stable:
        raise BadDocument(f"candidate.revision is {stable!r}, which is the stable revision, too: nothing to split.")
    return Document(
        generation=generation,
        digests=_digests(given.get("digests")),
        stable=stable,
        candidate=candidate,
        weight=_share(given.get("weight", 0), "weight"),
        pins=_pins(given.get("headers") or []),
        sticky=_sticky(given.get("sticky")),
        shadow=None if given.get("shadow") is None else _shadowing(_object(given["shadow"], "shadow")),
        epoch="" if given.get("epoch") is None else _text(given["epoch"], "epoch"),
    )


def _digests(given: Any) -> dict[str, str]:
    if given is None:
        return {}
    return {name: _text(value, f"digests.{name}") for name, value in _object(given, "digests").items()}


def _sticky(given: Any) -> bytes | None:
    return None if given is None else _name(_object(given, "sticky").get("header"), "sticky.header")


def _candidate(given: dict[str, Any]) -> Candidate:
    url = _text(given.get("http"), "candidate.http")
    if not url.startswith("http://"):
        raise _bad("candidate.http", url, "http:// and a host with a port: the way to a candidate stays in the cluster")
    return Candidate(
        revision=_text(given.get("revision"), "candidate.revision"),
        http=_address(url.removeprefix("http://").rstrip("/"), "candidate.http"),
        grpc=None if given.get("grpc") is None else _address(_text(given["grpc"], "candidate.grpc"), "candidate.grpc"),
    )


def _address(text: str, key: str) -> Address:
    match = ADDRESS.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise _bad(key, text, "a host and a port such as digits-81ab.default.svc:8080")
    return Address(match["host"].strip("[]"), int(match["port"]))


def _pins(given: Any) -> tuple[Pin, ...]:
    if type(given) is not list or len(given) > MOST_PINS:
        raise _bad("headers", given, f"a list of at most {MOST_PINS} objects with a name and a value")
    pins = []
    for position, entry in enumerate(given):
        told = _object(entry, f"headers[{position}]")
        value = _text(told.get("value"), f"headers[{position}].value")
        pins.append(Pin(_name(told.get("name"), f"headers[{position}].name"), value.strip().encode()))
    return tuple(pins)


def _shadowing(given: dict[str, Any]) -> Shadowing:
    return Shadowing(
        _share(given.get("percent", 100), "shadow.percent"),
        _tolerance(given.get("absoluteTolerance", DEFAULT_ABSOLUTE), "shadow.absoluteTolerance"),
        _tolerance(given.get("relativeTolerance", DEFAULT_RELATIVE), "shadow.relativeTolerance"),
    )


def _share(given: Any, key: str) -> int:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 100:
        raise _bad(key, given, "a number of percent from 0 to 100")
    # Something above nothing stays something: 0.001% asked for must not turn the split off.
    return max(round(given * 100), 1 if given > 0 else 0)


def _tolerance(given: Any, key: str) -> float:
    if type(given) not in (int, float) or not math.isfinite(given) or given < 0:
        raise _bad(key, given, "a number from 0 on")
    return float(given)


def _name(given: Any, key: str) -> bytes:
    if type(given) is not str or not HEADER_NAME.fullmatch(given):
        raise _bad(key, given, "the name of an HTTP header")
    return given.lower().encode()


def _text(given: Any, key: str) -> str:
    if type(given) is not str or not given:
        raise _bad(key, given, "a text")
    return given


def _object(given: Any, key: str) -> dict[str, Any]:
    if type(given) is not dict:
        raise _bad(key, given, "a JSON object")
    return given


def _bad(key: str, given: Any, expected: str) -> BadDocument:
    told = "missing" if given is None else reprlib.repr(given)[:100]  # repr would go as deep as the document does
    return BadDocument(f"{key} is {told}, but it must be {expected}.")
