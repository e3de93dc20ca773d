"""Where measurements come from: the pods themselves, Prometheus, and golden requests. One call is one measurement."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

import aiohttp

from modelway.cluster.client import Api
from modelway.cluster.records import Key
from modelway.cluster.user_config_map import data_of
from modelway.decide.finding import State
from modelway.decide.golden import Tolerance, judge_golden
from modelway.decide.golden_cases import parse_cases
from modelway.measure.bounded import new_session
from modelway.measure.golden import answers
from modelway.measure.prometheus import ask
from modelway.measure.scrape import Target, Unreadable, scrape
from modelway.measurement import Report
from modelway.world import Golden, Measure, Measured, Number, Proof

log = logging.getLogger(__name__)

AGAIN: Final = 5.0  # seconds after which golden requests without a verdict are sent again


class Sources:
    """Implements ``modelway.measurements.Source``."""

    def __init__(self, api: Api, now: Callable[[], datetime]) -> None:
        self._api = api
        self._now = now
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Ends the connections to pods."""
        if self._session is not None:
            await self._session.close()

    async def __call__(self, key: Key, measure: Measure, before: Measured) -> Measured:
        """All that is asked for, side by side. What could not be measured stays as it was."""
        self._session = self._session or new_session()
        reports, numbers, golden = await asyncio.gather(
            self._reports(self._session, measure, before),
            self._numbers(self._session, measure, before),
            self._golden(self._session, key, measure.golden, before),
        )
        return Measured(reports, numbers, golden)

    async def _reports(self, session: aiohttp.ClientSession, measure: Measure, before: Measured) -> dict[str, Report]:
        targets = [Target(name, uid, address) for name, uid, address in measure.pods]
        found = dict(before.reports)
        for result in await scrape(session, targets, self._now):
            if isinstance(result, Unreadable):
                log.info("not measured: %s", result.sentence)
            else:
                found[result.uid] = result
        return found

    async def _numbers(
        self, session: aiohttp.ClientSession, measure: Measure, before: Measured
    ) -> dict[tuple[str, str], Number]:
        """All queries at a time: pods' reports wait for the slowest, and a Prometheus that hangs is one for 5 s."""
        asked = [self._number(session, query, before.numbers.get(query), measure) for query in measure.queries]
        return dict(zip(measure.queries, await asyncio.gather(*asked), strict=True))

    async def _number(
        self, session: aiohttp.ClientSession, query: tuple[str, str], former: Number | None, measure: Measure
    ) -> Number:
        if former and not self._due(former, measure):
            return former
        asked_at = self._now()
        answer = await ask(session, *query)
        if isinstance(answer, str):
            return Number(None, answer, (former.errors if former else 0) + 1, asked_at)
        return Number(answer, "", 0, asked_at)

    def _due(self, former: Number, measure: Measure) -> bool:
        """Whether a query is to be asked again. While a share is confirmed the pods are asked four times a second; a
        Prometheus that starts anew would have failed five times in a row by then."""
        asked_before = measure.queries_since is not None and former.at < measure.queries_since
        return asked_before or not self._within(former.at, measure.queries_every)

    def _within(self, moment: datetime, seconds: float) -> bool:
        """Whether that was less than so long ago. A moment to come is of a clock that was set back since."""
        return 0 <= (self._now() - moment).total_seconds() < seconds

    async def _golden(
        self, session: aiohttp.ClientSession, key: Key, wanted: Golden | None, before: Measured
    ) -> dict[tuple[str, str], Proof]:
        if wanted is None:
            return dict(before.golden)
        subject = (wanted.candidate, wanted.config_map)
        former = before.golden.get(subject)
        if former and (former.state != State.INCONCLUSIVE or self._within(former.at, AGAIN)):
            return dict(before.golden)
        return {**before.golden, subject: await self._proof(session, key, wanted)}

    async def _proof(self, session: aiohttp.ClientSession, key: Key, wanted: Golden) -> Proof:
        data = await data_of(self._api, key[0], wanted.config_map)
        if isinstance(data, str):
            return Proof(State.INCONCLUSIVE, data, self._now())
        cases = parse_cases(wanted.config_map, data)
        candidate, stable = await asyncio.gather(
            answers(session, Target("", "", wanted.candidate_address).address, wanted.model, cases.cases),
            answers(session, Target("", "", wanted.stable_address).address, wanted.stable_model, cases.cases),
        )
        tolerance = Tolerance(wanted.absolute_tolerance, wanted.relative_tolerance)
        verdict = judge_golden(cases, tolerance, stable, candidate)
        return Proof(verdict.state, verdict.sentence, self._now())
