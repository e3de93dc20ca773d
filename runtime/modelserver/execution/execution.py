"""Where the model runs: in the caller's thread, or behind the queue."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from modelserver.errors import DeadlineExceeded, RequestError
from modelserver.execution.batcher import Batcher, Done
from modelserver.execution.choice import Mode
from modelserver.inference import Inference, Outputs
from modelserver.session import Session


@dataclass(frozen=True, slots=True)
class Execution:
    """One model's execution, shared by all front ends. Methods may be called from any thread."""

    session: Session
    mode: Mode
    batcher: Batcher

    def run(self, inference: Inference) -> Outputs:
        """Here and now, in this thread. Raises ModelRejectedInput, InternalError."""
        return self.session.run(inference.inputs, inference.outputs)

    def submit(self, inference: Inference, deadline: float | None, done: Done) -> Callable[[], object]:
        """Through the queue, whatever the mode; see `Batcher.submit`. `deadline` by `time.monotonic`."""
        return self.batcher.submit(inference, deadline, done)

    def wait(self, inference: Inference, deadline: float | None = None) -> Outputs:
        """Block until the answer is there, never in the event loop's thread but in inline mode. Raises RequestError."""
        if self.mode is Mode.INLINE:
            if deadline is not None and deadline <= time.monotonic():
                raise DeadlineExceeded("The time that the request gave had passed before the model began with it.")
            return self.run(inference)
        answer: Future[Outputs | RequestError] = Future()
        self.batcher.submit(inference, deadline, answer.set_result)
        result = answer.result()
        if isinstance(result, RequestError):
            raise result
        return result

    def close(self) -> None:
        self.batcher.close()
