"""A caller's thread waits for the model: until the answer is there, the caller's time is up, or the caller has gone."""

import math
import time
from queue import SimpleQueue

import grpc

from modelserver.errors import DeadlineExceeded, RequestError
from modelserver.inference import Inference, Outputs
from modelserver.server.app import App

FOREVER = 10.0**8  # seconds; of a call without a deadline gRPC says that it has centuries


class Gone(Exception):
    """The caller has cancelled the call: nobody is there to be answered, or counted."""


def _deadline(context: grpc.ServicerContext) -> float | None:
    """When the caller stops waiting, by time.monotonic; None for never. Raises Gone when the caller has cancelled."""
    remaining = context.time_remaining()
    if remaining is None or remaining > FOREVER:
        remaining = math.inf
    if remaining > 0 and not context.is_active():
        raise Gone
    return None if remaining == math.inf else time.monotonic() + remaining


def execute(app: App, inference: Inference, context: grpc.ServicerContext) -> Outputs:
    """Run the model for a caller who waits, and not for one who has gone. Raises RequestError or Gone."""
    execution, deadline = app.execution, _deadline(context)
    assert execution is not None, "a core is served together with its execution"
    if app.inline:
        return execution.wait(inference, deadline)
    answer: SimpleQueue[Outputs | RequestError | None] = SimpleQueue()
    cancel = execution.submit(inference, deadline, answer.put)
    # Told at the end of the call, whatever ended it; false where it has ended already.
    if not context.add_callback(lambda: answer.put(None)):
        answer.put(None)
    result = answer.get()
    if result is None:
        cancel()
        if context.time_remaining():
            raise Gone
        raise DeadlineExceeded("The time that the call gave had passed before the model was done with it.")
    if isinstance(result, RequestError):
        raise result
    return result
