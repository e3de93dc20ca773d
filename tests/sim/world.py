"""A simulated world: the API server, the cluster's controllers, and the real store, queue, workers and ``decide``.

Everything happens in one thread; what happens next, and what goes wrong, comes from one seeded source of chance.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson

from modelway import metrics
from modelway.cluster.act import Actor
from modelway.cluster.client import OutcomeUnknown, Response, Unreachable
from modelway.cluster.events import Recorder
from modelway.cluster.records import Key
from modelway.cluster.store import Change, Store
from modelway.decide.plan import decide as real_decide
from modelway.queue import Priority, Queue
from modelway.reconcile import Decide, Reconciler
from modelway.workers import Workers
from tests.sim.api import FakeApi, Written
from tests.sim.controllers import Cluster
from tests.sim.measuring import Pods

NAMESPACE = "models"
IMAGE = "example/modelserver:1"
RESYNC = 10_000.0  # rarer than in life, so that settling does not wait for it
START = datetime(2026, 1, 1, tzinfo=UTC)
FAULTS = ("409", "410", "429", "500", "503", "unreachable", "lost before", "lost after")


class Crash(BaseException):
    """The operator's process ends here. Not an Exception: nothing may catch it."""


class Violated(BaseException):
    """An invariant does not hold. Not an Exception: the workers survive those."""


class Operator:
    """One life of the operator's process: everything in it is lost at a crash."""

    def __init__(self, world: World, decide: Decide) -> None:
        self.world = world
        self.store = Store()
        self.queue: Queue[Key] = Queue(world.clock, lambda: 0.5)
        self.recorder = Recorder(world.api, "sim", world.now)
        actor = Actor(world.api, self.store)
        world.pods.restart(lambda key: self.queue.add(key, Priority.CHANGE))
        self.reconciler = Reconciler(self.store, actor, self.recorder, world.pods, IMAGE, world.now, decide)
        self.workers = Workers(self.queue, self.reconciler, 1, RESYNC, lambda: 0.5)
        self.streams = world.api.watch_all()
        self.last: dict[str, tuple[str, dict[str, Any]]] = {}
        while any(self.streams.values()):  # the workers start when the store is complete
            self.deliver(next(kind for kind, stream in self.streams.items() if stream))

    def deliver(self, kind: str, again: bool = False) -> None:
        """The next event of a kind's watch, or the last one once more."""
        word, obj = self.last[kind] if again else self.streams[kind].popleft()
        self.last[kind] = (word, obj)
        self.take(self.store.see(kind, None if word == "LISTED" else word, obj))

    def take(self, change: Change | None) -> None:
        if change:
            self.queue.add(change.key, Priority.USER if change.urgent else Priority.CHANGE)

    def relist(self) -> None:
        """The watches start anew: what was under way is lost, then all is listed, and what vanished is swept."""
        lost = list(self.streams)
        self.streams = self.world.api.watch_all()
        while any(self.streams.values()):
            self.deliver(next(kind for kind, stream in self.streams.items() if stream))
        for kind in lost:
            uids = [obj["metadata"]["uid"] for obj in self.world.api.all(kind)]
            for change in self.store.sweep(kind, uids, next(self.world.api.version)):
                self.take(change)

    async def work(self) -> bool:
        """One look at one key, if any waits."""
        taken = self.queue.take()
        if taken is None:
            return False
        await self.workers.work(taken[0])
        await self.recorder.flush()
        return True


@dataclass
class World:
    """The simulation. ``chance`` decides what happens next; without it things happen in a plain order."""

    chance: random.Random | None = None
    faults: float = 0.0  # share of the writes that go wrong
    crash_after: int | None = None  # the operator dies right after that many writes
    bugs_are_fatal: bool = True
    relists: bool = False  # watches break now and then, and start anew
    decide: Decide = real_decide
    seconds: float = 0.0
    crashes: int = 0
    checks: list[Callable[[World], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api = FakeApi(self.now)
        self.api.before = self._before
        self.api.after = self._after
        self.cluster = Cluster(self.api)
        self.pods = Pods(self.api)
        self.seen = 0
        self.broken = metrics.INTERNAL_ERRORS._value.get()
        self.operator = Operator(self, self.decide)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def clock(self) -> float:
        return self.seconds

    # What users do.

    def create(self, name: str = "digits", **spec: Any) -> None:
        manifest = {
            "apiVersion": "modelway.io/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"namespace": NAMESPACE, "name": name},
            "spec": spec or {"model": {"uri": "http://models/1.onnx"}},
        }
        self.api.create(manifest, "kubectl")

    def edit(self, change: Callable[[dict[str, Any]], None], name: str = "digits") -> None:
        self.api.update("ModelDeployment", NAMESPACE, name, "kubectl", lambda obj: change(obj["spec"]))

    def model(self, uri: str, name: str = "digits") -> None:
        """The user asks for another model."""
        self.edit(lambda spec: spec.update(model={"uri": uri}), name)

    def act(self, verb: str, name: str = "digits") -> None:
        """The user writes the annotation with a verb about the revision that comes up."""
        target = self.resource(name)["status"]["rollout"]["target"].rpartition("-")[2]
        action = {"annotations": {"modelway.io/action": f"{verb}@{target}"}}
        self.api.update("ModelDeployment", NAMESPACE, name, "kubectl", lambda obj: obj["metadata"].update(action))

    def resource(self, name: str = "digits") -> dict[str, Any]:
        found = self.api.get("ModelDeployment", NAMESPACE, name)
        assert found is not None
        return found

    def condition(self, kind: str, name: str = "digits") -> tuple[str, str]:
        """A condition's status and reason; two empty words if there is none."""
        for condition in self.resource(name).get("status", {}).get("conditions") or ():
            if condition["type"] == kind:
                return condition["status"], condition["reason"]
        return "", ""

    # What happens by itself.

    def settle(self, within: float = 7200) -> None:
        """Lets everything happen until nothing is left but the safety resync."""
        asyncio.run(self._settle(self.seconds + within))

    async def _settle(self, end: float) -> None:
        for _ in range(20_000):
            if not await self._step() and not self._wait(end):
                return
        raise Violated("it never comes to rest")

    async def _step(self) -> bool:
        if self.relists and self.chance and self.chance.random() < 0.02:
            self.operator.relist()
        choices: list[Callable[[], Any]] = [
            partial(self.operator.deliver, kind) for kind, stream in self.operator.streams.items() if stream
        ]
        choices += self.cluster.steps()
        choices += self.pods.steps()
        if len(self.operator.queue):
            choices.append(self.operator.work)
        if not choices:
            return self.api.collect_garbage()
        chosen = self.chance.choice(choices) if self.chance else choices[0]
        try:
            if asyncio.iscoroutine(result := chosen()):
                await result
        except Crash:
            self.crashes += 1
            self.restart()
        self._check()
        return True

    def restart(self) -> None:
        """A new process, with nothing but what the API server holds."""
        self.operator = Operator(self, self.decide)

    def _wait(self, end: float) -> bool:
        """Moves the clock to the next timer; False at the end, or when only the resync is left."""
        due = self.operator.queue.next_due()
        if due is None or due > end:
            return False
        self.seconds = max(self.seconds, due)
        self.operator.queue.ring()
        return True

    def rest(self, seconds: float = 3 * RESYNC) -> int:
        """Lets time pass, resyncs included; returns how many writes that cost."""
        before, end = len(self.api.writes), self.seconds + seconds
        while (due := self.operator.queue.next_due()) is not None and due <= end:
            self.seconds = due
            self.operator.queue.ring()
            self.settle(0)
        self.seconds = end
        return len(self.api.writes) - before

    def _before(self, method: str, path: str) -> Response | None:
        if method == "GET" or not self.chance or "/events" in path:
            return None
        while self.chance.random() < 0.3:  # the world goes on while a request is under way
            self._meanwhile()
        if self.chance.random() >= self.faults:
            return None
        fault = self.chance.choice(FAULTS)
        if fault == "unreachable":
            raise Unreachable("connection refused")
        if fault == "lost before":
            raise OutcomeUnknown("timed out")
        if fault == "lost after":
            self.lose_answer = True
            return None
        return Response(int(fault), orjson.dumps({"message": fault}), 1.0 if fault == "429" else 0.0)

    lose_answer = False
    broken = 0.0

    def _meanwhile(self) -> None:
        assert self.chance
        kinds = [kind for kind, stream in self.operator.streams.items() if stream]
        steps = [*self.cluster.steps(), *self.pods.steps()]
        if kinds and self.chance.random() < 0.5:
            self.operator.deliver(self.chance.choice(kinds))
        elif steps:
            self.chance.choice(steps)()
            self._check()
        elif self.operator.last and self.chance.random() < 0.1:
            self.operator.deliver(self.chance.choice(list(self.operator.last)), again=True)

    def _after(self, written: Written) -> None:
        if written.kind == "Event":
            return
        self._check()
        self.seen += 1
        if self.crash_after is not None and self.seen == self.crash_after:
            raise Crash
        if self.lose_answer:
            self.lose_answer = False
            raise OutcomeUnknown("the connection broke")

    def _check(self) -> None:
        if self.bugs_are_fatal and (broken := metrics.INTERNAL_ERRORS._value.get()) > self.broken:
            self.broken = broken
            raise Violated("decide raised; the log has the traceback")
        for check in self.checks:
            check(self)
