"""From start to drained: listen, load, warm up, serve, and on SIGTERM leave without dropping a request."""

import asyncio
import logging
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from modelserver import memory
from modelserver.artifact.directory import open_model
from modelserver.server import open_files
from modelserver.server.acceptor import Acceptor
from modelserver.server.app import App
from modelserver.server.drain import Draining, Step, next_step
from modelserver.server.workers import Workers
from modelserver.settings import ServeSettings
from modelserver.threads import available

if TYPE_CHECKING:
    from modelserver.core import Core
    from modelserver.execution.choice import Choice
    from modelserver.execution.execution import Execution
    from modelserver.grpc_api.server import GrpcServer
    from modelserver.tracing.tracer import Tracer
    from modelserver.traffic.traffic import Traffic
    from modelserver.warmup import Warmth

log = logging.getLogger("modelserver")
DRAIN_TICK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready to serve; `load_seconds` with the import of ONNX Runtime."""

    core: "Core"
    warmth: "Warmth"
    choice: "Choice"
    load_seconds: float


def serve(settings: ServeSettings, path: Path | None) -> int:
    """Serve until SIGTERM; returns the exit code. Raises ContainerError when there is nothing to serve."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    model, digest = open_model(path or settings.model_dir)
    name = settings.model_name or (model.stem if path and path.is_file() else "model")
    app = _app(settings, name)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        unfinished = runner.run(_live(app, model, digest))
    if unfinished:
        # Python would wait for its threads, and nothing can interrupt ONNX Runtime loading or running a large model.
        logging.shutdown()
        os._exit(0)
    return 0


def _app(settings: ServeSettings, name: str) -> App:
    if not settings.traced:
        return App(settings, name)
    from modelserver.tracing.timed import TimedApp

    return TimedApp(settings, name)


def load(model: Path, name: str, settings: ServeSettings) -> Loaded:
    """Import ONNX Runtime, load and warm up; raises ModelCorrupt, ModelUnsupported or ModelFailed."""
    started = time.perf_counter()
    from modelserver import session, warmup  # 0.1 s, while the port already answers health checks
    from modelserver.core import Core

    cpus = available(settings.spinning)
    core = Core(name, settings.model_version, session.load(model, cpus, settings.threads, settings.providers))
    loaded = time.perf_counter()
    warmth = warmup.warm_up(core, settings.warmup_requests)
    return Loaded(core, warmth, _choose(core, warmth, settings, cpus.quota), loaded - started)


def _choose(core: "Core", warmth: "Warmth", settings: ServeSettings, quota: float | None) -> "Choice":
    """Where the model shall run under `quota` CPUs."""
    from modelserver.execution.choice import choose
    from modelserver.execution.proof import Proof, prove

    if settings.batching == "off" or settings.max_batch_size == 1 or settings.execution == "inline":
        proof = Proof(False, "batching is off")
    else:
        proof = prove(core.session, warmth.sample, warmth.run_seconds, quota)
    return choose(settings.execution, settings.batching, warmth.run_seconds, proof)


async def _live(app: App, model: Path, digest: str | None) -> bool:
    """Serve until the drain is over; tells whether threads are still at work that nobody waits for."""
    loop = asyncio.get_running_loop()
    stop = _Stop(loop)
    workers = Workers(app, loop, available().threads, app.settings.max_in_flight)
    acceptor = Acceptor(app, workers, loop)
    open_files.allow(app.settings.max_connections)
    port = await acceptor.listen()
    log.info("listening on port %d, loading %s", port, model)
    tracer = _tracer(app, acceptor)
    grpc = _grpc(acceptor)
    traffic = _traffic(app, workers, loop)
    loader = ThreadPoolExecutor(1, thread_name_prefix="loader")
    loading = loop.run_in_executor(loader, load, model, app.name, app.settings)
    either: list[asyncio.Future[Any]] = [loading, stop.asked]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if loading.done():
            _open(app, loading.result(), digest, model)
            await stop.asked
        app.drain()
        await asyncio.gather(_drain(acceptor, stop, grpc), *([grpc.drain(stop.hurried)] if grpc else []))
        running = app.execution is not None and app.execution.batcher.running > 0
        return workers.in_flight > 0 or running or not loading.done() or (grpc is not None and grpc.busy)
    finally:
        loader.shutdown(wait=False, cancel_futures=True)
        acceptor.stop_listening()
        acceptor.abort()
        if traffic is not None:
            traffic.close()
        if tracer is not None:
            tracer.exporter.close()
        workers.close()
        if grpc is not None:
            grpc.close()
        if app.execution is not None:
            app.execution.close()


def _tracer(app: App, acceptor: Acceptor) -> "Tracer | None":
    if not app.settings.traced:
        return None
    from modelserver.tracing.tracer import TracingLog, tracer_of

    tracer = tracer_of(app.settings, app.name)
    acceptor.access_log = TracingLog(tracer, acceptor.access_log)
    app.metrics.spans = tracer.exporter.counts
    app.trace_call = tracer.record_call
    return tracer


def _grpc(acceptor: Acceptor) -> "GrpcServer | None":
    if not acceptor.settings.grpc_port:
        return None
    from modelserver.grpc_api.server import GrpcServer  # 0.1 s and 7 MiB that others need not pay for

    return GrpcServer(acceptor.app, acceptor.loop, acceptor.keys, acceptor.tls, acceptor.written_log)


def _traffic(app: App, workers: Workers, loop: asyncio.AbstractEventLoop) -> "Traffic | None":
    if app.settings.revision is None:
        return None  # of no ModelDeployment, so there is nothing to share
    from modelserver.traffic.traffic import Traffic

    traffic = Traffic(app, workers, loop)
    traffic.start()
    return traffic


def _open(app: App, loaded: Loaded, digest: str | None, model: Path) -> None:
    warmth, settings, core = loaded.warmth, app.settings, loaded.core
    execution = _execution(app, core, loaded.choice)
    app.metrics.gauges |= {
        "modelserver_model_load_seconds": loaded.load_seconds,
        "modelserver_model_warmup_seconds": warmth.seconds,
        "modelserver_threads": core.session.threads,
    }
    if warmth.run_seconds is not None:
        app.metrics.gauges["modelserver_model_run_seconds"] = warmth.run_seconds
    app.metrics.info = {
        "model": app.name,
        "version": settings.model_version or "",
        "revision": settings.revision or "",
        "digest": digest or "",
        "file": model.name,
        "execution": execution.mode.value,
    }
    app.metrics.session_info = dict(core.session.facts)
    memory.settle()
    app.serve(core, execution)
    log.info(
        "ready: %s in %.3f s, warm after %.3f s%s, one run takes %s, %s (%s); %s",
        app.name,
        loaded.load_seconds,
        warmth.seconds,
        f" ({warmth.note})" if warmth.note else "",
        "an unknown time" if warmth.run_seconds is None else f"{warmth.run_seconds * 1000:.3f} ms",
        app.metrics.info["execution"],
        loaded.choice.why,
        ", ".join(f"{name} {value}" for name, value in core.session.facts.items()),
    )


def _execution(app: App, core: "Core", choice: "Choice") -> "Execution":
    from modelserver.execution.batcher import Batcher, Limits
    from modelserver.execution.choice import Mode
    from modelserver.execution.execution import Execution

    settings, batching = app.settings, choice.mode is Mode.BATCHING
    limits = Limits(
        # One run at a time: what comes meanwhile is the next batch, and a run may use all of ONNX Runtime's threads.
        max_rows=settings.max_batch_size if batching else 1,
        threads=1 if batching else available().workers(core.session.threads),
        max_waiting=settings.max_in_flight,
        max_waiting_bytes=settings.max_queued_bytes,
    )
    counts = app.metrics
    batcher = Batcher(core.session.run, limits, batch_rows=counts.batch_rows, queue_seconds=counts.queue_seconds)
    return Execution(core.session, choice.mode, batcher)


class _Stop:
    """SIGTERM begins the drain, a second one ends it sooner; SIGINT (a person at a terminal) is both at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.asked: asyncio.Future[None] = loop.create_future()
        self.draining: Draining | None = None
        loop.add_signal_handler(signal.SIGTERM, self._signalled, False)
        loop.add_signal_handler(signal.SIGINT, self._signalled, True)

    def hurried(self) -> bool:
        return self.draining is not None and self.draining.hurried is not None

    def _signalled(self, hurry: bool) -> None:
        now = self.loop.time()
        if self.draining is None:
            self.draining = Draining(now, now if hurry else None)
        elif self.draining.hurried is None:
            self.draining = replace(self.draining, hurried=now)
        if not self.asked.done():
            self.asked.set_result(None)


async def _drain(acceptor: Acceptor, stop: _Stop, grpc: "GrpcServer | None") -> None:
    log.info("draining: unready, answering everybody for up to %g s", acceptor.settings.drain_seconds)
    if acceptor.app.core is None:
        return  # never was ready, so nobody was ever sent here
    while True:
        assert stop.draining is not None
        now = acceptor.now()
        # Whoever calls by gRPC is sent here for as long as this port says that it serves.
        connections = acceptor.present + (grpc is not None and not grpc.left)
        expected = acceptor.app.newcomers.expected
        step = next_step(
            stop.draining, now, acceptor.settings, connections, acceptor.busy, acceptor.last_seen, expected
        )
        if step is not Step.ANSWER:
            acceptor.stop_listening()
            acceptor.close_idle()
        if step is Step.LEAVE:
            break
        await asyncio.sleep(DRAIN_TICK_SECONDS)
    await _flush(acceptor)
    log.info("drained: %d answered, %d connections left", acceptor.app.metrics.total, len(acceptor.connections))


async def _flush(acceptor: Acceptor) -> None:
    """The last answers may still be on their way out; a reader that takes none for a second is not waiting."""
    end = acceptor.now() + 1.0
    # Polled: an event would be one more thing that each connection pays for.
    while acceptor.connections and acceptor.now() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
