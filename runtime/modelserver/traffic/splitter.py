"""What happens to requests while one generation of the traffic document holds: answered here, or by the candidate.

The connection hands every request for the model to `submit`, as it would to `Workers.submit`; where no document names
a candidate there is no Splitter, and nothing of this is in the way.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from modelserver.server.app import App, Reply
from modelserver.server.heads import Known
from modelserver.server.http1 import JSON_LENGTH
from modelserver.server.workers import INLINE_BYTES, Cancel, Workers
from modelserver.traffic.counts import Counts
from modelserver.traffic.document import WHOLE, Document
from modelserver.traffic.forward import UNCOUNTED, Failed, Forwarder
from modelserver.traffic.outgoing import FORWARDED, SHADOW, Outgoing, outgoing
from modelserver.traffic.patience import Patience, patience
from modelserver.traffic.shadow import Copy, Shadows, Told
from modelserver.traffic.share import Dealt, next_in_share, to_candidate
from modelserver.traffic.upstream import Answer

if TYPE_CHECKING:
    from modelserver.grpc_api.splitting import Splitting

log = logging.getLogger("modelserver")
Done = Callable[[Reply], None]
REMEMBERED, REMEMBERED_BYTES = 256, 2048  # heads whose meaning is kept: a client sends the same again and again
GROWTH = 512  # bytes, and more than what this pod adds to a head
SLOW = 0.99  # the part of this pod's answers that are faster than a slow one
SLOW_SAMPLES = 100  # before that many, there is no telling
SLOW_SECONDS = 1.0  # between two looks at the histogram
# Of the candidate's head, what this pod writes itself.
FRAMING = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"content-length"})
SECONDS = "x-modelway-seconds"  # in the answer to a copy: how long the candidate took by its own clock


@dataclass(frozen=True, slots=True)
class Way:
    """To the candidate: `users` go over connections of their own, which `copies` can't take from them."""

    users: Forwarder
    copies: Forwarder
    shadows: Shadows

    def close(self) -> None:
        self.users.pool.close()
        self.copies.pool.close()
        self.shadows.clear()


class Splitter:
    """One generation. `way` is None in pods that are not of the stable revision: they only answer, and count.

    Used in the event loop's thread only, but for `patience`.
    """

    def __init__(self, app: App, workers: Workers, document: Document, counts: Counts, way: Way | None) -> None:
        self.app, self.document, self.counts, self.way = app, document, counts, way
        self.revision = app.settings.revision or ""
        self._workers = workers
        self._dealt, self._dealt_shadow = Dealt(0, drawn()), Dealt(0, drawn())
        self.grpc: Splitting | None = None  # the same for gRPC's calls, where that port is on
        self._outgoing: dict[bytes, Outgoing] = {}
        self._slow: float | None = None
        self._slow_until = 0.0

    def submit(self, known: Known, body: bytes, done: Done) -> Cancel:
        """`done` gets the reply, at once or later; the returned function forgets the request."""
        sent = self._read(known.raw)
        flight = _Flight(self, known, body, done, sent)
        forward = False
        if self.way is not None:
            forward, self._dealt = to_candidate(sent.asked, self.document, self._dealt, drawn())
        if forward:
            flight.forward()
        else:
            flight.own()
        return flight.forget

    def patience(self, caller: float | None) -> Patience:
        """What the candidate may take; `caller` is what is left of the time that the caller gave, in seconds."""
        now = perf_counter()
        if now >= self._slow_until:
            self._slow_until = now + SLOW_SECONDS
            latency = self.counts.own.latency
            probed = self.app.metrics.gauges.get("modelserver_model_run_seconds")
            self._slow = latency.quantile(SLOW) if latency.count >= SLOW_SAMPLES else probed
        return patience(caller, self._slow)

    def answer(self, known: Known, body: bytes, left: float | None, done: Done) -> Cancel:
        """By this pod's own model; `left` is what is left of the caller's time."""
        app, head = self.app, known.head
        if app.core is None or (app.inline and len(body) <= INLINE_BYTES):
            done(app.infer(known.endpoint, body, head.json_length))
            return _nothing
        return self._workers.submit(known.endpoint, body, head if left is None else replace(head, timeout=left), done)

    # --- what is counted, for gRPC's requests, too

    def own_answered(self, status: int, seconds: float, given: float | None) -> None:
        self.counts.own.add(status, seconds, self.app.draining, given)

    def forward_answered(self, seconds: float) -> None:
        self.counts.forwarded.requests += 1
        self.counts.forwarded.latency.observe(seconds)
        self.app.metrics.forwarded("answered", seconds)

    def forward_failed(self, kind: str) -> None:
        self.app.metrics.forwarded(kind)
        if kind not in UNCOUNTED:
            self.counts.forwarded.requests += 1
            self.counts.forwarded.failed[kind] += 1

    def forward_refused(self, status: int, seconds: float) -> None:
        """The candidate refused a request to which this pod answered `status`: with that it is a failure, if it likes
        the request, and right otherwise."""
        if status < 400:
            self.forward_failed("rejected")
        else:
            self.forward_answered(seconds)

    def offer(self, copy: Copy) -> None:
        if self.way is not None:
            self.way.shadows.offer(copy)

    def shadow(self, known: Known, body: bytes, sent: Outgoing, reply: Reply, seconds: float) -> None:
        """Perhaps copy a request to the candidate, for comparison with this pod's `reply`, which took `seconds`."""
        way, shadowing, core = self.way, self.document.shadow, self.app.core
        if way is None or shadowing is None or core is None or sent.asked.settled:
            return
        chosen, self._dealt_shadow = next_in_share(shadowing.share, self._dealt_shadow, drawn())
        if not chosen:
            return
        head, codec = sent.head(SHADOW, self.revision, len(body)), known.endpoint.codec or ""
        names = [spec.name for spec in core.session.signature.outputs]
        stable = Told(reply.body, _json_length(reply.extra), seconds)

        async def ask() -> Told:
            began = perf_counter()
            answer = await way.copies.ask(head, body, self.patience(None))
            return _told(answer, perf_counter() - began)

        way.shadows.offer(Copy(ask, len(body) + len(reply.body), codec, names, stable, shadowing, self.counts))

    def _read(self, raw: bytes) -> Outgoing:
        sent = self._outgoing.get(raw)
        if sent is None:
            sent = outgoing(raw, self.document)
            if len(raw) > self.app.settings.max_header_bytes - GROWTH:  # with our lines the candidate would not take it
                sent = replace(sent, asked=replace(sent.asked, settled=True))
            if len(raw) <= REMEMBERED_BYTES:
                if len(self._outgoing) >= REMEMBERED:
                    self._outgoing.clear()
                self._outgoing[raw] = sent
        return sent


class _Flight:
    """One request on its way: `forward`, which falls back to `own`, or `own` at once."""

    __slots__ = ("_body", "_cancel", "_done", "_known", "_sent", "_splitter", "_started")

    def __init__(self, splitter: Splitter, known: Known, body: bytes, done: Done, sent: Outgoing) -> None:
        self._splitter, self._known, self._body, self._done, self._sent = splitter, known, body, done, sent
        self._cancel: Cancel = _nothing
        self._started = perf_counter()

    def forget(self) -> None:
        """The caller has gone."""
        self._cancel()

    def forward(self) -> None:
        # The loop itself keeps no reference to a task that nobody awaits.
        self._cancel = asyncio.get_running_loop().create_task(self._ask()).cancel

    async def _ask(self) -> None:
        splitter, known = self._splitter, self._known
        assert splitter.way is not None
        head = self._sent.head(FORWARDED, splitter.revision, len(self._body))
        try:
            answer = await splitter.way.users.ask(head, self._body, splitter.patience(known.head.timeout))
        except Failed as problem:
            splitter.forward_failed(problem.kind)
        except Exception:
            log.exception("Forwarding a request failed; this pod answers it itself.")
            splitter.forward_failed("error")
        else:
            if answer.status >= 400:  # is it the request, or the candidate? This pod's own answer tells
                self.own(copied=False, refused=perf_counter() - self._started)
                return
            splitter.forward_answered(perf_counter() - self._started)
            self._done(passed_back(answer))
            return
        self.own(copied=False)  # the candidate has just failed on it

    def own(self, copied: bool = True, refused: float | None = None) -> None:
        """Answer here; `copied`: whether the candidate may get a copy; `refused`: it did so, within these seconds."""
        known, splitter, timeout = self._known, self._splitter, self._known.head.timeout
        began = perf_counter()
        left = None if timeout is None else max(timeout - (began - self._started), 1e-6)

        def answered(reply: Reply) -> None:
            seconds = perf_counter() - began
            if self._sent.shadow:
                self._done(reply._replace(extra=f"{reply.extra}{SECONDS}: {seconds:.6f}\r\n"))
                return
            splitter.own_answered(reply.status, seconds, timeout)
            if refused is not None:
                splitter.forward_refused(reply.status, refused)
            self._done(reply)
            if copied and reply.status == 200:
                splitter.shadow(known, self._body, self._sent, reply, seconds)

        self._cancel = splitter.answer(known, self._body, left, answered)


def drawn() -> int:
    """A throw of the die that `share` asks for."""
    return int(random.random() * WHOLE)


def passed_back(answer: Answer) -> Reply:
    """The candidate's answer as it came, but for what frames it on this connection."""
    lines = [b"%b: %b\r\n" % (name, value) for name, value in answer.headers if name.lower() not in FRAMING]
    return Reply(answer.status, answer.body, head=b"".join(lines))


def _told(answer: Answer, seconds: float) -> Told:
    """The answer to a copy; `seconds` by this pod's clock, for a candidate that did not tell its own. Raises Failed."""
    if answer.status != 200:
        raise Failed("error", f"The candidate answered {answer.status}: {answer.body[:200].decode(errors='replace')}")
    headers = {name.lower(): value for name, value in answer.headers}
    length, own = headers.get(JSON_LENGTH), headers.get(SECONDS.encode())
    return Told(answer.body, int(length) if length else None, float(own) if own else seconds)


def _json_length(extra: str) -> int | None:
    """Of an answer of our own, from its header lines."""
    lines = dict(line.split(": ", 1) for line in extra.splitlines())
    length = lines.get(JSON_LENGTH.decode())
    return int(length) if length else None


def _nothing() -> None:
    return None
