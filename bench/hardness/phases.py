"""What is done to the server, one function a phase; each gives a Result and leaves no process behind."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import uvloop

from bench.hardness.honest import Crowd
from bench.hardness.target import Memory, Target, serving
from bench.runtime.client import percentile
from bench.runtime.environments import ROOT
from bench.runtime.servers import cores

SETTLE_SECONDS = 1.0  # for connections to end and memory to be given back, before it is looked at


@dataclass(frozen=True, slots=True)
class Sizes:
    """How long the load lasts in each phase, and how many there are of whom."""

    seconds: float = 60.0
    few: int = 128
    many: int = 1000
    attackers: int = 2000
    idle: int = 10_000


@dataclass(frozen=True, slots=True)
class Result:
    """`errors` of honest clients, what went wrong → how often; latencies in ms, memory in MB."""

    requests: int
    errors: Mapping[str, int]
    p50: float
    p99: float
    memory: Memory
    note: str = ""


def _result(crowd: Crowd, memory: Memory, note: str = "") -> Result:
    ordered = sorted(crowd.seconds) or [0.0]
    p50, p99 = (percentile(ordered, percent) * 1e3 for percent in (50, 99))
    return Result(len(crowd.seconds), dict(crowd.errors), p50, p99, memory, note)


async def _watched(target: Target, crowd: Crowd, work: Callable[[], Awaitable[object]]) -> Memory:
    """Do the work and watch the server's memory meanwhile; a first answer before it, so that all is loaded."""
    memory = Memory(target.process.pid)
    warm = Crowd(1, lambda: target.port)
    await warm.ask(0.2)
    memory.before = memory.look()
    watching = asyncio.create_task(memory.watch())
    await work()
    watching.cancel()
    if target.process.poll() is None:
        await asyncio.sleep(SETTLE_SECONDS)
        memory.end()
    return memory


@contextmanager
def _attacked(port: int, count: int, seconds: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.hardness.attack", str(port), str(count), str(seconds)]
    attack = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield attack
    finally:
        attack.kill()
        attack.wait()


async def load(sizes: Sizes, clients: int) -> Result:
    """Honest clients alone."""
    with serving(cores().server) as target:
        crowd = Crowd(clients, lambda: target.port)
        return _result(crowd, await _watched(target, crowd, lambda: crowd.ask(sizes.seconds)))


async def attacked(sizes: Sizes, clients: int) -> Result:
    """The same beside slow clients, who were there first."""
    with serving(cores().server) as target:
        crowd = Crowd(clients, lambda: target.port)
        lead = min(5.0, sizes.seconds / 4)

        async def work() -> None:
            await asyncio.sleep(lead)
            await crowd.ask(sizes.seconds)

        with _attacked(target.port, sizes.attackers, sizes.seconds + 2 * lead) as attack:
            memory = await _watched(target, crowd, work)
            told = await asyncio.to_thread(attack.communicate)
            await asyncio.sleep(SETTLE_SECONDS)
            memory.end()
        return _result(crowd, memory, f"{sizes.attackers} attackers: {told[0].strip()}")


async def idle(sizes: Sizes) -> Result:
    """Honest clients beside thousands that have asked once and keep their connection."""
    settings = {"MODELSERVER_MAX_CONNECTIONS": str(sizes.idle + sizes.few + 100)}
    with serving(cores().server, **settings) as target:
        crowd, open_ones = Crowd(sizes.few, lambda: target.port), []

        async def work() -> None:
            for _ in range(sizes.idle):
                reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
                writer.write(b"GET /v2/health/live HTTP/1.1\r\nHost: t\r\n\r\n")
                assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
                open_ones.append(writer)
            held.append(memory_now())
            await crowd.ask(sizes.seconds)
            for writer in open_ones:
                writer.close()

        held: list[float] = []
        memory_now = partial(Memory(target.process.pid).look)
        memory = await _watched(target, crowd, work)
        each = (held[0] - memory.before) * 1024 / sizes.idle
        return _result(crowd, memory, f"{sizes.idle} idle connections, {each:.1f} kB each")


async def drained(sizes: Sizes) -> Result:
    """SIGTERM in the middle of the load; who is told to go connects to another server, as behind a Service."""
    with serving(cores().server) as leaving, serving(cores().server) as other:
        at = [leaving.port]
        crowd = Crowd(sizes.few, lambda: at[0])
        asked = 0

        async def stop() -> None:
            nonlocal asked
            await asyncio.sleep(min(sizes.seconds / 3, 5.0))
            asked = len(crowd.seconds)
            leaving.terminate()
            at[0] = other.port

        async def work() -> None:
            stopping = asyncio.create_task(stop())
            await crowd.ask(sizes.seconds)
            await stopping

        memory = await _watched(leaving, crowd, work)
        status = await asyncio.to_thread(leaving.process.wait, 40.0)
        if status:
            crowd.errors[f"the server ended with {status}"] += 1
        return _result(crowd, memory, f"SIGTERM after {asked} answers, exit code {status}")


Phase = Callable[[Sizes], Awaitable[Result]]
PHASES: Mapping[str, Phase] = {
    "load-few": lambda sizes: load(sizes, sizes.few),
    "load-many": lambda sizes: load(sizes, sizes.many),
    "attack-few": lambda sizes: attacked(sizes, sizes.few),
    "attack-many": lambda sizes: attacked(sizes, sizes.many),
    "idle": idle,
    "drain": drained,
}


def run(name: str, sizes: Sizes) -> Result:
    """One phase in an event loop of its own, on the clients' core."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cores().client})
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:

            async def phase() -> Result:
                return await PHASES[name](sizes)

            return runner.run(phase())
    finally:
        os.sched_setaffinity(0, allowed)
