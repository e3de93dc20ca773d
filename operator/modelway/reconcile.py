"""Observe → decide → act for one ModelDeployment. Read this file first.

Every look at a key does the same, whatever made us look: gather all that is known into a ``World``, ask the pure
``decide`` what to do, do it. A crash anywhere is harmless, because the next look starts from what the cluster holds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from modelway import metrics
from modelway.cluster.act import Actor, Answer, Outcome
from modelway.cluster.events import Recorder
from modelway.cluster.observe import observe
from modelway.cluster.poison import internal_error
from modelway.cluster.records import Key
from modelway.cluster.store import Store
from modelway.decide.plan import decide
from modelway.measurements import Measurer
from modelway.world import Measured, Plan, Refusal, World

UNKNOWN_SECONDS: Final = 1.0  # until it is asked what came of a write that was not answered; it had 5 s already

log = logging.getLogger(__name__)

Decide = Callable[[World, datetime], Plan]


@dataclass(frozen=True, slots=True)
class Look:
    """What came of a look: when to look again (None: when something changes), or that it failed."""

    again_after: float | None = None
    failed: bool = False
    gone: bool = False
    reason: str = ""


class Reconciler:
    """Works on one key at a time; the queue sees to it that no two workers have the same."""

    def __init__(
        self,
        store: Store,
        actor: Actor,
        recorder: Recorder,
        measurer: Measurer,
        runtime_image: str,
        now: Callable[[], datetime],
        decide: Decide = decide,
    ) -> None:
        self._store = store
        self._actor = actor
        self._recorder = recorder
        self._measurer = measurer
        self._runtime_image = runtime_image
        self._now = now
        self._decide = decide
        self._leads_since: datetime | None = None

    def begin(self) -> None:
        """From now on this process looks after everything, whoever did before."""
        self._leads_since = self._now()

    async def reconcile(self, key: Key) -> Look:
        """One look at one ModelDeployment."""
        if unknown := await self._actor.settle(key):
            return Look(failed=True, reason=unknown)
        world = self._world(key)
        if world is None:
            self._measurer.want(key, None)
            return Look(gone=True)
        plan = self._decide(world, self._now())
        outcome = await self._actor.carry_out(key, world.resource, plan)
        self._measurer.want(key, plan.measure)
        if outcome.answer is Answer.DONE:
            self._recorder.record(world.resource, plan.events)
            _observe(key, plan)
            return Look(again_after=plan.recheck_after)
        if outcome.answer is Answer.REFUSED:
            await self._tell(key, outcome.refusals)
        return _look_after(outcome)

    def _world(self, key: Key, refusals: Sequence[Refusal] = ()) -> World | None:
        measured = self._measurer.of(key)
        return observe(self._store, key, self._runtime_image, measured, refusals, self._leads_since)

    def leave(self, key: Key) -> bool:
        """Somebody else looks after it: nothing is measured for it any more. Says whether it is still there."""
        self._measurer.want(key, None)
        return self._store.resource(key) is not None

    async def report_internal_error(self, key: Key, error: Exception) -> None:
        """Says in the ModelDeployment's own status that we failed at it, once; the rest of the status stays."""
        world = observe(self._store, key, self._runtime_image, Measured())
        status = internal_error(world.resource, error, self._now()) if world is not None else None
        if world is not None and status is not None:
            await self._actor.write_status(key, world.resource, Plan(status=status, why=("internal error",)))

    async def _tell(self, key: Key, refusals: Sequence[Refusal]) -> None:
        """Decides once more, knowing of the refusal, and carries out only what the user can read of it."""
        world = self._world(key, refusals)
        if world is None:
            return
        plan = self._decide(world, self._now())
        if plan.status is not None:
            await self._actor.write_status(key, world.resource, plan)
        self._recorder.record(world.resource, plan.events)


def _observe(key: Key, plan: Plan) -> None:
    """The verdicts and delays of a plan that was carried out, as metrics."""
    if plan.outcome:
        metrics.OUTCOMES.labels(plan.outcome).inc()
    if plan.confirmed_after is not None:
        metrics.CONFIRMATIONS.observe(plan.confirmed_after)
        fields = {"namespace": key[0], "modeldeployment": key[1], "seconds": round(plan.confirmed_after, 3)}
        log.info("every stable pod has the new share", extra={"fields": fields})


def _look_after(outcome: Outcome) -> Look:
    if outcome.answer is Answer.GONE:
        return Look(reason=outcome.reason)  # its deletion is on the way to us
    if outcome.answer is Answer.UNKNOWN:
        return Look(again_after=UNKNOWN_SECONDS, failed=True, reason=outcome.reason)
    return Look(again_after=outcome.retry_after or None, failed=True, reason=outcome.reason)
