"""What a call must pass before it is answered: an API key, and room for its message. In gRPC's threads.

gRPC does not tell how large a message will be, nor is there a time-out for one that comes slowly. So only so many
messages are on their way in at a time that all together fit into memory; who is slow makes room when another waits.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from modelserver.errors import MalformedRequest, Overloaded, Unauthorized
from modelserver.grpc_api.waiting import Gone
from modelserver.server.access import Keys
from modelserver.server.http1 import credential
from modelserver.settings import ServeSettings

# As /v2/health/… are: probes have no key.
OPEN_CALLS = frozenset(
    {
        "/grpc.health.v1.Health/Check",
        "/inference.GRPCInferenceService/ServerLive",
        "/inference.GRPCInferenceService/ServerReady",
    }
)
SLOW_SECONDS = 1.0  # a message that takes longer than this makes room when another one waits
FEWEST = 4


class Admission:
    """`held`: bytes of the messages that have come and are not answered yet."""

    def __init__(self, settings: ServeSettings, keys: Keys | None) -> None:
        self._limit, self._patience, self._keys = settings.max_buffered_bytes, settings.header_timeout, keys
        self._most = max(settings.max_buffered_bytes // settings.max_body_bytes, FEWEST)
        self._reading: dict[grpc.ServicerContext, float] = {}  # whose message is on its way in, and since when
        self._room = threading.Condition()
        self.held = 0

    @contextmanager
    def message(self, path: str, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """The call's message, kept account of until the end of the block.

        Raises Unauthorized, Overloaded, MalformedRequest, and Gone where the caller has cancelled.
        """
        self._know(path, context)
        self._enter(context)
        try:
            body = next(requests, None)
        except Exception:  # gRPC's own has no type of its own: the call was cancelled, by its caller or by us
            raise Gone from None
        finally:
            with self._room:
                self._reading.pop(context, None)
                self._room.notify()
        if body is None:
            if not context.is_active():
                raise Gone
            raise MalformedRequest("The call ended without its message.")
        self._hold(len(body))
        try:
            yield body
        finally:
            with self._room:
                self.held -= len(body)

    def _know(self, path: str, context: grpc.ServicerContext) -> None:
        if self._keys is None or path in OPEN_CALLS:
            return
        named: dict[bytes, list[bytes]] = {}
        for name, value in context.invocation_metadata() or ():
            named.setdefault(name.encode(), []).append(value.encode() if isinstance(value, str) else value)
        presented = credential(named)
        if presented is None or not self._keys.know(presented):
            what = "The API key is not known here" if presented is not None else "There is no API key in the call"
            raise Unauthorized(f"{what}. Send the metadata 'authorization: Bearer KEY'.")

    def _enter(self, context: grpc.ServicerContext) -> None:
        end = time.monotonic() + self._patience
        with self._room:
            while len(self._reading) >= self._most:
                slowest, since = next(iter(self._reading.items()))
                now = time.monotonic()
                if now > since + SLOW_SECONDS:
                    del self._reading[slowest]
                    slowest.cancel()
                elif now > end or not context.is_active():
                    raise Overloaded(f"{self._most} messages are on their way in, which is the limit. Try again.")
                else:
                    self._room.wait(since + SLOW_SECONDS - now + 0.01)
            self._reading[context] = time.monotonic()

    def _hold(self, size: int) -> None:
        with self._room:
            # One that is larger than the limit by itself may be answered where no other is.
            if self.held and self.held + size > self._limit:
                raise Overloaded(f"The server holds {self._limit} bytes of unanswered calls, its limit. Try again.")
            self.held += size
