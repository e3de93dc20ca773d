"""Which way a request goes: to the candidate, or not. Pure: what is known of the request in, the decision out.

In this order: what another pod has already split stays; what names a version means this one; a pinned header decides;
a sticky key decides by its hash; all others are dealt out. At 25% that is one of four requests in a row, whichever a
die says: exact, and yet in step with nothing. A counter alone would send the candidate always the same image of a
client that sends four in turn.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from modelserver.traffic.document import WHOLE, Document


@dataclass(frozen=True, slots=True)
class Asked:
    """What decides of a request. `settled`: it was split before, or it names a version; `sticky`: its key, if any."""

    settled: bool = False
    pinned: bool = False
    sticky: bytes | None = None


class Dealt(NamedTuple):
    """How far the dealing has come: `position` in the present whole of a request and the `place` in it at which the
    candidate gets one, both from 0 to `WHOLE - 1`; it is `owed` one where two places met in one request."""

    position: int
    place: int
    owed: int = 0


def to_candidate(asked: Asked, document: Document, dealt: Dealt, drawn: int) -> tuple[bool, Dealt]:
    """Whether the candidate shall answer, and how far the dealing has come then.

    `drawn` is a random number from 0 to `WHOLE - 1`.
    """
    candidate = document.candidate
    if candidate is None or asked.settled:
        return False, dealt
    if asked.pinned:
        return True, dealt
    if asked.sticky is not None:
        return step_of(asked.sticky, candidate.revision) < document.weight, dealt
    return next_in_share(document.weight, dealt, drawn)


def next_in_share(share: int, dealt: Dealt, drawn: int) -> tuple[bool, Dealt]:
    """The next request of a row: whether it is of the share (in hundredths of a percent), and the dealing after it.

    Stratified sampling: requests are laid end to end, each as long as the share, and of each whole one place is drawn.
    """
    start, place, owed = dealt
    end = start + share
    owed += start <= place < end
    if end >= WHOLE:
        end, place = end - WHOLE, drawn
        owed += place < end
    return owed > 0, Dealt(end, place, owed - (owed > 0))


def step_of(key: bytes, revision: str) -> int:
    """A sticky key's place from 0 to 9,999, the same in every pod; below the weight it goes to this candidate.

    So a key that went there still does at a higher weight; another candidate deals the keys anew.
    """
    digest = blake2b(key + b"\0" + revision.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % WHOLE
