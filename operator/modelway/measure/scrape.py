"""What pods report of themselves: ``GET /modelway/state`` of each, many at a time, each bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import aiohttp

from modelway.manifests import runtime
from modelway.measurement import Report, parse_report

from .bounded import Unanswered, request

SECONDS: Final = 2.0
LARGEST: Final = 1_000_000  # bytes; a state with two full histograms and a hundred outputs is 30 kB
AT_A_TIME: Final = 32
PORT: Final = 8080


@dataclass(frozen=True, slots=True)
class Target:
    """A pod to ask; ``host`` is its IP."""

    pod: str
    uid: str
    host: str
    port: int = PORT

    @property
    def address(self) -> str:
        """``http://host:port``, also for IPv6."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A pod that could not be read, and why."""

    pod: str
    uid: str
    sentence: str


async def scrape(
    session: aiohttp.ClientSession, targets: Iterable[Target], clock: Callable[[], datetime], seconds: float = SECONDS
) -> tuple[Report | Unreadable, ...]:
    """The report of each target, or why there is none, in their order."""
    turn = asyncio.Semaphore(AT_A_TIME)

    async def one(target: Target) -> Report | Unreadable:
        async with turn:
            return await _state(session, target, clock, seconds)

    return tuple(await asyncio.gather(*map(one, targets)))


async def _state(
    session: aiohttp.ClientSession, target: Target, clock: Callable[[], datetime], seconds: float
) -> Report | Unreadable:
    answer = await request(session, "GET", target.address + runtime.STATE_PATH, seconds=seconds, largest=LARGEST)
    if isinstance(answer, Unanswered):
        return Unreadable(target.pod, target.uid, f"Pod {target.pod} at {target.address} {answer.why}.")
    if answer.status != 200:
        told = f"Pod {target.pod} answers {answer.status} to GET {runtime.STATE_PATH}."
        return Unreadable(target.pod, target.uid, told)
    try:
        document = answer.json()
    except ValueError as error:
        told = f"Pod {target.pod} answers GET {runtime.STATE_PATH} with what is no JSON: {error}."
        return Unreadable(target.pod, target.uid, told)
    try:
        return parse_report(document, target.pod, target.uid, clock())
    except ValueError as error:
        return Unreadable(target.pod, target.uid, str(error))
