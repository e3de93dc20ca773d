"""The load: several kept-alive connections, each sending its next request when the answer is there. Its own process.

`python -m bench.quota.load HOST:PORT CONNECTIONS SECONDS FILE` sends the bytes in FILE and prints, as JSON, all
requests answered, those after the warm-up (a sixth), their seconds, p50 and p99 in milliseconds. It waits in one epoll
for all connections, to leave the CPU to the server. Standard library only and one file, so that it runs in a pod, too.
"""

import json
import selectors
import socket
import sys
from pathlib import Path
from statistics import quantiles
from time import perf_counter


class Caller:
    """One connection; `sent` is when its request went out."""

    def __init__(self, address: str, request: bytes) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request, self.got, self.sent = request, b"", 0.0

    def ask(self) -> None:
        self.got, self.sent = b"", perf_counter()
        self.socket.sendall(self.request)

    def answered(self) -> bool:
        """Read what is there; whether the answer is whole. Raises ConnectionError for anything but a 200."""
        more = self.socket.recv(262_144)
        if not more:
            raise ConnectionError("the server closed the connection")
        self.got += more
        end = self.got.find(b"\r\n\r\n")
        if end < 0:
            return False
        if b" 200 " not in self.got[:16]:
            raise ConnectionError(self.got[:200].decode("latin-1"))
        head = self.got[:end].lower()
        at = head.find(b"\r\ncontent-length:") + 17
        stop = head.find(b"\r\n", at)
        return len(self.got) >= end + 4 + int(head[at : stop if stop > 0 else None])


def main() -> None:
    address, connections, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    request = Path(sys.argv[4]).read_bytes()
    times: list[float] = []
    count = 0
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            caller = Caller(address, request)
            selector.register(caller.socket, selectors.EVENT_READ, caller)
            caller.ask()
        began = perf_counter()
        warm, until = began + seconds / 5, began + seconds * 1.2
        while (now := perf_counter()) < until:
            for key, _ in selector.select(1.0):
                caller = key.data
                if caller.answered():
                    count += 1
                    if now >= warm:
                        times.append(perf_counter() - caller.sent)
                    caller.ask()
        elapsed = perf_counter() - warm
    parts = quantiles(times, n=100, method="inclusive")
    told = {"all": count, "requests": len(times), "seconds": elapsed}
    print(json.dumps({**told, "p50": parts[49] * 1e3, "p99": parts[98] * 1e3}))


if __name__ == "__main__":
    main()
