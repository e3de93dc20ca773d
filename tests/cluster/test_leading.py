"""A replica begins to lead, is cut off in the middle of a write, leads again, ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from modelway import process, settings
from modelway.cluster.client import ApiServer, Response
from modelway.cluster.kinds import NOT_SERVED, ROUTES
from modelway.process import Process
from tests.cluster.test_lease import LeaseApi, VirtualTime
from tests.sim.api import FakeApi

KEY = ("models", "digits")
MODEL_DEPLOYMENT = {
    "kind": "ModelDeployment",
    "metadata": {"namespace": "models", "name": "digits"},
    "spec": {"model": {"uri": "http://models/1.onnx"}},
}
LABELS = {"app.kubernetes.io/managed-by": "modelway", "modelway.io/deployment": "digits"}


class Server(FakeApi):
    """A cluster with a Lease, in which a write may hang."""

    def __init__(self) -> None:
        super().__init__(lambda: datetime.now(UTC))
        self.lease = LeaseApi()
        self.watch = self.lease.watch
        self.hanging = False
        self.hangs, self.wrote, self.lists = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.after = lambda written: self.wrote.set()

    async def send(self, method: str, path: str, *rest: Any, **more: Any) -> Response:
        if "/leases" in path:
            return await self.lease.send(method, path, *rest, **more)
        if method == "GET":
            self.lists.set()
        if self.hanging and method != "GET":
            self.hangs.set()
            await asyncio.Event().wait()
        return await super().send(method, path, *rest, **more)


def a_process(api: Server) -> Process:
    """With a store that knows what there is."""
    given = {"MODELWAY_RUNTIME_IMAGE": "modelserver:1", "MODELWAY_IDENTITY": "a", "POD_NAMESPACE": "system"}
    made = Process(settings.load([], given), cast(ApiServer, api))
    made._store.unavailable.update({kind.kind: NOT_SERVED for kind in ROUTES})
    for kind, stream in api.watch_all().items():
        for _, obj in stream:
            made.take_in(kind, None, obj)
    made._complete.set()
    return made


def told(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(600):
            await story()

    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        runner.run(bounded())


def test_a_look_that_was_cut_off_is_made_again_by_a_replica_that_leads_again() -> None:
    """Nobody else knows of it: its timer was fulfilled when the look began."""

    async def story() -> None:
        api = Server()
        api.create(MODEL_DEPLOYMENT, "kubectl")
        api.hanging, operator = True, a_process(api)
        leading = asyncio.create_task(operator._lead())
        await api.hangs.wait()
        leading.cancel()
        await asyncio.wait((leading,))
        api.hanging = False
        leading = asyncio.create_task(operator._lead())
        await asyncio.wait_for(api.wrote.wait(), 60)
        leading.cancel()

    told(story)


class Ended(Exception):
    """Instead of the process."""


def test_who_hears_nothing_any_more_keeps_the_lease_while_a_write_may_be_carried_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def end(code: int) -> None:
        raise Ended

    monkeypatch.setattr(process.os, "_exit", end)  # type: ignore[attr-defined]

    async def story() -> None:
        api = Server()
        api.create(MODEL_DEPLOYMENT, "kubectl")
        api.hanging, operator = True, a_process(api)
        operator._working = asyncio.create_task(operator._work())
        await api.hangs.wait()
        operator._session = cast(Any, SimpleNamespace(closed=True))
        with pytest.raises(Ended):
            await operator._end_if_deaf()
        assert operator._working.done()
        assert holder(api) == "a"

    told(story)


def test_who_ends_before_it_has_caught_up_gives_the_lease_up() -> None:
    """Nothing was written."""

    async def story() -> None:
        api = Server()
        operator = a_process(api)
        unheard = {"namespace": "models", "name": "digits-traffic", "labels": LABELS}
        api.create({"kind": "ConfigMap", "metadata": unheard, "data": {}}, "modelway")
        operator._working = asyncio.create_task(operator._work())
        await api.lists.wait()
        await operator._finish()
        assert operator._working.done()
        assert holder(api) == ""

    told(story)


def test_when_all_of_a_kind_vanished_while_a_watch_was_away_they_are_forgotten() -> None:
    """The new list was empty, so that no object in it told that it was a second one."""

    async def story() -> None:
        api = Server()
        api.create(MODEL_DEPLOYMENT, "kubectl")
        operator = a_process(api)
        operator._list("/apis/modelway.io/v1alpha1/modeldeployments")
        sweeping = asyncio.create_task(operator._sweep())
        api.delete("ModelDeployment", *KEY)
        await asyncio.sleep(60)
        assert api.reads == 0  # the first list is no reason to count
        operator._list("/apis/modelway.io/v1alpha1/modeldeployments")
        await asyncio.sleep(60)
        assert operator._store.keys() == []
        sweeping.cancel()

    told(story)


def holder(api: Server) -> str:
    assert api.lease.obj
    return str(api.lease.obj["spec"]["holderIdentity"])
