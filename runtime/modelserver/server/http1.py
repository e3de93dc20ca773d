"""HTTP/1.1 as values: request heads and response heads; bodies are in framing.py. No sockets in here (RFC 9112).

A head is parsed by httptools (llhttp) once; the result depends on its bytes alone, so the connection remembers it:
a client on a kept-alive connection sends the same head again and again.
"""

import re
import time
from dataclasses import dataclass
from http import HTTPStatus

import httptools

from modelserver.errors import ExpectationFailed, MalformedRequest, UnsupportedEncoding

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
JSON = "application/json"
# An upgrade that is asked for, we never grant (RFC 9110 §7.8 lets a server ignore it), but llhttp would take the
# bytes after the head for the new protocol's, and a POST would lose its body.
UPGRADE = re.compile(rb"(?i)(?<=\r\n)upgrade(?=[ \t]*:)")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# What the first is to us, the second is to Envoy, and so to the gateways and meshes made of it, which send it unasked.
TIMEOUTS = (b"x-request-timeout-ms", b"x-envoy-expected-rq-timeout-ms")
JSON_LENGTH = b"inference-header-content-length"
# Repeated in the answer, so that a caller finds its request again: W3C Trace Context §3.2, and the usual request id.
TRACED = {
    b"traceparent": re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"),
    b"x-request-id": re.compile(rb"[!-~]{1,128}"),
}
PHRASED = frozenset(map(int, HTTPStatus))
MOST_HEADS = 256  # answers' heads kept within a second; each request id makes another one
REMEMBERED_HEADS = 256


@dataclass(frozen=True, slots=True)
class Head:
    """A request's head. `length` of the body in bytes, None when it comes in chunks.

    `json_length`: bytes of the body's JSON part, where raw tensors follow (the binary tensor data extension).
    `credential`: the API key that it presents. `echo`: header lines that the answer repeats, each ending in CRLF.
    `timeout`: seconds that the caller gives the request from its last byte on, None for any time.
    `html`: whether it accepts text/html by name, as browsers do.
    """

    method: str
    target: str
    length: int | None
    keep_alive: bool
    expects_continue: bool
    json_length: int | None = None
    timeout: float | None = None
    credential: bytes | None = None
    echo: str = ""
    html: bool = False


UNREADABLE = Head("-", "-", 0, False, False)  # stands in the access log for a head that was refused


class _Fields:
    """What llhttp calls while it reads one head."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.parser = httptools.HttpRequestParser(self)
        self.keep_alive = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        # Asked here, because llhttp forgets it when a message without a body is complete.
        self.keep_alive = bool(self.parser.should_keep_alive())


def parse_head(raw: bytes) -> Head:
    """`raw` ends with the empty line. Raises MalformedRequest or ExpectationFailed."""
    fields = _Fields()
    parser = fields.parser
    try:
        parser.feed_data(UPGRADE.sub(b"ignored", raw))
        method = parser.get_method().decode("ascii")
    except (httptools.HttpParserError, httptools.HttpParserUpgrade) as problem:
        raise MalformedRequest(f"This is not an HTTP/1.1 request: {problem}.") from None
    version = parser.get_http_version()
    if version not in ("1.0", "1.1"):
        raise MalformedRequest(f"HTTP/{version} is not spoken here, only HTTP/1.1 and HTTP/1.0.")
    named: dict[bytes, list[bytes]] = {}
    for name, value in fields.headers:
        named.setdefault(name, []).append(value)
    if version == "1.1" and len(named.get(b"host", [])) != 1:
        raise MalformedRequest("An HTTP/1.1 request must have exactly one Host header.")
    if version == "1.0" and b"transfer-encoding" in named:  # RFC 9112 §6.1: framing that a proxy may read otherwise
        raise MalformedRequest("HTTP/1.0 has no Transfer-Encoding. Send the body with a Content-Length.")
    expectation = b",".join(named.get(b"expect", [])).strip().lower()
    if expectation not in (b"", b"100-continue"):
        raise ExpectationFailed("The only expectation that can be met is 100-continue.")
    return Head(
        method=method,
        target=fields.target.decode("latin-1"),
        length=_body_length(named),
        keep_alive=fields.keep_alive,
        expects_continue=expectation != b"" and version == "1.1",
        json_length=json_length(named),
        timeout=timeout(named),
        credential=credential(named),
        echo=echo(named),
        html=accepts_html(named),
    )


def credential(named: dict[bytes, list[bytes]]) -> bytes | None:
    """The API key in the headers (by lower-case name): `Authorization: Bearer KEY` (RFC 6750 §2.1) or `x-api-key: KEY`.

    None for none, and for more than one: which of them counts would be a guess.
    """
    given = named.get(b"authorization", []) + [b"bearer " + key for key in named.get(b"x-api-key", [])]
    if len(given) != 1 or given[0][:7].lower() != b"bearer ":
        return None
    return given[0][7:].strip()


def accepts_html(named: dict[bytes, list[bytes]]) -> bool:
    return any(b"text/html" in value for value in named.get(b"accept", ()))


def echo(named: dict[bytes, list[bytes]]) -> str:
    """Lines of the answer's head; what is not of its form, or came twice, is left out."""
    given = ((name, named[name], form) for name, form in TRACED.items() if name in named)
    return "".join(
        f"{name.decode()}: {values[0].decode()}\r\n"
        for name, values, form in given
        if len(values) == 1 and form.fullmatch(values[0])
    )


def json_length(named: dict[bytes, list[bytes]]) -> int | None:
    """What the headers (by lower-case name) say of the body's make-up. Raises MalformedRequest, UnsupportedEncoding."""
    encoding = b",".join(named.get(b"content-encoding", [])).strip().lower()
    if encoding not in (b"", b"identity"):
        told = encoding[:40].decode("latin-1")
        raise UnsupportedEncoding(f"The body came with Content-Encoding {told!r}. Send it uncompressed.")
    return _number(named, JSON_LENGTH, "the number of bytes that the body's JSON part has")


def timeout(named: dict[bytes, list[bytes]]) -> float | None:
    """The shortest of the caller's `TIMEOUTS`, in seconds; 0 means any time, as to Envoy. Raises MalformedRequest."""
    given = [_number(named, name, "a whole number of milliseconds") for name in TIMEOUTS]
    return min((milliseconds / 1000 for milliseconds in given if milliseconds), default=None)


def _number(named: dict[bytes, list[bytes]], name: bytes, expected: str) -> int | None:
    values = named.get(name)
    if values is None:
        return None
    if len(values) != 1 or not values[0].isdigit() or len(values[0]) > 15:
        told = b", ".join(values)[:40].decode("latin-1")
        raise MalformedRequest(f"The header {name.decode()} is {told!r}, but it must be {expected}.")
    return int(values[0])


def _body_length(named: dict[bytes, list[bytes]]) -> int | None:
    if b"transfer-encoding" in named:
        if [value.strip().lower() for value in named[b"transfer-encoding"]] != [b"chunked"]:
            raise MalformedRequest("The only transfer encoding that is read is 'chunked'.")
        if b"content-length" in named:
            raise MalformedRequest("A request can't have both Content-Length and Transfer-Encoding.")
        return None
    lengths = named.get(b"content-length", [b"0"])
    if len(lengths) != 1 or not lengths[0].isdigit() or len(lengths[0]) > 18:
        raise MalformedRequest("Content-Length must be one number.")
    return int(lengths[0])


def http_date(second: int) -> str:
    """`Sat, 21 Nov 2026 10:00:00 GMT` (RFC 9110 §5.6.7). email.utils has one too, whose imports cost 10 ms at start."""
    year, month, day, hour, minute, sec, weekday, *_ = time.gmtime(second)
    return f"{DAYS[weekday]}, {day:02} {MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{sec:02} GMT"


def passed_back(status: int, close: bool, lines: bytes) -> bytes:
    """The head of another server's answer, up to the number that follows `content-length: `."""
    # A status may be one that HTTPStatus lacks; the phrase says nothing to a program (RFC 9112 §4).
    phrase = HTTPStatus(status).phrase.encode() if status in PHRASED else b""
    connection = b"close" if close else b"keep-alive"
    return b"HTTP/1.1 %d %b\r\n%bconnection: %b\r\ncontent-length: " % (status, phrase, lines, connection)


class ResponseHeads:
    """Response heads up to the number that follows `content-length: `, made once a second (they hold the date)."""

    def __init__(self, always: dict[str, str]) -> None:
        self._always = "".join(f"{name}: {value}\r\n" for name, value in always.items())
        self._second = 0
        self._made: dict[tuple[int, bool, str, str], bytes] = {}

    def start(self, status: int, close: bool, content_type: str = JSON, extra: str = "", given: bytes = b"") -> bytes:
        """`extra`: more header lines, each ending in CRLF. `given`: another server's lines, instead of ours."""
        if given:
            return passed_back(status, close, given)
        second = int(time.time())
        if second != self._second or len(self._made) >= REMEMBERED_HEADS:  # a traceparent makes each head another
            self._second = second
            self._made.clear()
        key = (status, close, content_type, extra)
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= MOST_HEADS:
                self._made.clear()
            made = self._made[key] = (
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
                f"date: {http_date(second)}\r\n"
                f"content-type: {content_type}\r\n"
                f"{self._always}{extra}"
                f"connection: {'close' if close else 'keep-alive'}\r\n"
                "content-length: "
            ).encode("latin-1")
        return made
