"""The load: one kept-alive connection, one request at a time, as little Python as possible. A process of its own.

`python -m bench.runtime.client PORT PID SECONDS FILE` sends the bytes in FILE again and again and prints, as JSON, the
requests answered, their p50 and p99 in milliseconds, and the CPU seconds that the process tree of PID took meanwhile.
"""

import json
import socket
import sys
from pathlib import Path
from time import perf_counter

from bench.runtime.figures import cpu_seconds, tree

WARM = 3
AT_LEAST = 8  # answers in a stretch, however slow: a median of fewer says little


class Refused(Exception):
    """An answer that is not 200; `status` is its code."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"{status} {words}")
        self.status = status


class Connection:
    """A connection that is opened anew if the server closes it after an answer, as gunicorn's sync worker does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = self._open()

    def _open(self) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def exchange(self, sent: bytes) -> tuple[bytes, bytes]:
        """Send and read one whole answer; gives its head and its body. Raises Refused, OSError."""
        connection = self._socket
        connection.sendall(sent)
        got = connection.recv(262_144)
        while (end := got.find(b"\r\n\r\n")) < 0:
            if not (more := connection.recv(262_144)):
                raise ConnectionResetError("the server closed the connection without an answer")
            got += more
        head = got[:end]
        lower = head.lower()
        # With the line's start: Inference-Header-Content-Length is another header.
        at = lower.find(b"\r\ncontent-length:")
        stop = lower.find(b"\r\n", at + 2)
        length = int(lower[at + 17 : stop if stop > 0 else None]) if at > 0 else None
        while (body := whole(got, end + 4, length)) is None:
            if not (more := connection.recv(262_144)):
                raise ConnectionResetError("the server closed the connection inside an answer")
            got += more
        if b"connection: close" in lower:
            connection.close()
            self._socket = self._open()
        if b" 200 " not in head[:16]:
            raise Refused(int(head[9:12]), body.decode("latin-1")[:200])
        return head, body

    def close(self) -> None:
        self._socket.close()


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


def main() -> None:
    port, pid, seconds, sent = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]).read_bytes()
    connection = Connection(port)
    for _ in range(WARM):
        connection.exchange(sent)
    times: list[float] = []
    pids = tree(pid)
    cpu = cpu_seconds(pids)
    start = now = perf_counter()
    while now - start < seconds or len(times) < AT_LEAST:
        began = now
        connection.exchange(sent)
        now = perf_counter()
        times.append(now - began)
    cpu = cpu_seconds(pids) - cpu
    connection.close()
    times.sort()
    told = {"requests": len(times), "seconds": now - start, "cpu": cpu}
    print(json.dumps({**told, "p50": percentile(times, 50) * 1e3, "p99": percentile(times, 99) * 1e3}))


if __name__ == "__main__":
    main()
