"""The queue in front of the session, and the threads that serve it.

A free thread takes at once what the former chooses of what waits. Callers may vanish at any moment; what fails in a
batch is run again one by one, so that nobody pays for a neighbour.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from modelserver.errors import DeadlineExceeded, InternalError, NotReady, Overloaded, RequestError
from modelserver.execution.former import Load, load_of, next_batch
from modelserver.execution.joining import joined, parted
from modelserver.inference import Array, Inference, Outputs
from modelserver.metrics import Histogram
from modelserver.tensors import TensorSpec

log = logging.getLogger("modelserver")

Run: TypeAlias = Callable[[dict[str, Array], tuple[TensorSpec, ...] | None], Outputs]
Done: TypeAlias = Callable[[Outputs | RequestError], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one batcher: rows of a batch, threads that run, and what may wait for them (input tensors' bytes)."""

    max_rows: int
    threads: int
    max_waiting: int
    max_waiting_bytes: int


@dataclass(slots=True, eq=False)
class _Waiting:
    inference: Inference
    load: Load
    size: int
    deadline: float | None
    done: Done
    since: float
    cancelled: bool = False

    def answer(self, result: Outputs | RequestError) -> None:
        if self.cancelled:
            return
        try:
            self.done(result)
        except Exception:  # a front end's failure must not end the thread that all others wait for
            log.exception("An answer could not be handed over")


@dataclass(slots=True, eq=False)
class Batcher:
    """Runs what is submitted; `max_rows` of 1 means each request alone. Methods may be called from any thread.

    `batch_rows` and `queue_seconds` are written under the lock, for several threads observe them.
    """

    run: Run
    limits: Limits
    clock: Callable[[], float] = time.monotonic
    batch_rows: Histogram | None = None
    queue_seconds: Histogram | None = None
    _waiting: list[_Waiting] = field(default_factory=list)
    _bytes: int = 0
    _changed: threading.Condition = field(default_factory=lambda: threading.Condition(threading.Lock()))
    _threads: list[threading.Thread] = field(default_factory=list)
    _closed: bool = False
    running: int = 0  # threads with a batch in hand

    def submit(self, inference: Inference, deadline: float | None, done: Done) -> Callable[[], object]:
        """Queue a request; `done` is called once, in a worker thread, unless the returned function cancels it before.

        `deadline` by `clock`: if the run has not begun by then, the result is DeadlineExceeded. Raises Overloaded.
        """
        size = sum(array.nbytes for array in inference.inputs.values())
        load = load_of(inference) if self.limits.max_rows > 1 else Load(None, 1)
        waiting = _Waiting(inference, load, size, deadline, done, self.clock())
        with self._changed:
            self._admit(size)
            self._waiting.append(waiting)
            self._bytes += size
            if not self._threads:
                self._start()
            self._changed.notify()
        return lambda: self._cancel(waiting)

    def _admit(self, size: int) -> None:
        if self._closed:
            raise NotReady("The server is stopping. Send the request to another one.")
        if len(self._waiting) >= self.limits.max_waiting:
            raise Overloaded(f"{len(self._waiting)} requests wait for the model, the limit. Try again in a second.")
        # One that is larger than the limit by itself may still run where nothing else waits.
        if self._waiting and self._bytes + size > self.limits.max_waiting_bytes:
            limit = self.limits.max_waiting_bytes
            raise Overloaded(f"The tensors that wait for the model reach {limit} bytes, the limit. Try again.")

    def _cancel(self, waiting: _Waiting) -> None:
        with self._changed:
            waiting.cancelled = True
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                self._bytes -= waiting.size

    def close(self) -> None:
        """Run nothing more; whoever still waits is told. A run that has begun goes on by itself."""
        with self._changed:
            self._closed = True
            left, self._waiting, self._bytes = self._waiting, [], 0
            self._changed.notify_all()
        for waiting in left:
            waiting.answer(NotReady("The server is stopping. Send the request to another one."))

    # --- in the worker threads

    def _start(self) -> None:
        # Daemons: a run that nobody waits for any more must not keep the process alive.
        for number in range(self.limits.threads):
            thread = threading.Thread(target=self._work, name=f"model-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                late, batch = self._take(self.clock())
                self.running += 1
            for waiting in late:
                waiting.answer(
                    DeadlineExceeded("The time that the request gave had passed before the model was free for it.")
                )
            self._run(batch)
            del late, batch  # or the last answers' memory stays until the next request
            with self._changed:
                self.running -= 1

    def _take(self, now: float) -> tuple[list[_Waiting], list[_Waiting]]:
        """Those whose time is up, and those that run next; neither waits any more."""
        late = [one for one in self._waiting if one.deadline is not None and one.deadline <= now]
        if late:
            self._waiting = [one for one in self._waiting if one not in late]
        chosen = next_batch([one.load for one in self._waiting], self.limits.max_rows)
        batch = [self._waiting[position] for position in chosen]
        for position in reversed(chosen):
            del self._waiting[position]
        self._bytes -= sum(one.size for one in (*late, *batch))
        if batch and self.batch_rows is not None and self.queue_seconds is not None:
            self.batch_rows.observe(sum(one.load.rows for one in batch))
            for one in batch:
                self.queue_seconds.observe(now - one.since)
        return late, batch

    def _run(self, batch: list[_Waiting]) -> None:
        if len(batch) > 1:
            try:
                inferences = [one.inference for one in batch]
                outputs = self.run(joined(inferences), inferences[0].outputs)
                shares = parted(outputs, [one.load.rows for one in batch])
            except Exception:  # whoever is guilty gets an own answer below
                log.info("A batch of %d requests failed; they are run one by one", len(batch))
            else:
                for one, share in zip(batch, shares, strict=True):
                    one.answer(share)
                return
        for one in batch:
            if not one.cancelled:
                one.answer(self._alone(one.inference))

    def _alone(self, inference: Inference) -> Outputs | RequestError:
        try:
            return self.run(inference.inputs, inference.outputs)
        except RequestError as error:
            return error
        except Exception:
            log.exception("A run failed")
            return InternalError("The server failed on this request; its log says why.")
