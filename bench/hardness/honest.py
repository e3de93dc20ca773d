"""Honest clients: kept-alive connections, one request at a time, every answer compared, nothing ever tried twice."""

import asyncio
from collections import Counter
from collections.abc import Callable
from time import perf_counter
from typing import cast

from bench.hardness.target import REQUEST

PATIENCE_SECONDS = 20.0  # without an answer for so long, a request counts as failed


class Client(asyncio.Protocol):
    """Sends the request again and again until `crowd` says that it is enough; connects anew when it is told to."""

    def __init__(self, crowd: "Crowd") -> None:
        self.crowd = crowd
        self.transport: asyncio.Transport | None = None
        self.got = b""
        self.sent_at = 0.0
        self.waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's classes
        self.crowd.members.add(self)
        self._ask()

    def _ask(self) -> None:
        assert self.transport is not None
        if self.crowd.enough:
            self.transport.close()
            return
        self.got, self.waiting, self.sent_at = b"", True, perf_counter()
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self.got = self.got + data if self.got else data
        end = self.got.find(b"\r\n\r\n")
        if end < 0:
            return
        head, body = self.got[:end], self.got[end + 4 :]
        length = int(head[head.rindex(b"content-length: ") + 16 :].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self.waiting = False
        self.crowd.answered(head, body, perf_counter() - self.sent_at)
        assert self.transport is not None
        if b"\r\nconnection: close" in head:
            self.transport.close()
            self.crowd.again()
        else:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self.crowd.members.discard(self)
        if self.waiting:
            self.crowd.errors[f"connection lost inside a request ({type(exc).__name__})"] += 1
            self.crowd.again()


class Crowd:
    """`size` clients; `port` says where the next connection goes."""

    def __init__(self, size: int, port: Callable[[], int]) -> None:
        self.size, self.port = size, port
        self.members: set[Client] = set()
        self.errors: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.enough = False
        self._expected: bytes | None = None
        self._opening: set[asyncio.Task[None]] = set()

    def answered(self, head: bytes, body: bytes, seconds: float) -> None:
        """Raises nothing: what is wrong is counted."""
        self.seconds.append(seconds)
        if b" 200 " not in head[:16]:
            self.errors[f"{head[9:12].decode()} {body[:80].decode('latin-1')}"] += 1
        elif self._expected is None:
            self._expected = body
        elif body != self._expected:
            self.errors["another answer to the same question"] += 1

    def again(self) -> None:
        """One more connection in place of one that has ended."""
        if not self.enough:
            self._open()

    def _open(self) -> None:
        task = asyncio.get_running_loop().create_task(self._connect())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: Client(self), "127.0.0.1", self.port())
        except OSError as problem:
            self.errors[f"no connection ({type(problem).__name__})"] += 1

    async def ask(self, seconds: float) -> None:
        """All of them ask for so long; then what has begun is waited for."""
        for _ in range(self.size):
            self._open()
        await asyncio.sleep(seconds)
        self.enough = True
        end = perf_counter() + PATIENCE_SECONDS
        # Polled: an event would be one more thing to do for each of thousands of connections.
        while (self.members or self._opening) and perf_counter() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        if self.members:
            self.errors["no answer"] += len(self.members)
        if not self.seconds:
            self.errors["nobody was answered"] += 1
