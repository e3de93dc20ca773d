"""How often Prometheus is asked: at the checks' interval, whatever the pods are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import TestServer

from modelway.cluster.client import Api
from modelway.sources import Sources
from modelway.world import Measure, Measured, Number

START = datetime(2026, 1, 1, tzinfo=UTC)


def asked(moments: Sequence[float], measure: Measure, status: int = 200) -> list[Number]:
    """What is known after each measurement; ``moments`` are when, in seconds."""
    return asyncio.run(_asked(moments, measure, status))


async def _asked(moments: Sequence[float], measure: Measure, status: int) -> list[Number]:
    async def answer(request: web.Request) -> web.Response:
        result: Any = {"resultType": "scalar", "result": [0, "0.5"]}
        return web.json_response({"status": "success", "data": result}, status=status)

    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=status, text="starting")

    app, told, now = web.Application(), [], START
    app.router.add_get("/api/v1/query", answer if status == 200 else refuse)
    async with TestServer(app) as server:
        query = (str(server.make_url("")), "up")
        sources = Sources(cast(Api, None), lambda: now)
        latest = Measured()
        for moment in moments:
            now = START + timedelta(seconds=moment)
            latest = await sources(("ml", "digits"), replace(measure, queries=(query,)), latest)
            told.append(latest.numbers[query])
        await sources.close()
    return told


def test_it_is_asked_at_the_interval_however_often_pods_are() -> None:
    """While a share was confirmed it was asked four times a second, too."""
    told = asked([0, 0.25, 0.5, 9.9, 10.1], Measure(0.25, queries_every=10.0))
    assert [(number.at - START).total_seconds() for number in told] == [0, 0, 0, 0, 10.1]


def test_a_prometheus_that_starts_anew_has_not_failed_five_times_within_a_second() -> None:
    told = asked([0, 0.25, 0.5, 0.75, 1.0, 10.5], Measure(0.25, queries_every=10.0), status=503)
    assert [number.errors for number in told] == [1, 1, 1, 1, 1, 2]


def test_it_is_asked_once_more_when_a_step_is_over() -> None:
    over = Measure(0.25, queries_every=3600.0, queries_since=START + timedelta(seconds=60))
    told = asked([0, 61, 61.25], over)
    assert [(number.at - START).total_seconds() for number in told] == [0, 61, 61]


def test_a_clock_that_is_set_back_leaves_no_number_as_it_was_until_then() -> None:
    told = asked([3600, 0, 0.25], Measure(0.25, queries_every=10.0))
    assert [(number.at - START).total_seconds() for number in told] == [3600, 0, 0]


def test_queries_are_asked_at_a_time() -> None:
    """One after the other, four that hang held the pods' reports up for 20 s."""

    async def story() -> None:
        waiting, both = 0, asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            nonlocal waiting
            waiting += 1
            if waiting == 2:
                both.set()
            await both.wait()
            result: Any = {"resultType": "scalar", "result": [0, "0.5"]}
            return web.json_response({"status": "success", "data": result})

        app = web.Application()
        app.router.add_get("/api/v1/query", answer)
        async with TestServer(app) as server:
            sources = Sources(cast(Api, None), lambda: START)
            address = str(server.make_url(""))
            latest = await sources(("ml", "digits"), Measure(1, queries=((address, "a"), (address, "b"))), Measured())
            assert [number.value for number in latest.numbers.values()] == [0.5, 0.5]
            await sources.close()

    asyncio.run(story())
