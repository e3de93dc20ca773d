"""Spans on their way to the collector: a bounded queue, and a thread of its own that sends batches.

Waiting times and sizes are the defaults of OpenTelemetry's batch processor
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#batch-span-processor); which answers
are worth another try is OTLP's (https://opentelemetry.io/docs/specs/otlp/#failures-1).
"""

import http.client
import logging
import threading
from collections import deque
from collections.abc import Mapping
from urllib.parse import urlsplit

import orjson

from modelserver.tracing.otlp import Span, document

log = logging.getLogger("modelserver")
MOST_WAITING = 2048  # spans
BATCH = 512  # spans of one export
EVERY_SECONDS = 5.0
TIMEOUT_SECONDS = 10.0
LAST_SECONDS = 1.0  # for the last export, when the server stops
PAUSES = (1.0, 2.0)  # before the second and the third try
WORTH_ANOTHER_TRY = frozenset({429, 502, 503, 504})


class Exporter:
    """`add` is for the event loop's thread; everything else happens in a thread that starts with the first span.

    `counts` are spans by what became of them: exported, dropped (the queue was full), failed (not taken).
    """

    def __init__(self, url: str, headers: Mapping[str, str], resource: Mapping[str, str]) -> None:
        self._parts, self._headers, self._resource = urlsplit(url), headers, resource
        self._waiting: deque[Span] = deque()
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._timeout = TIMEOUT_SECONDS
        self._told = ""  # the last trouble, so that each is logged once
        self.counts = {"exported": 0, "dropped": 0, "failed": 0}

    def add(self, spans: list[Span]) -> None:
        """Queue the spans of one request, or drop them where the queue is full."""
        if len(self._waiting) + len(spans) > MOST_WAITING:
            self.counts["dropped"] += len(spans)
            return
        self._waiting.extend(spans)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="otlp", daemon=True)
            self._thread.start()
        if len(self._waiting) >= BATCH:
            self._wake.set()

    def close(self) -> None:
        """Send what waits, for LAST_SECONDS at most."""
        self._timeout = LAST_SECONDS
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(2 * LAST_SECONDS)

    # --- in the exporter's thread

    def _work(self) -> None:
        last = False
        while not last:
            self._wake.wait(EVERY_SECONDS)
            self._wake.clear()
            last = self._stopping.is_set()  # asked before the queue is emptied, so that nothing stays in it
            while self._waiting:
                self._export([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])

    def _export(self, spans: list[Span]) -> None:
        body = orjson.dumps(document(spans, self._resource))
        trouble = ""
        for pause in (*PAUSES, None):
            try:
                status, answer = self._send(body)
            except (OSError, http.client.HTTPException) as problem:
                trouble = f"could not be reached: {problem}"
            else:
                if status == 200:
                    self._took(spans, answer)
                    return
                trouble = f"answered {status}"
                if status not in WORTH_ANOTHER_TRY:
                    break
            if pause is None or self._stopping.wait(pause):
                break
        self._failed(len(spans), trouble)

    def _send(self, body: bytes) -> tuple[int, bytes]:
        secure = self._parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._parts.netloc, timeout=self._timeout)
        try:
            connection.request("POST", self._parts.path, body, {"Content-Type": "application/json", **self._headers})
            answer = connection.getresponse()
            return answer.status, answer.read(65536)
        finally:
            connection.close()

    def _took(self, spans: list[Span], answer: bytes) -> None:
        """Count; the answer may say that some were not taken."""
        try:
            partial = orjson.loads(answer or b"{}").get("partialSuccess") or {}
            refused = min(len(spans), int(partial.get("rejectedSpans") or 0))
        except (ValueError, TypeError, AttributeError):
            partial, refused = {}, 0
        self.counts["exported"] += len(spans) - refused
        if refused:
            self._failed(refused, f"did not take {refused} spans: {str(partial.get('errorMessage', ''))[:200]}")
        else:
            self._told = ""

    def _failed(self, count: int, trouble: str) -> None:
        self.counts["failed"] += count
        if trouble != self._told:
            self._told = trouble
            log.warning("The collector of traces at %s %s. Check OTEL_EXPORTER_OTLP_*.", self._parts.netloc, trouble)
