"""Counting and comparing: what a store must know before somebody decides by it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from modelway.cluster.census import Census
from modelway.cluster.client import Response
from modelway.cluster.kinds import NOT_SERVED, ROUTES
from modelway.cluster.store import Store
from tests.cluster.test_lease import VirtualTime
from tests.sim.api import FakeApi

LABELS = {"app.kubernetes.io/managed-by": "modelway", "modelway.io/deployment": "digits"}
LOOKS = 20  # turns of the event loop, and as many pauses of 20 ms


def config_map(generation: int) -> dict[str, Any]:
    meta = {"namespace": "models", "name": "digits-traffic", "labels": LABELS}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"generation": str(generation)}}


def filled(api: FakeApi) -> tuple[Store, Any]:
    """A store that knows what there is, and the watches that tell of what comes."""
    api.create(config_map(1), "modelway")
    store, streams = Store(), api.watch_all()
    store.unavailable.update({kind.kind: NOT_SERVED for kind in ROUTES})
    deliver(store, streams)
    return store, streams


def deliver(store: Store, streams: Any) -> None:
    for kind, stream in streams.items():
        while stream:
            word, obj = stream.popleft()
            store.see(kind, None if word == "LISTED" else word, obj)


def new_api() -> FakeApi:
    return FakeApi(lambda: datetime.now(UTC))


def write_another(api: FakeApi) -> None:
    """Another traffic document, of which the watch has not told yet."""
    api.update("ConfigMap", "models", "digits-traffic", "modelway", lambda live: live.update(data={"x": "2"}))


async def waits_until_told(api: FakeApi, store: Store, streams: Any) -> None:
    """Who begins to lead does nothing until the watches have told."""
    catching_up = asyncio.ensure_future(Census(api, store, ()).catch_up())
    for _ in range(LOOKS):
        await asyncio.sleep(0.02)
    assert not catching_up.done()
    deliver(store, streams)
    await asyncio.wait_for(catching_up, 10)


def test_who_begins_to_lead_waits_for_the_last_write_of_who_led_before() -> None:
    async def story() -> None:
        api = new_api()
        store, streams = filled(api)
        write_another(api)
        await waits_until_told(api, store, streams)

    asyncio.run(story())


def test_an_object_that_went_meanwhile_is_not_waited_for() -> None:
    async def story() -> None:
        api = new_api()
        store, streams = filled(api)
        write_another(api)
        catching_up = asyncio.ensure_future(Census(api, store, ()).catch_up())
        await asyncio.sleep(0)
        api.delete("ConfigMap", "models", "digits-traffic")
        deliver(store, streams)
        await asyncio.wait_for(catching_up, 10)

    asyncio.run(story())


def test_routes_are_waited_for_where_there_are_any() -> None:
    async def story() -> None:
        api = new_api()
        store, streams = filled(api)
        store.unavailable.clear()
        meta = {"namespace": "models", "name": "digits", "labels": LABELS}
        api.create({"kind": "HTTPRoute", "metadata": meta, "spec": {}}, "modelway")
        await waits_until_told(api, store, streams)

    asyncio.run(story())


@pytest.mark.parametrize("status", [403, 404, 500])
def test_routes_that_can_not_be_listed_any_more_keep_nobody_waiting_for_long(status: int) -> None:
    """Who began to lead did nothing for anybody until they could, and a watch that has begun may go on for 300 s."""

    async def story() -> None:
        api = new_api()
        store, _ = filled(api)
        store.unavailable.clear()
        api.before = lambda method, path: Response(status, b"{}") if "routes" in path else None
        async with asyncio.timeout(60):
            await Census(api, store, ()).catch_up()

    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        runner.run(story())


def test_a_right_that_is_missing_in_one_of_several_namespaces_is_waited_for_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """kopf's watches would end at it, and with them the process, again and again."""

    async def story() -> None:
        api = new_api()
        store, _ = filled(api)
        api.before = lambda method, path: Response(403, b"{}") if path.endswith("/two/pods") else None
        flying = asyncio.ensure_future(Census(api, store, ("one", "two")).preflight())
        await asyncio.sleep(10)
        assert not flying.done()
        api.before = lambda method, path: None
        await asyncio.wait_for(flying, 10)

    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        runner.run(story())
    assert "listing pods in namespace two is forbidden. Give the operator's service account" in caplog.text
