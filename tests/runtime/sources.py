"""Places that hold models, on loopback: an HTTP server that can misbehave, and as much S3 as a reader needs."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


@dataclass
class Place:
    """What is served, how it misbehaves, and what was asked."""

    files: dict[str, bytes]
    port: int = 0
    ranges: bool = True
    validator: str | None = '"v1"'
    statuses: list[int] = field(default_factory=list)  # answered first, one a request
    cuts: list[int] = field(default_factory=list)  # bytes after which the connection breaks, one a request
    redirect: str | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path and Range of each request
    between: Callable[[], None] | None = None  # called before each answer

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    place: ClassVar[Place]

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        place, parts = self.place, urlsplit(self.path)
        path, wanted = unquote(parts.path), self.headers.get("Range")
        place.asked.append((path, wanted))
        if place.between:
            place.between()
        if place.statuses:
            self._send(place.statuses.pop(0), b"no\n")
        elif "list-type" in parts.query:
            self._send(200, self._listing(path, parse_qs(parts.query).get("prefix", [""])[0]))
        elif place.redirect:
            location, place.redirect = place.redirect, None  # before the client has the answer, and sets another one
            self._send(302, b"", Location=location)
        elif path not in place.files:
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self._send_file(place.files[path], wanted)

    def _send_file(self, content: bytes, wanted: str | None) -> None:
        place = self.place
        status, first = 200, 0
        condition = self.headers.get("If-Range") or self.headers.get("If-Match")
        if self.headers.get("If-Match") and condition != place.validator:
            self._send(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            return
        if wanted and place.ranges and condition in (None, place.validator):
            first = int(wanted.removeprefix("bytes=").split("-")[0])
            status = 206
        headers = {"Last-Modified": "Sat, 21 Nov 2026 10:00:00 GMT"} if place.validator else {}
        if place.validator:
            headers["ETag"] = place.validator
        if status == 206:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self._send(status, content[first:], **headers)

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        cut = self.place.cuts.pop(0) if self.place.cuts and status in (200, 206) else None
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True

    def _listing(self, bucket: str, prefix: str) -> bytes:
        root = bucket.rstrip("/") + "/"
        entries = "".join(
            f"<Contents><Key>{escape(path.removeprefix(root))}</Key><LastModified>2026-11-21T10:00:00.000Z</LastModified>"
            f"<ETag>&quot;{hashlib.md5(content).hexdigest()}&quot;</ETag><Size>{len(content)}</Size></Contents>"
            for path, content in sorted(self.place.files.items())
            if path.startswith(root + prefix)
        )
        return (
            '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>'
            f"<Name>{root.strip('/')}</Name>{entries}</ListBucketResult>"
        ).encode()


@contextmanager
def serving(place: Place) -> Iterator[Place]:
    """Serve a place on loopback; for S3 its paths begin with `/bucket/`."""
    handler = type("Handler", (_Handler,), {"place": place})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    httpd.daemon_threads = True
    place.port = httpd.server_address[1]
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield place
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
