"""A simulated world: the API server, the cluster's controllers, and the real store, queue, workers and ``decide``.

Everything happens in one thread; what happens next, and what goes wrong, comes from one seeded source of chance.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson

from modelway import metrics
from modelway.cluster.client import OutcomeUnknown, Response, Unreachable
from modelway.decide.plan import decide as real_decide
from modelway.reconcile import Decide
from modelway.world import Plan
from modelway.world import World as Seen
from tests.sim.api import FakeApi, Written
from tests.sim.controllers import Cluster
from tests.sim.gateways import Gateways
from tests.sim.measuring import Pods
from tests.sim.operator import RESYNC, Operator
from tests.sim.users import NAMESPACE, Users

__all__ = ["NAMESPACE", "Crash", "Decided", "Violated", "World"]

START = datetime(2026, 1, 1, tzinfo=UTC)
FAULTS = ("409", "410", "429", "500", "503", "unreachable", "lost before", "lost after")


class Crash(BaseException):
    """The operator's process ends here. Not an Exception: nothing may catch it."""


class Violated(BaseException):
    """An invariant does not hold. Not an Exception: the workers survive those."""


Decided = tuple[Seen, Plan, datetime]


@dataclass
class World(Users):
    """The simulation. ``chance`` decides what happens next; without it things happen in a plain order."""

    chance: random.Random | None = None
    faults: float = 0.0  # share of the writes that go wrong
    crash_after: int | None = None  # the operator dies right after that many writes
    bugs_are_fatal: bool = True
    relists: bool = False  # watches break now and then, and start anew
    decide: Decide = real_decide
    seconds: float = 0.0
    crashes: int = 0
    checks: list[Callable[[World], None]] = field(default_factory=list)  # after every step
    on_plan: list[Callable[[World, Decided], None]] = field(default_factory=list)  # after every decision
    on_write: list[Callable[[World, Written], None]] = field(default_factory=list)  # after every write of the operator
    on_look: list[Callable[[World, Operator], None]] = field(default_factory=list)  # when a look is over
    tell: Callable[[str], None] = lambda told: None
    view: Any = None  # the latest decision, for those who check

    def __post_init__(self) -> None:
        self.api = FakeApi(self.now)
        self._begin(Cluster(self.api), Pods(self.api), Gateways(self.api))

    def _begin(self, cluster: Cluster, pods: Pods, gateways: Gateways) -> None:
        self.api.before = self._before
        self.api.after = self._after
        self.cluster, self.pods, self.gateways = cluster, pods, gateways
        self.pods.clock = self.gateways.clock = self.clock
        self.pods.routed = self.gateways.sending_to
        self.seen = 0
        self.broken = metrics.INTERNAL_ERRORS._value.get()
        self.disturbed = False  # something got between the last decision and its being carried out
        self.latest: Decided | None = None
        self._steps: tuple[int, list[Callable[[], None]]] = (-1, [])
        self.standby: Operator | None = None
        self.operator = Operator(self, self._decide).lead()

    def fork(self, **settings: Any) -> World:
        """Another world that begins where this one is, with an operator that has just started."""
        other = World(seconds=self.seconds, **settings)
        other.api = self.api.fork(other.now)
        cluster = Cluster(other.api, dict(self.cluster.fates), dict(self.cluster.loads), self.cluster.born)
        mounts = self.pods
        pods = Pods(other.api, dict(mounts.read), dict(mounts.looked), dict(mounts.since))
        other._begin(cluster, pods, self.gateways.forked(other.api))
        return other

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def clock(self) -> float:
        return self.seconds

    # What happens by itself.

    def settle(self, within: float = 7200) -> None:
        """Lets everything happen until nothing is left but the safety resync."""
        end = self.seconds + within
        for _ in range(5_000):
            if not self.step() and not self.wait(end):
                return
        raise Violated("it never comes to rest")

    def step(self) -> bool:
        """Something that can happen now happens; False if nothing can."""
        if self.relists and self.chance and self.chance.random() < 0.02:
            self.operator.relist()
        choices: list[Callable[[], Any]] = [
            partial(self.operator.deliver, kind) for kind, stream in self.operator.streams.items() if stream
        ]
        if self.standby:
            choices += [partial(self.standby.deliver, kind) for kind, some in self.standby.streams.items() if some]
        choices += self.others()
        for replica in (self.operator, self.standby) if self.api.absent or self.operator.store.unavailable else ():
            choices += [partial(replica.find_out, kind) for kind in replica.unknown()] if replica else []
        if len(self.operator.queue):
            choices.append(self.operator.work)
        if not choices:
            return self.api.collect_garbage()
        chosen = self.chance.choice(choices) if self.chance else choices[0]
        try:
            chosen()
        except Crash:
            self.crashes += 1
            self.restart()
        self._check()
        return True

    def others(self) -> list[Callable[[], None]]:
        """What can happen that is not the operator's doing."""
        if self._steps[0] != self.api.changes:
            steps = self.cluster.steps()
            if self.chance:
                steps += [partial(self._collect, name) for name in self.api.garbage()[:1]]
            self._steps = (self.api.changes, steps)
        return [*self._steps[1], *self.pods.steps(), *self.gateways.steps()]

    def _collect(self, name: tuple[str, str, str]) -> None:
        if name in self.api.objects:
            self.api.delete(*name)

    def restart(self) -> None:
        """A new process, with nothing but what the API server holds; or the standby, which is a little behind."""
        self.operator.end()
        if self.standby:
            self.operator, self.standby = self.standby.lead(), None
        else:
            self.operator = Operator(self, self._decide).lead()

    def stand_by(self) -> None:
        """Another replica starts; it does not work as long as the first one lives."""
        if self.standby:
            self.standby.end()
        self.standby = Operator(self, self._decide)

    def wait(self, end: float) -> bool:
        """Moves the clock to the next timer; False at the end, or when only the resync is left."""
        timers = self.operator.queue.next_due(), self.pods.next_poll(), self.gateways.next_due()
        due = min((moment for moment in timers if moment is not None), default=None)
        if due is None or due > end:
            return False
        self.advance(due)
        return True

    def advance(self, to: float) -> None:
        """Time passes, and rings what is due."""
        self.seconds = max(self.seconds, to)
        self.pods.pass_time()
        self.gateways.pass_time()
        poll = self.pods.next_poll()
        if poll is not None and poll <= self.seconds:
            self.pods.poll()
        self.operator.queue.ring()

    def catch_up(self) -> None:
        """Controllers and watches do what takes them seconds; the operator and its standby are told, but do not get to
        work."""
        for _ in range(400):
            replicas = [each for each in (self.operator, self.standby) if each]
            waiting = [(each, kind) for each in replicas for kind, stream in each.streams.items() if stream]
            steps = self.others()
            if waiting:
                waiting[0][0].deliver(waiting[0][1])
            elif steps:
                steps[0]()
            else:
                return

    def rest(self, seconds: float = 3 * RESYNC) -> int:
        """Lets time pass, resyncs included; returns how many writes that cost."""
        before, end = len(self.api.writes), self.seconds + seconds
        while (due := self.operator.queue.next_due()) is not None and due <= end:
            self.advance(due)
            self.pods.poll()
            self.settle(0)
        self.seconds = end
        return len(self.api.writes) - before

    # What gets between the operator and its writes.

    def _decide(self, seen: Seen, now: datetime) -> Plan:
        plan = self.decide(seen, now)
        self.latest, self.disturbed = (seen, plan, now), bool(seen.refusals)
        self.done = 0
        self.decisions += 1
        for check in self.on_plan:
            check(self, self.latest)
        return plan

    def observed(self, operator: Operator) -> None:
        """A look is over: what was decided was carried out, unless something got in between."""
        if self.latest:
            _, plan, _ = self.latest
            self.disturbed |= self.done < len(plan.writes) + (plan.status is not None)
        for check in self.on_look:
            check(self, operator)

    def _before(self, method: str, path: str) -> Response | None:
        if not self.chance or "/events" in path:
            return None
        while self.chance.random() < 0.3:  # the world goes on while a request is under way
            self._meanwhile()
        if self.chance.random() >= self.faults:
            return None
        self.disturbed = True
        fault = self.chance.choice(FAULTS)
        self.tell(f"a request of the operator meets {fault}: {method} {path.rpartition('/namespaces/')[2]}")
        if fault == "unreachable":
            raise Unreachable("connection refused")
        if fault == "lost before" or (fault == "lost after" and method == "GET"):
            raise OutcomeUnknown("timed out")
        if fault == "lost after":
            self.lose_answer = True
            return None
        return Response(int(fault), orjson.dumps({"message": fault}), 1.0 if fault == "429" else 0.0)

    lose_answer = False
    broken = 0.0
    done = 0  # writes since the last decision
    decisions = 0
    compared = False  # its end with that of a fresh one

    def _meanwhile(self) -> None:
        assert self.chance
        kinds = [kind for kind, stream in self.operator.streams.items() if stream]
        steps = self.others()
        self.disturbed = True
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
        for check in self.on_write:
            check(self, written)
        self._check()
        lost, self.lose_answer = self.lose_answer, False
        self.seen += 1
        self.done += 1
        self.pods.idle.clear()
        if self.crash_after is not None and self.seen == self.crash_after:
            self.tell(f"the operator dies after '{written.method} {written.kind} {written.name}'")
            raise Crash
        if lost:
            self.disturbed = True
            raise OutcomeUnknown("the connection broke")

    def _check(self) -> None:
        if self.bugs_are_fatal and (broken := metrics.INTERNAL_ERRORS._value.get()) > self.broken:
            self.broken = broken
            raise Violated("decide raised; the log has the traceback")
        for check in self.checks:
            check(self)
