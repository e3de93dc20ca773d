"""What workers do with looks that fail."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from modelway.cluster.act import Actor
from modelway.cluster.client import OutcomeUnknown, Response
from modelway.cluster.events import Recorder
from modelway.cluster.records import Key
from modelway.cluster.store import Store
from modelway.measurements import Measurements
from modelway.queue import Queue
from modelway.reconcile import Look, Reconciler
from modelway.workers import Looks, Workers
from tests.sim.api import FakeApi

POISON, OTHER = ("models", "poison"), ("models", "other")


def workers(looks: Looks) -> tuple[Queue[Key], Workers]:
    queue: Queue[Key] = Queue(time.monotonic, lambda: 0.5)
    return queue, Workers(queue, looks, 2, 600, lambda: 0.5)


class Failing:
    """Fails at one object, and again at saying so."""

    def __init__(self) -> None:
        self.looked = asyncio.Event()

    async def reconcile(self, key: Key) -> Look:
        if key == POISON:
            raise ValueError("a bug")
        self.looked.set()
        return Look()

    async def report_internal_error(self, key: Key, error: Exception) -> None:
        raise error


def test_an_object_of_which_not_even_the_trouble_can_be_told_harms_no_other() -> None:
    async def story() -> None:
        failing = Failing()
        queue, some = workers(failing)
        queue.add(POISON)
        working = asyncio.create_task(some.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        queue.add(OTHER)
        async with asyncio.timeout(10):
            await failing.looked.wait()
        assert not working.done()
        assert queue.failures(POISON) == 1
        working.cancel()

    asyncio.run(story())


def test_writes_that_are_never_answered_are_tried_less_and_less_often() -> None:
    """An admission webhook that hangs takes longer to be given up than we wait for an answer."""

    def hang(method: str, path: str) -> Response | None:
        if method != "GET":
            raise OutcomeUnknown("timed out")
        return None

    async def story() -> None:
        api, store = FakeApi(lambda: datetime.now(UTC)), Store()
        meta = {"namespace": OTHER[0], "name": OTHER[1]}
        spec = {"model": {"uri": "http://models/1.onnx"}}
        api.create({"kind": "ModelDeployment", "metadata": meta, "spec": spec}, "kubectl")
        for kind, stream in api.watch_all().items():
            for _, obj in stream:
                store.see(kind, None, obj)
        api.before = hang
        queue, measurements = Queue[Key](time.monotonic, lambda: 0.5), Measurements(None, print)  # type: ignore[arg-type]
        recorder = Recorder(api, "test", api.now)
        looks = Reconciler(store, Actor(api, store), recorder, measurements, "modelserver:1", api.now)
        some = Workers(queue, looks, 1, 600, lambda: 0.5)
        for _ in range(3):
            await some.work(OTHER)
        assert queue.failures(OTHER) == 3

    asyncio.run(story())
