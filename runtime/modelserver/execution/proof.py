"""Is each row of a batch answered as if it were alone? Tried at start, with numbers that would show it if not."""

from dataclasses import dataclass
from math import prod

import numpy as np

from modelserver.errors import RequestError
from modelserver.execution.joining import joined, parted
from modelserver.execution.timing import clock_of, first_below, shortest
from modelserver.inference import Answer, Array, Inference, Outputs
from modelserver.session import Session
from modelserver.tensors import Signature, TensorSpec

# Requests of the trial batch: rows, and what their numbers are multiplied with. The sizes differ so that models which
# scale by the largest number of the whole batch (dynamic quantization) or normalise over it are found out.
TRIAL = ((1, 0.3), (2, 3.0), (1, 1.0), (4, 0.1))
# Not bit for bit: ONNX Runtime takes another kernel for one row than for many, which adds in another order. Per
# element, relative to the largest of the request's answer: about a hundred units in the last place.
TOLERANCE = {"FP16": 2e-2, "FP32": 2e-5, "FP64": 1e-12}
LONGEST_RUN_SECONDS = 0.1  # the trial takes about twenty runs; nobody shall wait for it longer than 2 s at start
# A model that squares its first axis takes 500 times as long for the trial's eight rows: two are tried before.
PAIR_AT_MOST, SLACK_SECONDS = 3.0, 0.01


@dataclass(frozen=True, slots=True)
class Proof:
    """`why` not, where not `independent`; else seconds of a run of one row, and of one row in a batch."""

    independent: bool
    why: str = ""
    single_seconds: float = 0.0
    row_seconds: float = 0.0


def axis_open(signature: Signature) -> str | None:
    """None if every input and output has an open first axis of rows; else which has not."""
    for what, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs:
            if spec.datatype.name == "BF16":
                return f"{what} '{spec.name}' is bfloat16, which no trial is made with"
            if spec.parts not in ("tensor", "maps") or not spec.shape or spec.shape[0] >= 0:
                return f"{what} '{spec.name}' has no open first axis"
    return None


def prove(
    session: Session, sample: dict[str, Array] | None, run_seconds: float | None, quota: float | None = None
) -> Proof:
    """`sample` are inputs that the model answers, None if there are none; `run_seconds` is what that takes.

    A `quota` of less than one CPU makes each second of CPU a longer one to wait for.
    """
    if closed := axis_open(session.signature):
        return Proof(False, closed)
    if sample is None or run_seconds is None:
        return Proof(False, "no synthetic request is known to work")
    waited = run_seconds / min(1.0, quota or 1.0)
    if waited > LONGEST_RUN_SECONDS:
        return Proof(False, f"one run takes {waited:.1f} s, too long to try batches at start")
    requests = _requests(session.signature, sample)
    rows = [rows for rows, _ in TRIAL]
    clock = clock_of(session)
    try:
        bearable = run_seconds * PAIR_AT_MOST + SLACK_SECONDS
        pair = first_below(clock, bearable, lambda: session.run(joined([requests[0], requests[2]]), None))
        if pair > bearable:
            return Proof(False, f"two rows take {pair / run_seconds:.0f} times as long as one")
        together = session.run(joined(requests), None)
        shares = parted(together, rows)
        alone = [session.run(request.inputs, None) for request in requests]
    except RequestError as refused:
        return Proof(False, f"a batch of made-up numbers fails: {refused}")
    for apart, share in zip(alone, shares, strict=True):
        if different := _different(apart, share):
            return Proof(False, f"output '{different}' of a row depends on the rows beside it")
    single, batched = shortest(
        clock,
        lambda: session.run(requests[0].inputs, None),
        lambda: session.run(joined(requests), None),
    )
    return Proof(True, "", single, batched / sum(rows))


def scattered(shape: tuple[int, ...], start: int) -> Array:
    """Float64 numbers between -2 and 2 that follow no pattern a model could answer alike, the same at every start.

    Fractions of a steep sine, the shaders' old trick: numpy.random would cost 20 ms of import, and is not in the image.
    """
    fractions, _ = np.modf(np.sin(np.arange(start, start + prod(shape))) * 43758.5453)
    return 2 * fractions.reshape(shape)


def _requests(signature: Signature, sample: dict[str, Array]) -> list[Inference]:
    def array(spec: TensorSpec, rows: int, factor: float, start: int) -> Array:
        numbers = scattered((rows, *sample[spec.name].shape[1:]), start)
        dtype = spec.datatype.dtype
        if dtype.kind == "O":
            return np.where(numbers > 0, "b c", np.where(numbers > -1, "a", "")).astype(object)
        if dtype.kind in "biu":
            return (numbers > 0).astype(dtype)  # small: they may be indices
        return (numbers * factor).astype(dtype)

    given = [spec for spec in signature.inputs if spec.name in sample]
    return [
        Inference({spec.name: array(spec, rows, factor, 1 + 7919 * place) for spec in given}, None, _unasked)
        for place, (rows, factor) in enumerate(TRIAL)
    ]


def _unasked(outputs: Outputs) -> Answer:
    raise AssertionError("a trial is not encoded")


def _different(alone: Outputs, share: Outputs) -> str | None:
    """The first output that differs by more than the tolerance."""
    for (spec, expected), (_, got) in zip(alone, share, strict=True):
        if expected.shape != got.shape:
            return spec.name
        tolerance = TOLERANCE.get(spec.datatype.name)
        if tolerance is None:
            if not np.array_equal(expected, got):
                return spec.name
            continue
        finite = expected[np.isfinite(expected)]
        largest = float(np.abs(finite).max()) if finite.size else 0.0
        if not np.allclose(got, expected, rtol=0, atol=tolerance * largest, equal_nan=True):
            return spec.name
    return None
