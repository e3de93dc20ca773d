"""HTTP/1.1 as values: heads, and bodies in chunks however they are cut."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelserver.errors import BodyTooLarge, ExpectationFailed, MalformedRequest, RequestError
from modelserver.server.framing import Chunks
from modelserver.server.http1 import ResponseHeads, http_date, parse_head


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode()


def test_an_ordinary_head() -> None:
    got = parse_head(head("POST /a?b=c HTTP/1.1", "Host: x", "Content-Length: 12", "Expect: 100-continue"))
    assert (got.method, got.target, got.length) == ("POST", "/a?b=c", 12)
    assert got.keep_alive
    assert got.expects_continue


@pytest.mark.parametrize(
    ("lines", "keep_alive"),
    [
        (["GET / HTTP/1.1", "Host: x"], True),
        (["GET / HTTP/1.1", "Host: x", "Connection: close"], False),
        (["GET / HTTP/1.0"], False),
        (["GET / HTTP/1.0", "Connection: keep-alive"], True),
    ],
)
def test_who_keeps_the_connection(lines: list[str], keep_alive: bool) -> None:
    assert parse_head(head(*lines)).keep_alive is keep_alive


def test_an_upgrade_is_ignored_and_the_body_stays() -> None:
    got = parse_head(
        head("POST / HTTP/1.1", "Host: x", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "Content-Length: 5")
    )
    assert got.length == 5


@pytest.mark.parametrize(
    "lines",
    [
        ["POST / HTTP/1.1", "Host: x", "Content-Length: 3", "Transfer-Encoding: chunked"],
        ["POST / HTTP/1.1", "Host: x", "Content-Length: 3", "Content-Length: 4"],
        ["POST / HTTP/1.1", "Host: x", "Content-Length: -3"],
        ["POST / HTTP/1.1", "Host: x", "Content-Length: 99999999999999999999"],
        ["POST / HTTP/1.1", "Host: x", "Transfer-Encoding: gzip, chunked"],
        ["POST / HTTP/1.1", "Host: x", "Transfer-Encoding: identity"],
        ["POST / HTTP/1.1", "Host : x"],
        ["GET / HTTP/1.1"],
        ["GET / HTTP/1.1", "Host: x", "Host: y"],
        ["GET / HTTP/3.0", "Host: x"],
        ["GET /\x01 HTTP/1.1", "Host: x"],
        ["nonsense"],
        ["PRI * HTTP/2.0"],
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(lines: list[str]) -> None:
    with pytest.raises(MalformedRequest):
        parse_head(head(*lines))


def test_other_expectations_cannot_be_met() -> None:
    with pytest.raises(ExpectationFailed):
        parse_head(head("POST / HTTP/1.1", "Host: x", "Expect: miracles"))


def chunked(parts: list[bytes]) -> bytes:
    return b"".join(b"%x;ext=1\r\n%b\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(1, 9), min_size=1), st.booleans())
def test_chunks_are_read_alike_however_the_network_cuts_them(
    parts: list[bytes], cuts: list[int], trailer: bool
) -> None:
    wire = chunked(parts)
    if trailer:
        wire = wire[:-2] + b"X-Sum: 1\r\n\r\n"
    wire += b"GET /next"
    chunks, buffer, position, turn, whole = Chunks(10_000), bytearray(), 0, 0, False
    while not whole and position < len(wire):
        step = cuts[turn % len(cuts)]
        buffer += wire[position : position + step]
        position, turn = position + step, turn + 1
        whole = chunks.take(buffer)
    assert whole
    assert bytes(chunks.body) == b"".join(parts)
    assert bytes(buffer) + wire[position:] == b"GET /next"


@pytest.mark.parametrize(
    ("wire", "kind"),
    [
        (b"zz\r\n", MalformedRequest),
        (b"-1\r\n", MalformedRequest),
        (b"3\nabc", MalformedRequest),
        (b"3\r\nabcd\r\n", MalformedRequest),
        (b"1" * 300, MalformedRequest),
        (b"ffffff\r\n", BodyTooLarge),
        (b"fffffffffffffff\r\n", BodyTooLarge),
        (b"0\r\n" + b"a: b\r\n" * 2000, MalformedRequest),
    ],
)
def test_bad_chunks_are_refused(wire: bytes, kind: type[RequestError]) -> None:
    with pytest.raises(kind):
        Chunks(1000).take(bytearray(wire))


@given(st.integers(0, 4_000_000_000))
def test_dates_are_those_of_the_standard(second: int) -> None:
    assert http_date(second) == formatdate(second, usegmt=True)


def test_response_heads_hold_what_is_always_said() -> None:
    start = ResponseHeads({"x-modelway-revision": "abc"}).start(503, True, extra="retry-after: 1\r\n").decode()
    assert start.startswith("HTTP/1.1 503 Service Unavailable\r\ndate: ")
    assert "\r\nx-modelway-revision: abc\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: " in start
