"""What passes between a codec, the execution and a front end: a request for tensors, and an encoded answer.

Protocol-free on purpose: REST codecs, gRPC and tests all speak to the model through these three.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from modelserver.tensors import TensorSpec

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Outputs: TypeAlias = list[tuple[TensorSpec, Array]]


class Answer(NamedTuple):
    """An encoded answer: `body` is JSON, or `json_length` bytes of JSON followed by raw tensors.

    With a `json_length` the answer goes out as application/octet-stream under `Inference-Header-Content-Length`
    (the binary tensor data extension), without one as application/json.
    """

    body: bytes
    json_length: int | None = None


class Inference(NamedTuple):
    """A decoded request: arrays by input name, all of the model's inputs, each of its datatype and an accepted shape.

    `outputs` is what the caller asked for, in that order, or None for all. `encode` writes the outputs the way this
    caller wants them; it is pure and may be called in another thread than the one that decoded.
    """

    inputs: dict[str, Array]
    outputs: tuple[TensorSpec, ...] | None
    encode: Callable[[Outputs], Answer]
