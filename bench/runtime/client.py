"""The load: as little Python as possible between answers and the next requests. A process of its own.

`python -m bench.runtime.client PORT PID SECONDS FILE CONNECTIONS` sends the bytes in FILE again and again: first over
one connection, a request at a time, for a third of the SECONDS, then over CONNECTIONS kept-alive ones, each sending its
next request when its answer has come (a closed loop). It prints, as JSON, the p50 and p99 of the first part in
milliseconds, and of the second the requests answered, and the CPU seconds that the process tree of PID took meanwhile.
"""

import json
import select
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from bench.runtime.figures import cpu_seconds, tree

WARM = 3
AT_LEAST = 8  # answers in a part, however slow: a median of fewer says little
RECEIVED = 262_144


class Refused(Exception):
    """An answer that is not 200; `status` is its code."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"{status} {words}")
        self.status = status


class Connection:
    """Opened when there is something to send, and anew if the server closed it, as gunicorn's sync worker does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._got = b""

    def send(self, sent: bytes) -> int:
        """Send a request; gives the descriptor on which its answer will come. Raises OSError."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(sent)
        return self._socket.fileno()

    def receive(self) -> tuple[bytes, bytes] | None:
        """Wait for some bytes: the answer's head and body, or None while it is not whole. Raises Refused, OSError."""
        assert self._socket is not None
        more = self._socket.recv(RECEIVED)
        if not more:
            raise ConnectionResetError("the server closed the connection without a whole answer")
        got = self._got = self._got + more
        end = got.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = got[:end]
        lower = head.lower()
        # With the line's start: Inference-Header-Content-Length is another header.
        at = lower.find(b"\r\ncontent-length:")
        stop = lower.find(b"\r\n", at + 2)
        length = int(lower[at + 17 : stop if stop > 0 else None]) if at > 0 else None
        body = whole(got, end + 4, length)
        if body is None:
            return None
        self._got = b""
        if b"connection: close" in lower:
            self.close()
        if b" 200 " not in head[:16]:
            raise Refused(int(head[9:12]), body.decode("latin-1")[:200])
        return head, body

    def exchange(self, sent: bytes) -> tuple[bytes, bytes]:
        """Send and read one whole answer; gives its head and its body. Raises Refused, OSError."""
        self.send(sent)
        while (answer := self.receive()) is None:
            pass
        return answer

    @property
    def closed(self) -> bool:
        return self._socket is None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def whole(got: bytes, start: int, length: int | None) -> bytes | None:
    """The body that starts at `start`, of `length` bytes or, for None, in chunks; None while some of it is missing."""
    if length is not None:
        return got[start:] if len(got) >= start + length else None
    body = b""
    while (end := got.find(b"\r\n", start)) >= 0:
        size = int(got[start:end].partition(b";")[0], 16)
        if len(got) < end + size + 4:
            return None
        if not size:
            return body
        body += got[end + 2 : end + 2 + size]
        start = end + size + 4
    return None


def percentile(ordered: list[float], percent: int) -> float:
    """The nearest-rank percentile of ascending numbers."""
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * percent // 100) - 1))]


def latencies(connection: Connection, sent: bytes, seconds: float) -> list[float]:
    """Seconds that each of the requests took, one at a time; ascending."""
    times: list[float] = []
    start = now = perf_counter()
    while now - start < seconds or len(times) < AT_LEAST:
        began = now
        connection.exchange(sent)
        now = perf_counter()
        times.append(now - began)
    return sorted(times)


def closed_loop(
    connections: list[Connection], sent: bytes, seconds: float, cpu: Callable[[], float]
) -> dict[str, float]:
    """Each connection always has one request under way. Raises Refused, OSError."""
    poll = select.epoll()
    by_descriptor: dict[int, Connection] = {}

    def ask(connection: Connection) -> None:
        descriptor = connection.send(sent)
        if by_descriptor.get(descriptor) is not connection:
            by_descriptor[descriptor] = connection
            poll.register(descriptor, select.EPOLLIN)

    for connection in connections:
        ask(connection)
    requests, before, start = 0, cpu(), perf_counter()
    while perf_counter() - start < seconds or requests < AT_LEAST:
        for descriptor, _ in poll.poll(60):
            connection = by_descriptor[descriptor]
            if connection.receive() is None:
                continue
            requests += 1
            if connection.closed:
                del by_descriptor[descriptor]
            ask(connection)
    return {"requests": requests, "seconds": perf_counter() - start, "cpu": cpu() - before}


def main() -> None:
    port, pid, seconds, sent, count = sys.argv[1:]
    request = Path(sent).read_bytes()
    connections = [Connection(int(port)) for _ in range(int(count))]
    for _ in range(WARM):
        connections[0].exchange(request)
    times = latencies(connections[0], request, float(seconds) / 3)
    pids = tree(int(pid))
    told = closed_loop(connections, request, float(seconds), lambda: cpu_seconds(pids))
    for connection in connections:
        connection.close()
    print(json.dumps({**told, "p50": percentile(times, 50) * 1e3, "p99": percentile(times, 99) * 1e3}))


if __name__ == "__main__":
    main()
