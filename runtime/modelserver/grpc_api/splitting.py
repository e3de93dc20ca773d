"""ModelInfer while a traffic document names a candidate: answered here, or by the candidate. In gRPC's threads."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc

from modelserver.errors import STATUS_BY_ERROR, RequestError
from modelserver.grpc_api.waiting import FOREVER, Gone
from modelserver.traffic.channel import Channels, Metadata, Refusal
from modelserver.traffic.forward import Failed
from modelserver.traffic.outgoing import FORWARDED, SHADOW, facts
from modelserver.traffic.shadow import Copy, Told
from modelserver.traffic.share import Asked, Dealt, next_in_share, to_candidate
from modelserver.traffic.splitter import SECONDS, drawn

if TYPE_CHECKING:
    from modelserver.traffic.splitter import Splitter

# gRPC's own, which each connection writes anew.
RESERVED = ("grpc-", ":")
NOT_PASSED_ON = frozenset({"user-agent", "te", "content-type", FORWARDED.decode(), SHADOW.decode()})
ENTRY = 32  # bytes that each metadatum counts for beside its name and value (RFC 9113 §6.5.2)
GROWTH = 1024  # bytes, and more than gRPC's own metadata and what this pod adds


class Answered(NamedTuple):
    body: bytes
    trailing: Metadata


def _sendable(value: str | bytes) -> bool:
    """What a caller of another make may send, gRPC's client refuses: it writes printable ASCII, or bytes."""
    return isinstance(value, bytes) or (value.isascii() and value.isprintable())


class Splitting:
    """One generation. `channels` is None where this pod does not split."""

    def __init__(self, splitter: "Splitter", channels: Channels | None, loop: asyncio.AbstractEventLoop) -> None:
        self._splitter, self._channels, self._loop = splitter, channels, loop
        self._metadata = tuple(splitter.app.headers.items())
        self._largest = splitter.app.settings.max_header_bytes - GROWTH
        self._lock = threading.Lock()  # of the two counters
        self._dealt, self._dealt_shadow = Dealt(0, drawn()), Dealt(0, drawn())

    def answer(self, body: bytes, settled: bool, context: grpc.ServicerContext, own: Callable[[], bytes]) -> Answered:
        """`own` answers here. Raises what `own` does."""
        metadata = tuple((name, value) for name, value in context.invocation_metadata() or ())
        headers = [(name.encode(), value.encode() if isinstance(value, str) else value) for name, value in metadata]
        large = sum(len(name) + len(value) + ENTRY for name, value in headers) > self._largest
        asked = facts(headers, self._splitter.document, settled or large)
        chosen, copied = self._choose(asked)
        given = context.time_remaining()
        if chosen:
            began = time.perf_counter()
            try:
                return self._forward(body, metadata, context, given)
            except Failed as problem:
                self._tell(self._splitter.forward_failed, problem.kind)
                copied = False
            except Refusal:
                seconds = time.perf_counter() - began
                return self._refused(lambda: self._own(body, metadata, False, own, given), seconds)
        return self._own(body, metadata, copied, own, given)

    def _choose(self, asked: Asked) -> tuple[bool, bool]:
        """Whether the candidate answers, and, where it does not, whether it gets a copy."""
        document = self._splitter.document
        if self._channels is None or asked.settled:
            return False, False
        with self._lock:
            chosen, self._dealt = to_candidate(asked, document, self._dealt, drawn())
            if chosen or document.shadow is None:
                return chosen, False
            copied, self._dealt_shadow = next_in_share(document.shadow.share, self._dealt_shadow, drawn())
        return False, copied

    def _forward(self, body: bytes, metadata: Metadata, context: grpc.ServicerContext, left: float | None) -> Answered:
        assert self._channels is not None
        began, channel = time.perf_counter(), self._channels.users
        patience = self._splitter.patience(None if left is None or left > FOREVER else left)
        call = channel.send(body, self._passed_on(metadata, FORWARDED), patience)
        if not context.add_callback(call.cancel):  # the caller has gone, and so does the call
            call.cancel()
        try:
            answer, trailing = channel.outcome(call, patience)
        except grpc.FutureCancelledError:
            raise Gone from None
        self._tell(self._splitter.forward_answered, time.perf_counter() - began)
        return Answered(answer, trailing)

    def _refused(self, own: Callable[[], Answered], seconds: float) -> Answered:
        """The candidate refused the request within `seconds`. Is it the request, or the candidate? This pod's own
        answer tells."""
        try:
            answer = own()
        except RequestError as problem:
            status = STATUS_BY_ERROR[type(problem)]
            self._tell(self._splitter.forward_refused, status, seconds)
            raise
        self._tell(self._splitter.forward_refused, 200, seconds)
        return answer

    def _own(
        self, body: bytes, metadata: Metadata, copied: bool, own: Callable[[], bytes], given: float | None
    ) -> Answered:
        began, status = time.perf_counter(), 500
        shadow = any(name == SHADOW.decode() for name, _ in metadata)
        try:
            answer = own()
            status = 200
        except Gone:
            status = 0
            raise
        except RequestError as problem:
            status = STATUS_BY_ERROR[type(problem)]
            raise
        finally:
            seconds = time.perf_counter() - began
            if status and not shadow:
                self._tell(self._splitter.own_answered, status, seconds, given)
        if copied:
            self._tell(self._splitter.offer, self._copy(body, metadata, Told(answer, None, seconds)))
        more = ((SECONDS, f"{seconds:.6f}"),) if shadow else ()
        return Answered(answer, (*self._metadata, *more))

    def _copy(self, body: bytes, metadata: Metadata, stable: Told) -> Copy:
        splitter = self._splitter
        assert self._channels is not None and splitter.document.shadow is not None
        channel = self._channels.copies

        async def ask() -> Told:
            began, patience = time.perf_counter(), splitter.patience(None)
            call = channel.send(body, self._passed_on(metadata, SHADOW), patience)
            ended = asyncio.Event()
            call.add_done_callback(lambda _: self._loop.call_soon_threadsafe(ended.set))
            try:
                await ended.wait()
            except asyncio.CancelledError:
                call.cancel()
                with suppress(Exception):  # whatever it was, nobody wants it; but the channel counts its calls
                    channel.outcome(call, patience)
                raise
            try:
                answer, trailing = channel.outcome(call, patience)
            except Refusal as problem:
                raise Failed("error", f"The candidate refused it: {problem}") from None
            seconds = dict(trailing).get(SECONDS)
            return Told(answer, None, float(seconds) if seconds else time.perf_counter() - began)

        return Copy(ask, len(body) + len(stable.body), "grpc", (), stable, splitter.document.shadow, splitter.counts)

    def _passed_on(self, metadata: Metadata, marker: bytes) -> Metadata:
        kept = (
            (name, value)
            for name, value in metadata
            if name not in NOT_PASSED_ON and not name.startswith(RESERVED) and _sendable(value)
        )
        return (*kept, (marker.decode(), self._splitter.revision))

    def _tell(self, what: Callable[..., None], *values: Any) -> None:
        """The numbers belong to the event loop's thread."""
        with suppress(RuntimeError):  # the loop is closed: the drain is over, and nobody will read the numbers again
            self._loop.call_soon_threadsafe(what, *values)
