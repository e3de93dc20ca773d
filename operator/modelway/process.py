"""The operator's process: watches, workers, election, events and the HTTP server, side by side in one event loop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from modelway import handlers, metrics, web
from modelway.cluster import credentials
from modelway.cluster.act import Actor
from modelway.cluster.census import SETTLE_SECONDS, CannotList, Census
from modelway.cluster.client import ApiServer, OutcomeUnknown, Unreachable
from modelway.cluster.election import Election
from modelway.cluster.events import Recorder
from modelway.cluster.lean import lean_response
from modelway.cluster.neighbours import Neighbours
from modelway.cluster.records import Key
from modelway.cluster.routes import RouteWatch
from modelway.cluster.store import Change, Store
from modelway.deferring import Deferring
from modelway.measurements import Measurements
from modelway.queue import Priority, Queue
from modelway.reconcile import Reconciler
from modelway.settings import Settings
from modelway.sources import Sources
from modelway.verdicts import Verdicts
from modelway.workers import Workers

log = logging.getLogger(__name__)

STUCK_SECONDS: Final = 300.0  # a look is at most some twenty requests of 5 s; longer means that a worker hangs
SILENT_SECONDS: Final = 300.0  # a watch brings a bookmark a minute; one that has died unnoticed brings nothing
GATHER_SECONDS: Final = 0.1  # a pod that starts makes four events on its way, a Deployment as many: one look for all
FINISH_SECONDS: Final = 2.0  # what the writes under way get at SIGTERM


def utc_now() -> datetime:
    return datetime.now(UTC)


class Process:
    """Everything that runs, wired once. ``run`` is the order in which it starts and stops."""

    def __init__(self, settings: Settings, api: ApiServer) -> None:
        self._settings = settings
        self._api = api
        self._store = Store()
        self._queue: Queue[Key] = Queue(time.monotonic, random.random)
        self._census = Census(api, self._store, settings.namespaces)
        self._routes = RouteWatch(api, self._store, settings.namespaces, self.take_in, self._add)
        self._recorder = Recorder(api, settings.identity, utc_now)
        self._sources = Sources(api, utc_now)
        self._measurements = Measurements(self._sources, self._queue.add)
        actor = Actor(api, self._store)
        self._reconciler = reconciler = Reconciler(
            self._store, actor, self._recorder, self._measurements, settings.runtime_image, utc_now
        )
        neighbours = Neighbours(api, settings.lease_namespace, settings.lease_name, settings.namespaces, time.monotonic)
        deferring = Deferring(reconciler, neighbours)
        self._workers = Workers(self._queue, deferring, settings.workers, settings.resync_seconds, random.random)
        self._election = Election(
            api, settings.lease_namespace, settings.lease_name, settings.identity, time.monotonic, utc_now
        )
        self._session: aiohttp.ClientSession | None = None  # kopf's
        self._heard: dict[str, float] = {}  # when each watch last said anything
        self._lists: set[str] = set()  # what has been listed
        self._relisted = False  # a watch started anew: what vanished meanwhile was not told
        self._working: asyncio.Task[None]  # of run
        self._complete = asyncio.Event()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Serves until SIGTERM or SIGINT, then ends within a few seconds."""
        self._catch_signals()
        metrics.REGISTRY.register(Verdicts(self._store, self._leads))
        async with web.serving(self._settings.http_port, self._alive, self._ready) as port:
            log.info("serving /livez, /readyz and /metrics", extra={"fields": {"port": port}})
            async with asyncio.TaskGroup() as group:
                self._working = group.create_task(self._work())
                always = (self._recorder.run(), self._sweep(), self._watch(), self._routes.run())
                beside = [group.create_task(task) for task in always]
                await self._stopping.wait()
                log.info("stopping")
                await self._finish()
                for task in beside:
                    task.cancel()

    async def _finish(self) -> None:
        """Lets the writes under way end, gives the lease up, sends the last Events."""
        self._workers.stop()
        if not self._workers.busy:
            self._working.cancel()  # who waits for the lease, or catches up, hears of no stop
        await asyncio.wait((self._working,), timeout=FINISH_SECONDS)
        cut_off = self._workers.busy
        self._working.cancel()
        await asyncio.wait((self._working,))
        if cut_off:
            log.warning("a write was cut off and may still be carried out: the next replica begins when the lease ends")
        else:
            await self._election.release()
        try:
            async with asyncio.timeout(1.0):
                await self._recorder.flush()
        except TimeoutError:
            log.warning("stopped with unsent Events")

    def _catch_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stopping.set)

    async def _watch(self) -> None:
        await self._census.preflight()
        completing = asyncio.ensure_future(self._fill())
        try:
            watching = handlers.watch(
                self._new_session, self._api.server, self._settings.namespaces, self._catch_signals
            )
            async with asyncio.TaskGroup() as group:
                deaf = group.create_task(self._end_if_deaf())
                await watching
                deaf.cancel()
        finally:
            completing.cancel()
        if not self._stopping.is_set():
            raise RuntimeError("the watches ended by themselves; see kopf's lines above")

    async def _fill(self) -> None:
        while True:
            try:
                await self._census.complete()
                await self._routes.listed()
                break
            except (CannotList, Unreachable, OutcomeUnknown) as error:
                log.warning("counting objects failed: %s", error)
                await asyncio.sleep(1.0)
        gc.collect()
        gc.freeze()  # what is here now stays; later collections need not look at it
        log.info("the store is complete", extra={"fields": {"modeldeployments": len(self._store.keys())}})
        self._complete.set()

    def take_in(self, kind: str, event: str | None, obj: dict[str, Any]) -> None:
        """One watch event: into the store, and its key on the queue if there is something new in it."""
        change = self._store.see(kind, event, obj)
        metrics.WATCH_EVENTS.labels(kind, "nothing new" if change is None else "change").inc()
        if change is not None:
            self._add(change)

    def _add(self, change: Change) -> None:
        metrics.QUEUE_ADDS.labels(metrics.CONTROLLER).inc()
        if change.urgent:
            self._queue.add(change.key, Priority.USER)
        else:
            self._queue.add_after(change.key, GATHER_SECONDS)

    async def _work(self) -> None:
        await self._complete.wait()
        if self._settings.leader_election:
            await self._election.lead(self._lead)
        else:
            await self._lead()

    async def _lead(self) -> None:
        """What only one replica does."""
        await self._catch_up()
        self._reconciler.begin()
        known = self._store.keys()
        for key in known:
            self._queue.add(key)  # if this replica led before, its looks were cut off and its measurements ended
        try:
            await self._workers.run()
        finally:
            self._measurements.stop()

    async def _catch_up(self) -> None:
        """Until nothing that is decided by is older than the leadership."""
        while True:
            try:
                return await self._census.catch_up()
            except (CannotList, Unreachable, OutcomeUnknown) as error:
                log.warning("not working yet, for what there is can't be listed: %s", error)
                await asyncio.sleep(1.0)

    async def _sweep(self) -> None:
        """After a watch had to list anew: finds out what vanished meanwhile."""
        await self._complete.wait()
        while True:
            await asyncio.sleep(SETTLE_SECONDS)
            if not self._relisted:
                continue
            self._relisted = False
            try:
                for change in await self._census.sweep():
                    self._add(change)
            except (CannotList, Unreachable, OutcomeUnknown) as error:
                log.warning("counting objects failed: %s", error)
                self._relisted = True

    def _new_session(self) -> aiohttp.ClientSession:
        self._session = self._api.new_session(lean_response(self._store.knows, self.take_in, self._hear, self._list))
        return self._session

    def _list(self, path: str) -> None:
        """One of kopf's lists has come. If it is not the first one, objects may have vanished unnoticed before it: and
        perhaps all of them, so that nothing in the list itself tells."""
        self._relisted = self._relisted or path in self._lists
        self._lists.add(path)

    async def _end_if_deaf(self) -> None:
        """When one of kopf's watches fails, kopf closes its session and stops its logins, and all other watches wait
        for a login: for 30 s, until it kills the process, in which we would lead and hear nothing."""
        while not self._stopping.is_set():
            await asyncio.sleep(1.0)
            session = self._session
            if session is None or not session.closed:
                continue
            await asyncio.sleep(1.0)  # after a 401 kopf logs in again at once, and has another session
            if self._session is session and not self._stopping.is_set():
                log.critical("kopf's watches have ended; see its lines above. Ending, to be started again")
                await self._finish()
                os._exit(1)  # kopf's tasks can't be cancelled now

    def _hear(self, watch: str) -> None:
        self._heard[watch] = time.monotonic()

    def _leads(self) -> bool:
        return self._election.leading or not self._settings.leader_election

    def _alive(self) -> str:
        silent = [watch for watch, heard in self._heard.items() if time.monotonic() - heard > SILENT_SECONDS]
        if silent:
            return f"the watch of {silent[0]} has been silent for more than {SILENT_SECONDS:.0f} s"
        longest = self._workers.longest()
        return f"a worker has been busy for {longest:.0f} s" if longest > STUCK_SECONDS else ""

    def _ready(self) -> str:
        return "" if self._complete.is_set() else "the store is being filled"


async def serve(settings: Settings) -> None:
    """The operator, until it is told to stop."""
    api = ApiServer(credentials.find(os.environ))
    try:
        await Process(settings, api).run()
    finally:
        await api.close()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's: a third of asyncio's CPU per watch event."""
    import uvloop  # here, so that tests and tools that import this file need it not

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
