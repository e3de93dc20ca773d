"""Slow clients, a process of its own: `python -m bench.hardness.attack PORT COUNT SECONDS` prints what became of them.

Three kinds in equal parts, each of which comes back at once when it is thrown out: heads that never end, bodies that
come byte by byte, and readers that ask for large answers and never read one.
"""

import asyncio
import json
import socket
import sys
from collections import Counter

BYTE_SECONDS = 1.0
ASKED_AHEAD = 64  # times some 10 kB of OpenAPI document that nobody reads
HEAD = b"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: t\r\n"
DOCUMENT = b"GET /openapi.json HTTP/1.1\r\nHost: t\r\n\r\n"


async def slow_head(loop: asyncio.AbstractEventLoop, client: socket.socket) -> None:
    await loop.sock_sendall(client, HEAD + b"X-Slow: ")
    while True:
        await loop.sock_sendall(client, b"a")
        await asyncio.sleep(BYTE_SECONDS)


async def slow_body(loop: asyncio.AbstractEventLoop, client: socket.socket) -> None:
    await loop.sock_sendall(client, HEAD + b"Content-Length: 1000000\r\n\r\n")
    while True:
        await loop.sock_sendall(client, b"[")
        await asyncio.sleep(BYTE_SECONDS)


async def never_reads(loop: asyncio.AbstractEventLoop, client: socket.socket) -> None:
    await loop.sock_sendall(client, DOCUMENT * ASKED_AHEAD)
    while True:  # what a closed connection answers to a byte tells that it is closed
        await asyncio.sleep(BYTE_SECONDS)
        await loop.sock_sendall(client, b"G")


KINDS = (slow_head, slow_body, never_reads)


async def attacker(number: int, port: int, counts: Counter[str]) -> None:
    loop, kind = asyncio.get_running_loop(), KINDS[number % len(KINDS)]
    while True:
        with socket.socket() as client:
            client.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            try:
                await loop.sock_connect(client, ("127.0.0.1", port))
                counts[f"{kind.__name__} connected"] += 1
                await kind(loop, client)
            except OSError:
                counts[f"{kind.__name__} thrown out"] += 1
        await asyncio.sleep(0.2)


async def attack(port: int, count: int, seconds: float) -> Counter[str]:
    counts: Counter[str] = Counter()
    tasks = [asyncio.create_task(attacker(number, port, counts)) for number in range(count)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return counts


def main() -> None:
    port, count, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    print(json.dumps(asyncio.run(attack(port, count, seconds))))


if __name__ == "__main__":
    main()
