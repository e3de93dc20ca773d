"""Make a model warm before anybody asks it, and measure how long one run takes."""

from dataclasses import dataclass
from itertools import product
from time import perf_counter

import numpy as np
import orjson

from modelserver import bfloat16
from modelserver.core import Core
from modelserver.errors import ModelFailed, RequestError
from modelserver.execution.timing import clock_of, shortest
from modelserver.inference import Array
from modelserver.protocol.json_values import jsonable
from modelserver.session import Session
from modelserver.tensors import Signature, TensorSpec

# What the open dimensions after the first are filled with, in turn: convolutions can't take pictures of 1×1.
OPEN_SIZES = (1, 8, 32, 224, 512)
# What the elements are, in turn: scales and steps can't be 0.
FILLS = (0, 1)


@dataclass(frozen=True, slots=True)
class Warmth:
    """`seconds` spent; `run_seconds` of `session.run`, undisturbed, None where no synthetic request could be made.

    `sample`: inputs of one row that the model answers.
    """

    seconds: float
    run_seconds: float | None
    note: str | None = None
    sample: dict[str, Array] | None = None


def synthetic(signature: Signature, open_size: int, fill: int = 0) -> dict[str, Array]:
    """`fill` in each element ("" in strings) of each required input.

    An open first dimension is 1, other open ones are `open_size`.
    """

    def shape(spec: TensorSpec) -> tuple[int, ...]:
        return tuple(size if size >= 0 else (1 if axis == 0 else open_size) for axis, size in enumerate(spec.shape))

    def filled(spec: TensorSpec) -> Array:
        if spec.datatype.name == "BYTES":
            return np.full(shape(spec), "", dtype=object)
        if spec.datatype.name == "BF16":
            return bfloat16.narrow(np.full(shape(spec), fill, dtype=np.float32))[0]
        return np.full(shape(spec), fill, dtype=spec.datatype.dtype)

    return {spec.name: filled(spec) for spec in signature.required}


def request_body(signature: Signature, inputs: dict[str, Array]) -> bytes:
    """The same as an Open Inference Protocol request, so that codecs are warm too."""
    entries = [
        {
            "name": spec.name,
            "datatype": spec.datatype.name,
            "shape": inputs[spec.name].shape,
            "data": jsonable(inputs[spec.name], flat=True),
        }
        for spec in signature.required
    ]
    return orjson.dumps({"inputs": entries}, option=orjson.OPT_SERIALIZE_NUMPY)


def warm_up(core: Core, requests: int) -> Warmth:
    """Answer `requests` synthetic ones, then time the session alone.

    Raises ModelFailed when the model's inputs leave no doubt that a request of zeros or of ones must work.
    """
    started = perf_counter()
    if requests == 0:
        return Warmth(0.0, None, "no warm-up was asked for")
    signature = core.session.signature
    open_sizes = any(size < 0 for spec in signature.required for size in spec.shape[1:])
    problem: RequestError | None = None
    for fill, open_size in product(FILLS, OPEN_SIZES if open_sizes else OPEN_SIZES[:1]):
        inputs = synthetic(signature, open_size, fill)
        try:
            body = request_body(signature, inputs)
            for _ in range(requests):
                core.infer(core.codecs["openinference"], body)
        except RequestError as refused:
            problem = refused
            continue
        spent = perf_counter() - started
        return Warmth(spent, _run_seconds(core.session, inputs), sample=inputs)
    # Whole numbers may be axes, sizes or positions (Reshape, Slice, Unsqueeze, …), for which neither 0 nor 1 need do.
    if not open_sizes and not any("INT" in spec.datatype.name for spec in signature.required):
        raise ModelFailed(f"The model loads, but does not answer a request of zeros: {problem}")
    return Warmth(perf_counter() - started, None, f"no synthetic request fits the model: {problem}")


def _run_seconds(session: Session, inputs: dict[str, Array]) -> float:
    [seconds] = shortest(clock_of(session), lambda: session.run(inputs, None))
    return seconds
