"""Where a request's time goes: the app and the execution of a server that traces, which note when each phase was.

They stand in for the plain ones, so that a server that does not trace pays nothing.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from modelserver.errors import RequestError
from modelserver.execution.batcher import Done, Run
from modelserver.execution.execution import Execution
from modelserver.inference import Array, Inference, Outputs
from modelserver.server.app import App, Endpoint, Reply, failure
from modelserver.tensors import TensorSpec

if TYPE_CHECKING:
    from modelserver.core import Core

now = time.time_ns


class Phase(NamedTuple):
    """`decode`, `queue`, `run` or `encode`; times in nanoseconds since the epoch."""

    name: str
    start: int
    end: int


class TimedReply(Reply):
    """A reply to a request for the model: its path in the metrics, and its phases in their order."""

    label: str
    phases: list[Phase]


class TimedInference(Inference):
    """A decoded request that collects its phases on the way."""

    phases: list[Phase]


def timed(reply: Reply, label: str, phases: list[Phase]) -> TimedReply:
    made = TimedReply(*reply)
    made.label, made.phases = label, phases
    return made


class TimedApp(App):
    """As `App`; what it answers for the model are `TimedReply`s."""

    def infer(self, endpoint: Endpoint, body: bytes, json_length: int | None) -> Reply:
        decoded = self.decode(endpoint, body, json_length)
        if isinstance(decoded, Reply):
            return decoded
        assert isinstance(decoded, TimedInference)
        started = now()
        try:
            outputs: Outputs | RequestError = self.loaded.session.run(decoded.inputs, decoded.outputs)
        except RequestError as refused:
            outputs = refused
        except Exception as problem:
            return timed(failure(endpoint.label, problem), endpoint.label, decoded.phases)
        decoded.phases.append(Phase("run", started, now()))
        return self.encode(endpoint, decoded, outputs)

    def decode(self, endpoint: Endpoint, body: bytes, json_length: int | None) -> Inference | Reply:
        started = now()
        decoded = super().decode(endpoint, body, json_length)
        phases = [Phase("decode", started, now())]
        if isinstance(decoded, Reply):
            return timed(decoded, endpoint.label, phases)
        made = TimedInference(*decoded)
        made.phases = phases
        return made

    def encode(self, endpoint: Endpoint, inference: Inference, outputs: Outputs | RequestError) -> Reply:
        started = now()
        reply = super().encode(endpoint, inference, outputs)
        if not isinstance(inference, TimedInference):
            return reply
        if not isinstance(outputs, RequestError):
            inference.phases.append(Phase("encode", started, now()))
        return timed(reply, endpoint.label, inference.phases)

    def serve(self, core: "Core", execution: Execution) -> None:
        clock = _RunClock()
        execution.batcher.run = clock.measured(execution.batcher.run)
        super().serve(core, TimedExecution(execution.session, execution.mode, execution.batcher, clock))


class _RunClock(threading.local):
    """When the last run of this thread was: a batch's answers are handed over by the thread that ran it."""

    start = end = 0

    def measured(self, run: Run) -> Run:
        def measured(inputs: dict[str, Array], outputs: tuple[TensorSpec, ...] | None) -> Outputs:
            self.start = now()
            try:
                return run(inputs, outputs)
            finally:
                self.end = now()

        return measured


@dataclass(frozen=True, slots=True)
class TimedExecution(Execution):
    """As `Execution`; `clock` knows when a thread's last run was."""

    clock: _RunClock

    def submit(self, inference: Inference, deadline: float | None, done: Done) -> Callable[[], object]:
        if not isinstance(inference, TimedInference):  # gRPC's
            return self.batcher.submit(inference, deadline, done)
        phases, since = inference.phases, now()

        def ran(result: Outputs | RequestError) -> None:
            if self.clock.start >= since:  # else it was never run: its time was up, or the server stops
                phases.append(Phase("queue", since, self.clock.start))
                phases.append(Phase("run", self.clock.start, self.clock.end))
            done(result)

        return self.batcher.submit(inference, deadline, ran)
