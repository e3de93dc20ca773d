"""The latest of what was measured for each ModelDeployment, and the tasks that measure while a decision asks for it.

Nothing here is state: it is lost when the operator ends, and then measured anew. Measuring stops as soon as no decision
asks for it any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from modelway.cluster.records import Key
from modelway.world import Measure, Measured

log = logging.getLogger(__name__)

LEAST: Final = 0.05  # seconds between two measurements, however soon a decision wants the next one

Source = Callable[[Key, Measure, Measured], Awaitable[Measured]]
"""Measures once: what was known before, with what is known now. Failures are values in it."""


class Measurer(Protocol):
    """Where a look at a ModelDeployment gets its measurements from."""

    def of(self, key: Key) -> Measured:
        """The latest."""
        ...

    def want(self, key: Key, measure: Measure | None) -> None:
        """What the next decision wants to know; None: nothing."""
        ...


@dataclass(slots=True)
class _Subject:
    """One ModelDeployment under measurement."""

    measure: Measure
    task: asyncio.Task[None] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Measurements:
    """Measures in the background; ``wake`` makes somebody look at a key whose measurements are new."""

    def __init__(self, source: Source, wake: Callable[[Key], None]) -> None:
        self._source = source
        self._wake = wake
        self._latest: dict[Key, Measured] = {}
        self._subjects: dict[Key, _Subject] = {}

    def of(self, key: Key) -> Measured:
        """The latest; empty where nothing was measured."""
        return self._latest.get(key, Measured())

    def want(self, key: Key, measure: Measure | None) -> None:
        """From now on this is measured, and at once if it was not until now."""
        subject = self._subjects.get(key)
        if measure is None:
            self._end(key)
        elif subject is None:
            self._subjects[key] = subject = _Subject(measure)
            subject.task = asyncio.get_running_loop().create_task(self._run(key, subject))
        elif subject.measure != measure:
            subject.measure = measure
            subject.changed.set()

    def stop(self) -> None:
        """Ends every measurement: another replica works now."""
        for key in list(self._subjects):
            self._end(key)

    def _end(self, key: Key) -> None:
        subject = self._subjects.pop(key, None)
        self._latest.pop(key, None)
        if subject and subject.task:
            subject.task.cancel()

    async def _run(self, key: Key, subject: _Subject) -> None:
        while True:
            subject.changed.clear()
            try:
                latest = await self._source(key, subject.measure, self.of(key))
                self._latest[key] = _of_asked(latest, subject.measure)
            except Exception:  # a bug of ours in here is told, and does not end the measuring
                log.exception("internal error while measuring for %s/%s; please report it", *key)
            self._wake(key)
            await asyncio.sleep(LEAST)
            try:
                async with asyncio.timeout(max(0.0, subject.measure.every - LEAST)):
                    await subject.changed.wait()
            except TimeoutError:
                continue


def _of_asked(latest: Measured, measure: Measure) -> Measured:
    """Without reports of pods that nobody asks about any more: they would be kept for ever."""
    asked = {uid for _, uid, _ in measure.pods}
    return replace(latest, reports={uid: report for uid, report in latest.reports.items() if uid in asked})
