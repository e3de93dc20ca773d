"""Forwarding: what this pod accepts, the candidate must accept as it is sent on, with the same meaning.

Else a caller could make the candidate look bad by how its request is written.
"""

from modelserver.errors import RequestError
from modelserver.server.framing import take_head
from modelserver.server.http1 import Head, parse_head
from modelserver.traffic.document import Document
from modelserver.traffic.outgoing import FORWARDED, outgoing

LIMIT = 8000
LENGTH = 5  # bytes of the body, however it came
RULES = Document(1)


def run(data: bytes) -> None:
    buffer = bytearray(data)
    try:
        raw = take_head(buffer, LIMIT)
        if raw is None:
            return
        here = parse_head(raw)
    except RequestError:
        return
    there = parse_head(outgoing(raw, RULES).head(FORWARDED, "5table", LENGTH))
    assert _meaning(there) == _meaning(here), f"{_meaning(there)} in place of {_meaning(here)}"
    assert there.length == LENGTH and there.keep_alive and not there.expects_continue


def _meaning(head: Head) -> tuple[object, ...]:
    return head.method, head.target, head.json_length, head.timeout, head.credential, head.echo
