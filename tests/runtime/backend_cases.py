"""ONNX's own node tests through the codecs: `python -m tests.runtime.backend_cases` prints what went through.

Every case that ONNX Runtime passes and the protocols can express goes in as JSON and as binary tensors, and must come
out with the bytes that the bare session gives. `of(case)` says "same", or why the case was left out.
"""

import json
import warnings
from collections import Counter
from typing import Any

import numpy as np
import onnxruntime
from onnx.backend.test.loader import load_model_tests

from modelserver.errors import InternalError, ModelUnsupported
from modelserver.inference import Array
from modelserver.onnx_types import flatten_parts
from modelserver.protocol import openinference
from modelserver.session import Session
from modelserver.tensors import Signature, TensorSpec

SAME = "same"
HEAD = {"model_name": "m"}


def cases() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they divide by zero on purpose
        return list(load_model_tests(kind="node"))


def of(case: Any) -> str:
    """Raises AssertionError where a codec changed a value."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        bare = onnxruntime.InferenceSession(case.model.SerializeToString(), options)
    except Exception:  # its exceptions have no common base
        return "ONNX Runtime does not load it"
    try:
        session = Session(bare, 1)
    except ModelUnsupported:
        return "a type that the protocols have no datatype for"
    if any(spec.datatype.name == "BF16" for spec in (*session.signature.inputs, *session.signature.outputs)):
        return "bfloat16, which the bare session does not take as an array"
    given, _ = case.data_sets[0]
    fed = {value.name: one for value, one in zip(case.model.graph.input, given, strict=False) if one is not None}
    try:
        expected, again = bare.run(None, fed), bare.run(None, fed)
    except Exception:
        return "ONNX Runtime does not run it"
    if not all(_bits(one) == _bits(two) for one, two in zip(expected, again, strict=True)):
        return "random"
    if not _passes(case, expected):
        return "ONNX Runtime answers something else"
    return _through_codecs(session, fed, expected)


def _passes(case: Any, values: list[Any]) -> bool:
    for got, wanted in zip(values, case.data_sets[0][1], strict=False):
        try:
            numbers = np.asarray(got), np.asarray(wanted)
        except ValueError:  # sequences of unlike tensors
            continue
        if numbers[0].shape != numbers[1].shape:
            return False
        if numbers[0].dtype.kind == "f" and not np.allclose(*numbers, case.rtol, case.atol, equal_nan=True):
            return False
    return True


def _through_codecs(session: Session, fed: dict[str, Any], expected: list[Any]) -> str:
    signature = session.signature
    try:
        inputs = [(spec, _one_tensor(spec, fed[spec.name])) for spec in signature.inputs if spec.name in fed]
        outputs = {
            spec.name: flatten_parts(spec, value)
            for spec, value in zip(signature.outputs, expected, strict=True)
            if value is not None
        }
    except InternalError:
        return "a sequence of tensors of several shapes"
    if any(not spec.accepts(array.shape) for spec, array in inputs):
        return "a shape that the model does not declare"
    for binary in (True, False):
        if not binary and any(array.dtype.kind == "f" and np.isinf(array).any() for _, array in inputs):
            continue  # JSON has no infinity
        got = _answered(session, signature, inputs, binary)
        assert got.keys() == outputs.keys()
        for name, array in outputs.items():
            wanted = array if binary or array.dtype.kind != "f" else np.where(np.isfinite(array), array, np.nan)
            assert (got[name].dtype, got[name].shape) == (wanted.dtype, wanted.shape), name
            if wanted.dtype.kind == "f" and not binary:
                np.testing.assert_array_equal(got[name], wanted)
            else:
                assert _bits(got[name]) == _bits(wanted), name
    return SAME


def _one_tensor(spec: TensorSpec, value: Any) -> Array:
    return np.asarray(flatten_parts(spec, value))


def _answered(
    session: Session, signature: Signature, inputs: list[tuple[TensorSpec, Array]], binary: bool
) -> dict[str, Array]:
    """Written as a request, read, run, written as an answer, and read again."""
    body, length = _request(inputs, binary)
    inference = openinference.decode(body, length, HEAD, signature)
    answer = inference.encode(session.run(inference.inputs, inference.outputs))
    document = json.loads(answer.body[: answer.json_length])
    document["inputs"] = document.pop("outputs")
    text = json.dumps(document).encode()
    raw = b"" if answer.json_length is None else answer.body[answer.json_length :]
    anything = tuple(TensorSpec(s.name, s.datatype, _open(document, s.name), optional=True) for s in signature.outputs)
    return openinference.decode(text + raw, len(text) if binary else None, HEAD, Signature(anything, ())).inputs


def _open(document: dict[str, Any], name: str) -> tuple[int, ...]:
    return next((tuple(one["shape"]) for one in document["inputs"] if one["name"] == name), ())


def _request(inputs: list[tuple[TensorSpec, Array]], binary: bool) -> tuple[bytes, int | None]:
    names = frozenset(spec.name for spec, _ in inputs) if binary else frozenset()
    answer = openinference.encode(HEAD, None, names, inputs)
    document = json.loads(answer.body[: answer.json_length])
    document = {"inputs": document["outputs"], "parameters": {"binary_data_output": binary}}
    text = json.dumps(document).encode()
    raw = b"" if answer.json_length is None else answer.body[answer.json_length :]
    return text + raw, len(text) if binary else None


def _bits(value: Any) -> Any:
    if isinstance(value, list | dict):
        return repr(value)
    array = np.asarray(value)
    return array.tolist() if array.dtype.kind in "OUS" else array.tobytes()


def main() -> None:
    told: Counter[str] = Counter()
    names: dict[str, list[str]] = {}
    for case in cases():
        outcome = of(case)
        told[outcome] += 1
        names.setdefault(outcome, []).append(case.name)
    for outcome, count in told.most_common():
        print(f"{count:5} {outcome}" + ("" if outcome == SAME else f": {', '.join(names[outcome][:4])}, …"))


if __name__ == "__main__":
    main()
