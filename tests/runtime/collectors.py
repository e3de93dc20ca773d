"""An OpenTelemetry collector's HTTP receiver on loopback: it keeps what it is sent, and answers what it is told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


@dataclass
class Collector:
    """`exports`: (path, headers, document) of each; `answers`: (status, body), answered first, one an export."""

    port: int = 0
    exports: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[dict[str, Any]]:
        """All spans that have come."""
        return [
            span
            for _, _, document in self.exports
            for resource in document["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]


class _Handler(BaseHTTPRequestHandler):
    collector: ClassVar[Collector]

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_POST(self) -> None:
        collector = self.collector
        body = self.rfile.read(int(self.headers["Content-Length"]))
        collector.exports.append((self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
        status, answer = collector.answers.pop(0) if collector.answers else (200, b"{}")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        collector.came.set()


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run one."""
    collector = Collector()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"collector": collector}))
    httpd.daemon_threads = True
    collector.port = httpd.server_address[1]
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield collector
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
