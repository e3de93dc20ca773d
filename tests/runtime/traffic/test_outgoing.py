"""A request's head as the candidate gets it, byte for byte but for what is the connection's own."""

import pytest

from modelserver.server.http1 import parse_head
from modelserver.traffic.document import Document, Pin
from modelserver.traffic.outgoing import FORWARDED, SHADOW, outgoing

RULES = Document(1, pins=(Pin(b"x-model", b"candidate"), Pin(b"x-tester", b"1")), sticky=b"x-user-id")
FIRST = b"POST /v2/models/tiny/infer HTTP/1.1"


def head(*lines: bytes, first: bytes = FIRST) -> bytes:
    raw = b"\r\n".join([first, b"Host: t", *lines]) + b"\r\n\r\n"
    parse_head(raw)  # what this server would refuse never gets here
    return raw


def test_headers_pass_as_they_came_and_framing_is_new() -> None:
    raw = head(
        b"Content-Length: 5",
        b"X-Odd-CASE:  two  words ",
        b"traceparent: 00-1-2-3",
        b"Connection: close, X-Hop",
        b"x-hop: 1",
        b"TE: trailers",
        b"Inference-Header-Content-Length: 3",
        b"Expect: 100-continue",
    )
    assert outgoing(raw, RULES).head(FORWARDED, "5table", 5) == (
        b"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: t\r\nX-Odd-CASE:  two  words \r\ntraceparent: 00-1-2-3\r\n"
        b"Inference-Header-Content-Length: 3\r\nx-modelway-forwarded: 5table\r\ncontent-length: 5\r\n\r\n"
    )


def test_a_chunked_body_leaves_with_its_length() -> None:
    sent = outgoing(head(b"Transfer-Encoding: chunked"), RULES).head(SHADOW, "r", 70)
    assert b"chunked" not in sent and sent.endswith(b"x-modelway-shadow: r\r\ncontent-length: 70\r\n\r\n")
    assert parse_head(sent).length == 70


def test_an_old_client_s_request_becomes_a_new_one() -> None:
    for hosts in (b"", b"Host: a\r\nHost: b\r\n"):
        raw = b"POST /model/predict HTTP/1.0\r\n" + hosts + b"\r\n"
        parse_head(raw)
        assert parse_head(outgoing(raw, RULES).head(FORWARDED, "r", 0)).target == "/model/predict"


@pytest.mark.parametrize("line", [b"x-model: candidate", b"X-MODEL:candidate", b"x-tester: 1"])
def test_any_of_the_pins_is_enough(line: bytes) -> None:
    assert outgoing(head(line), RULES).asked.pinned


@pytest.mark.parametrize("line", [b"x-model: Candidate", b"x-model: candidate2", b"x-other: candidate"])
def test_a_pin_is_an_exact_match(line: bytes) -> None:
    assert not outgoing(head(line), RULES).asked.pinned


def test_the_sticky_key() -> None:
    assert outgoing(head(b"X-User-ID:  alice "), RULES).asked.sticky == b"alice"
    assert outgoing(head(), RULES).asked.sticky is None
    assert outgoing(head(b"x-user-id: alice"), Document(1)).asked.sticky is None


@pytest.mark.parametrize("line", [b"x-modelway-forwarded: 5table", b"X-Modelway-Shadow: 5table"])
def test_what_was_sent_once_is_not_sent_again(line: bytes) -> None:
    sent = outgoing(head(line), RULES)
    assert sent.asked.settled
    assert sent.shadow == (b"Shadow" in line)
    assert line.lower() not in sent.lines.lower()


@pytest.mark.parametrize(
    ("target", "settled"),
    [
        (b"/v2/models/tiny/versions/7/infer", True),
        (b"http://t/v1/models/tiny/versions/7:predict", True),
        (b"/v2/models/tiny/infer?from=/versions/7", False),
        (b"/v2/models/tiny%2fversions/7/infer", True),
    ],
)
def test_a_version_is_this_pod_s(target: bytes, settled: bool) -> None:
    assert outgoing(head(first=b"POST " + target + b" HTTP/1.1"), RULES).asked.settled is settled


def test_spaces_that_the_parser_overlooks_are_not_passed_on() -> None:
    sent = outgoing(head(first=b"POST  /model/predict  HTTP/1.1"), RULES)
    assert sent.lines.startswith(b"POST /model/predict HTTP/1.1\r\n")


def test_connection_can_not_take_from_the_candidate_what_this_pod_has_read() -> None:
    lines = (b"x-api-key: a", b"Inference-Header-Content-Length: 3", b"x-hop: 1")
    sent = outgoing(head(b"Connection: Host, x-api-key, inference-header-content-length, x-hop", *lines), RULES)
    assert sent.lines == FIRST + b"\r\nHost: t\r\n" + b"\r\n".join(lines[:2]) + b"\r\n"
