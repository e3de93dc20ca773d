"""What a client may expect of whatever the server writes: whole HTTP/1.1 answers, and errors as JSON sentences."""

import json

from modelserver.errors import LONGEST_SENTENCE


def parse(wire: bytes, bodiless: int = 0) -> list[tuple[int, dict[str, str], bytes]]:
    """Every answer in `wire` as (status, headers by lower-case name, body). Raises AssertionError.

    `bodiless`: how many of the answers may be to a HEAD request, and so have a length but no body.
    """
    answers = []
    while wire:
        head, end, wire = wire.partition(b"\r\n\r\n")
        assert end, f"a head without its end: {head[:80]!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, phrase = first.split(" ", 2)
        assert version == "HTTP/1.1" and status.isdigit() and phrase, first
        if status == "100":
            assert not lines
            continue
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers["content-length"])
        if bodiless and length and wire[:1] not in (b"{", b"[", b"<", b"#"):
            length, bodiless = 0, bodiless - 1
        body, wire = wire[:length], wire[length:]
        assert len(body) == length, f"{len(body)} bytes of a body of {length}"
        checked(int(status), body)
        answers.append((int(status), headers, body))
    return answers


def checked(status: int, body: bytes) -> None:
    """Raises AssertionError unless this is an answer that may be given to anything a client sends."""
    assert status != 500, f"the server failed: {body[:300]!r}"
    if status >= 400 and body:
        told = json.loads(body)
        assert set(told) == {"error"} and told["error"].endswith("."), told
        assert len(told["error"]) <= LONGEST_SENTENCE, f"a sentence of {len(told['error'])} characters"
