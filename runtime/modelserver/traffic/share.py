"""Which way a request goes: to the candidate, or not. Pure: what is known of the request in, the decision out.

In this order: what another pod has already split stays; what names a version means this one; a pinned header decides;
a sticky key decides by its hash; all others are dealt out by an error-diffusing counter, which is exact: of any 100
requests in a row, a weight of w% gets w, or one more or less where w is no whole number.
"""

from dataclasses import dataclass
from hashlib import blake2b

from modelserver.traffic.document import WHOLE, Document

HALF = WHOLE // 2  # where the counter starts, so that the first request of a small share comes in the middle


@dataclass(frozen=True, slots=True)
class Asked:
    """What decides of a request. `settled`: it was split before, or it names a version; `sticky`: its key, if any."""

    settled: bool = False
    pinned: bool = False
    sticky: bytes | None = None


def to_candidate(asked: Asked, document: Document, carried: int) -> tuple[bool, int]:
    """Whether the candidate shall answer, and the counter as it is now; `carried` is the counter as it was."""
    candidate = document.candidate
    if candidate is None or asked.settled:
        return False, carried
    if asked.pinned:
        return True, carried
    if asked.sticky is not None:
        return step_of(asked.sticky, candidate.revision) < document.weight, carried
    return next_in_share(document.weight, carried)


def next_in_share(share: int, carried: int) -> tuple[bool, int]:
    """The next request of a row: whether it is of the share (in hundredths of a percent), and the new counter.

    Each request adds the share to the counter, and each whole that comes together is a request: Bresenham's line.
    """
    carried += share
    return (True, carried - WHOLE) if carried >= WHOLE else (False, carried)


def step_of(key: bytes, revision: str) -> int:
    """A sticky key's place from 0 to 9,999, the same in every pod; below the weight it goes to this candidate.

    So a key that went there still does at a higher weight; another candidate deals the keys anew.
    """
    digest = blake2b(key + b"\0" + revision.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % WHOLE
