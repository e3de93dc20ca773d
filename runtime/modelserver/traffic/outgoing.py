"""A request's head as the candidate gets it, and what of it decides its way. Pure: bytes in, bytes out.

What the caller sent goes on byte for byte, but for the lines that are between two neighbours only (RFC 9110 §7.6.1) and
those that frame the body, which arrives whole and leaves with a Content-Length.
"""

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from modelserver.traffic.document import Document
from modelserver.traffic.share import Asked

FORWARDED, SHADOW = b"x-modelway-forwarded", b"x-modelway-shadow"
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        # framing, and what was settled between the caller and this pod
        b"content-length",
        b"expect",
        FORWARDED,
        SHADOW,
    }
)
# What this pod has read of a request, the candidate must read, too: `Connection` can't take it away.
END_TO_END = frozenset(
    {
        b"host",
        b"authorization",
        b"x-api-key",
        b"content-type",
        b"content-encoding",
        b"inference-header-content-length",
        b"x-request-timeout-ms",
        b"x-envoy-expected-rq-timeout-ms",
        b"traceparent",
        b"x-request-id",
    }
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """`lines`: request line and headers, each ending in CRLF. `shadow`: it is another pod's copy, no user waits."""

    lines: bytes
    asked: Asked
    shadow: bool

    def head(self, marker: bytes, revision: str, length: int) -> bytes:
        """The whole head, `marker` being FORWARDED or SHADOW and `revision` the one that sends."""
        return b"%b%b: %b\r\ncontent-length: %d\r\n\r\n" % (self.lines, marker, revision.encode("latin-1"), length)


def outgoing(raw: bytes, document: Document) -> Outgoing:
    """Of a head that was parsed without complaint; `raw` ends with the empty line."""
    first, *rest = raw[:-4].split(b"\r\n")
    method, target = [part for part in first.split(b" ") if part][:2]  # llhttp lets several spaces stand between them
    headers = [(name.strip().lower(), value.strip(), name + b":" + value) for name, value in _fields(rest)]
    connection = b",".join(value for name, value, _ in headers if name == b"connection").lower()
    dropped = HOP_BY_HOP | ({option.strip() for option in connection.split(b",")} - END_TO_END)
    lines = [method + b" " + target + b" HTTP/1.1", *(line for name, _, line in headers if name not in dropped)]
    names = {name for name, _, _ in headers}
    hosts = [line for name, _, line in headers if name == b"host"]
    if len(hosts) != 1:  # HTTP/1.0 may leave it out, or have several
        lines = [line for line in lines if line not in hosts] + [b"host: candidate"]
    told = [(name, value) for name, value, _ in headers]
    asked = facts(told, document, settled=b"/versions/" in _path(target))
    return Outgoing(b"".join(line + b"\r\n" for line in lines), asked, SHADOW in names)


def _path(target: bytes) -> bytes:
    """As the routes table reads it."""
    return unquote_to_bytes(target.partition(b"?")[0])


def facts(headers: list[tuple[bytes, bytes]], document: Document, settled: bool) -> Asked:
    """What decides a request's way; `headers` by lower-case name. gRPC's metadata are headers, too."""
    names = dict(headers)
    return Asked(
        # A version is a revision's: another one would not know it. And what was split once is not split again.
        settled=settled or FORWARDED in names or SHADOW in names,
        pinned=any((pin.name, pin.value) in headers for pin in document.pins),
        sticky=names.get(document.sticky) if document.sticky is not None else None,
    )


def _fields(lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and fields:  # a folded line (RFC 9112 §5.2) is put on one with its field
            name, value = fields.pop()
            fields.append((name, value + b" " + line.strip()))
        else:
            name, _, value = line.partition(b":")
            fields.append((name, value))
    return fields
