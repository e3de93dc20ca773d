"""One replica of the operator in the simulation: the real store, queue, workers and reconciler."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Protocol, TypeVar

from modelway.cluster.act import Actor
from modelway.cluster.events import Recorder
from modelway.cluster.kinds import DECISIVE, NOT_SERVED, ROUTES
from modelway.cluster.records import Key
from modelway.cluster.store import Change, Store
from modelway.queue import Priority, Queue
from modelway.reconcile import Decide, Reconciler
from modelway.workers import Workers
from tests.sim.api import FakeApi
from tests.sim.measuring import Pods

IMAGE = "example/modelserver:1"
RESYNC = 10_000.0  # rarer than in life, so that settling does not wait for it

T = TypeVar("T")


class Surroundings(Protocol):
    """What a replica needs of the world."""

    api: FakeApi
    pods: Pods
    observed: Callable[[Operator], None]

    def now(self) -> datetime: ...

    def clock(self) -> float: ...


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that never waits: nothing here takes time, so an event loop would only cost some."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    raise AssertionError("something waits for something outside the simulation")


class Operator:
    """One life of a process: everything in it is lost at a crash. It only fills its store until it ``leads``."""

    def __init__(self, world: Surroundings, decide: Decide) -> None:
        self.world = world
        self.store = Store()
        self.queue: Queue[Key] = Queue(world.clock, lambda: 0.5)
        self.recorder = Recorder(world.api, "sim", world.now)
        actor = Actor(world.api, self.store)
        self.reconciler = Reconciler(self.store, actor, self.recorder, world.pods, IMAGE, world.now, decide)
        self.workers = Workers(self.queue, self.reconciler, 1, RESYNC, lambda: 0.5)
        self.streams = world.api.watch_all()
        self.store.unavailable.update(dict.fromkeys(world.api.absent, NOT_SERVED))
        self.last: dict[str, tuple[str, dict[str, Any]]] = {}
        self.census: dict[
            str, tuple[list[str], int]
        ] = {}  # kind → what a list that is under way names, and its version
        while any(self.streams.values()):  # the workers start when the store is complete
            self.deliver(next(kind for kind, stream in self.streams.items() if stream))

    def lead(self) -> Operator:
        """From now on it works. Of what is decided by it knows all that was written before: see ``Census.catch_up``."""
        for kind in (*DECISIVE, *ROUTES):
            while self.streams[kind.kind]:
                self.deliver(kind.kind)
        self.reconciler.begin()
        self.world.pods.restart(lambda key: self.queue.add(key, Priority.CHANGE))
        return self

    def end(self) -> None:
        """The process is gone."""
        self.world.api.unwatch(self.streams)

    def deliver(self, kind: str, again: bool = False) -> None:
        """The next event of a kind's watch, or the last one once more."""
        word, obj = self.last[kind] if again else self.streams[kind].popleft()
        self.last[kind] = (word, obj)
        self.take(self.store.see(kind, None if word == "LISTED" else word, obj))
        if kind in self.census and not any(word == "LISTED" for word, _ in self.streams[kind]):
            for change in self.store.sweep(kind, *self.census.pop(kind)):
                self.take(change)

    def take(self, change: Change | None) -> None:
        if change:
            self.queue.add(change.key, Priority.USER if change.urgent else Priority.CHANGE)

    def unknown(self) -> list[str]:
        """Kinds that are served and thought not to be, or the other way round: see cluster/routes.py. Nobody looks for
        one that nobody asks for."""
        absent, thought = self.world.api.absent, self.store.unavailable.keys()
        return sorted([*(absent - thought), *(thought - absent if self.store.asking_for_routes() else ())])

    def find_out(self, kind: str) -> None:
        """The watch of a kind ends, for it is not served any more; or begins."""
        if kind in self.world.api.absent:
            self.streams[kind].clear()
            for change in self.store.sweep(kind, set(), 2**63):
                self.take(change)
            self.store.unavailable[kind] = NOT_SERVED
        else:
            del self.store.unavailable[kind]
        for key in self.store.asking_for_routes():
            self.queue.add(key, Priority.CHANGE)

    def coalesce(self, kind: str) -> None:
        """Of several events about an object that wait to be delivered only the last one is."""
        latest = {obj["metadata"]["uid"]: index for index, (_, obj) in enumerate(self.streams[kind])}
        kept = [event for index, event in enumerate(self.streams[kind]) if latest[event[1]["metadata"]["uid"]] == index]
        self.streams[kind].clear()
        self.streams[kind].extend(kept)

    def relist(self) -> None:
        """The watches start anew: what was under way is lost, all is listed, and what vanished is swept. The lists are
        read later, when they may be old already."""
        self.streams = self.world.api.watch_all(instead_of=self.streams)
        version = next(self.world.api.version)
        for kind in self.streams:
            self.census[kind] = ([obj["metadata"]["uid"] for obj in self.world.api.all(kind)], version)
        for kind in [kind for kind, stream in self.streams.items() if not stream]:
            for change in self.store.sweep(kind, *self.census.pop(kind)):
                self.take(change)

    def work(self) -> None:
        """One look at one key, if any waits."""
        taken = self.queue.take()
        if taken is not None:
            finished(self.workers.work(taken[0]))
            self.world.observed(self)
            finished(self.recorder.flush())
