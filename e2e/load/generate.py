"""A load generator that never retries: the witness of every story about dropped requests.

It runs in a pod of the cluster (standard library only, one file, so that a ConfigMap can carry it) and writes one
JSON document to stdout when it ends, by itself after ``duration`` seconds or at SIGTERM. Two sorts of clients share the
rate: *keep-alive* clients hold a connection until the server says ``Connection: close``; *new-connection* clients open
one for each request. Each answer is compared with what the version named in its ``x-modelway-version`` header must say,
so that a mixed answer counts as a failure like a refused connection does. What failed is counted and never sent again.

    python3 generate.py PLAN.json

The plan: ``{"url": …, "duration": s, "rate": 1/s, "keep_alive": clients, "new": clients, "timeout": s,
"requests": [body, …], "answers": {"1": [[…], …], "2": …}}``; ``answers[version][i]`` is the data of the first output
that ``requests[i]`` must get from that version.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MAX_FAILURES_KEPT = 500
FIRST_PORT, LAST_PORT = 2048, 65536
TOLERANCE = 1e-4  # the two versions of the digits differ by far more, the same one on two processors by far less


class Failed(Exception):
    """A request that did not get the answer it should have had."""


@dataclass(slots=True)
class Tally:
    """What happened so far. Times are seconds since the start, latencies seconds; ``started_at`` is wall-clock time."""

    started: float
    started_at: float = field(default_factory=time.time)
    sent: int = 0
    by_version: dict[str, int] = field(default_factory=dict)
    by_revision: dict[str, int] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    failed: int = 0
    connections: int = 0
    latencies: list[float] = field(default_factory=list)
    switches: list[dict[str, Any]] = field(default_factory=list)
    last_version: str = ""
    stopping: bool = False

    def answered(self, version: str, revision: str, latency: float) -> None:
        self.by_version[version] = self.by_version.get(version, 0) + 1
        self.by_revision[revision] = self.by_revision.get(revision, 0) + 1
        self.latencies.append(latency)
        if version != self.last_version:
            self.last_version = version
            if len(self.switches) < 2000:
                self.switches.append({"at": round(time.monotonic() - self.started, 3), "version": version})

    def stop(self) -> None:
        self.stopping = True

    def missed(self, client: str, error: BaseException, begun: float) -> None:
        """``begun`` is when it was sent, by time.monotonic."""
        self.failed += 1
        if len(self.failures) < MAX_FAILURES_KEPT:
            at, sent = (round(moment - self.started, 3) for moment in (time.monotonic(), begun))
            what = f"{type(error).__name__}: {error}"
            self.failures.append({"at": at, "begun": sent, "client": client, "error": what})

    def report(self) -> dict[str, Any]:
        ordered = sorted(self.latencies) or [0.0]
        seconds = time.monotonic() - self.started
        return {
            "started_at": self.started_at,
            "seconds": round(seconds, 2),
            "sent": self.sent,
            "rate": round(self.sent / seconds, 1),
            "failed": self.failed,
            "failures": self.failures,
            "by_version": self.by_version,
            "by_revision": self.by_revision,
            "connections": self.connections,
            "p50_ms": round(1e3 * ordered[len(ordered) // 2], 2),
            "p99_ms": round(1e3 * ordered[int(len(ordered) * 0.99)], 2),
            "max_ms": round(1e3 * ordered[-1], 2),
            "switches": self.switches[:200],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, where, how often, and what must come back."""

    host: str
    port: int
    path: str
    duration: float
    rate: float
    keep_alive: int
    new: int
    timeout: float
    bodies: list[bytes]
    answers: dict[str, list[Any]]

    @classmethod
    def read(cls, path: str) -> Plan:
        plan = json.loads(Path(path).read_text())
        url = urlsplit(plan["url"])
        return cls(
            host=url.hostname or "",
            port=url.port or 80,
            path=url.path,
            duration=plan["duration"],
            rate=plan["rate"],
            keep_alive=plan["keep_alive"],
            new=plan["new"],
            timeout=plan.get("timeout", 10.0),
            bodies=[json.dumps(body).encode() for body in plan["requests"]],
            answers=plan["answers"],
        )

    def request(self, index: int, keep_alive: bool) -> bytes:
        body = self.bodies[index]
        connection = "keep-alive" if keep_alive else "close"
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: {connection}\r\n\r\n"
        )
        return head.encode() + body


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """(status, headers in lower case, body) of one HTTP/1.1 answer with a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(status_line.split(" ")[1]), headers, body


def check(plan: Plan, index: int, status: int, headers: dict[str, str], body: bytes) -> str:
    """The version that answered; raises Failed when the answer is not that version's."""
    if status != 200:
        raise Failed(f"HTTP {status}: {body[:200].decode(errors='replace')}")
    version = headers.get("x-modelway-version", "")
    if version not in plan.answers:
        raise Failed(f"an answer of version {version!r}, which was never deployed")
    answer, expected = json.loads(body)["outputs"][0]["data"], plan.answers[version][index]
    if len(answer) != len(expected) or max(abs(a - e) for a, e in zip(answer, expected, strict=True)) > TOLERANCE:
        raise Failed(f"version {version} answered {answer}, not {expected}, to request {index}")
    return version


def ports(number: int, clients: int) -> Iterator[int]:
    """The local ports of one of so many clients, in turn and for ever: none is used again within minutes.

    A kernel that chooses by itself takes one again at random; and for two minutes another kernel remembers where it led
    a connection that was never answered, and leads the next one from there to the same machine, lost or not."""
    share = (LAST_PORT - FIRST_PORT) // clients
    return itertools.cycle(range(FIRST_PORT + number * share, FIRST_PORT + (number + 1) * share))


class Client:
    """One client: sends its share of the rate, one request at a time."""

    def __init__(self, plan: Plan, tally: Tally, number: int) -> None:
        self.plan, self.tally, self.keep_alive, self.next = plan, tally, number < plan.keep_alive, 31 * number
        self.name = f"{'keep-alive' if self.keep_alive else 'new'}-{number}"
        self.ports = ports(number, plan.keep_alive + plan.new)
        self.stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def close(self) -> None:
        if self.stream is not None:
            self.stream[1].close()
            self.stream = None

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection from a port of our own, each in its turn."""
        while True:
            try:
                source = ("0.0.0.0", next(self.ports))
                return await asyncio.open_connection(self.plan.host, self.plan.port, local_addr=source)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise

    async def once(self) -> None:
        index = self.next % len(self.plan.bodies)
        self.next += 1
        self.tally.sent += 1
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self.plan.timeout):
                if self.stream is None:
                    self.stream = await self.connect()
                    self.tally.connections += 1
                reader, writer = self.stream
                writer.write(self.plan.request(index, self.keep_alive))
                status, headers, body = await read_answer(reader)
            version = check(self.plan, index, status, headers, body)
            self.tally.answered(version, headers.get("x-modelway-revision", ""), time.monotonic() - begun)
            if not self.keep_alive or headers.get("connection", "").lower() == "close":
                self.close()
        except (Failed, OSError, TimeoutError, EOFError, ValueError, KeyError, IndexError) as error:
            self.tally.missed(self.name, error, begun)
            self.close()

    async def run(self, interval: float, until: float) -> None:
        due = time.monotonic() + interval * (self.next % 97) / 97
        while due < until and not self.tally.stopping:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self.once()
            # A slow answer delays this client's next request, it does not pile requests up.
            due = max(due + interval, time.monotonic())
        self.close()


async def main(path: str) -> None:
    plan = Plan.read(path)
    tally = Tally(started=time.monotonic())
    clients = plan.keep_alive + plan.new
    until = tally.started + plan.duration
    runs = asyncio.gather(*(Client(plan, tally, number).run(clients / plan.rate, until) for number in range(clients)))
    # What is under way is waited for: every request that was sent is answered or counted as failed.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, tally.stop)
    print("started", file=sys.stderr, flush=True)
    await runs
    print(json.dumps(tally.report()), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
