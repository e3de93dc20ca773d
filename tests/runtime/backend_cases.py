"""ONNX's own node tests over the wire: `python -m tests.runtime.backend_cases` prints what came of each.

Every case that ONNX Runtime passes and the protocol can express is sent to a server as REST JSON, REST raw tensors,
gRPC raw contents and gRPC typed contents, and must come back with the bytes that the bare session gives.
`backend_server.py` says which server that is; `--serve N` sends each Nth case to a `modelserver serve` of its own.
"""

import argparse
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto
from onnx.backend.test.loader import load_model_tests
from onnx.numpy_helper import to_array

from modelserver.bfloat16 import widen
from modelserver.errors import InternalError, ModelUnsupported
from modelserver.inference import Array
from modelserver.onnx_types import flatten_parts
from modelserver.session import Session
from modelserver.tensors import TensorSpec
from tests.runtime.backend_servers import exchanging, starting
from tests.runtime.backend_wire import LISTS, Wire

SAME = "same"
FORMS = ("json", "binary", "grpc", "contents")


@dataclass(frozen=True)
class Case:
    """A node test that can be sent: what goes in, and what the bare session gives."""

    name: str
    model: bytes
    inputs: list[tuple[TensorSpec, Array]]
    outputs: dict[str, Array]

    def without(self, form: str) -> str | None:
        """Why this form can't carry the inputs."""
        numbers = [widen(array) if spec.datatype.name == "BF16" else array for spec, array in self.inputs]
        if form == "json" and any(array.dtype.kind == "f" and np.isinf(array).any() for array in numbers):
            return "infinity, which JSON has no number for"
        missing = [spec.datatype.name for spec, _ in self.inputs if spec.datatype.name not in LISTS]
        if form == "contents" and missing:
            return "FP16 or BF16, which the messages have no list for"
        return None


def cases() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they divide by zero on purpose
        return list(load_model_tests(kind="node"))


def case_of(test: Any) -> Case | str:
    """The case, or why it is left out."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        bare = onnxruntime.InferenceSession(test.model.SerializeToString(), options)
    except Exception:  # its exceptions have no common base
        return "ONNX Runtime does not load it"
    try:
        session = Session(bare, 1)
    except ModelUnsupported:
        return "a type that the protocols have no datatype for"
    signature = session.signature
    given = test.data_sets[0][0]
    fed = {value.name: one for value, one in zip(test.model.graph.input, given, strict=False) if one is not None}
    if any(spec.datatype.name == "BF16" for spec in (*signature.inputs, *signature.outputs)):
        return _bfloat16(test, session, fed)
    try:
        expected, again = bare.run(None, fed), bare.run(None, fed)
    except Exception:
        return "ONNX Runtime does not run it"
    if not all(bits(one) == bits(two) for one, two in zip(expected, again, strict=True)):
        return "random"
    if not _passes(test, expected):
        return "ONNX Runtime answers something else"
    return _tensors(test, session, fed, expected)


def _bfloat16(test: Any, session: Session, fed: dict[str, Any]) -> Case | str:
    """The bare session takes no bfloat16 as an array, so the test's own answer is the expected one."""
    patterns = {name: _patterns(value) for name, value in fed.items()}
    return _tensors(test, session, patterns, [_patterns(value) for value in test.data_sets[0][1]])


def _patterns(value: Any) -> Any:
    if isinstance(value, list):
        return [_patterns(part) for part in value]
    array = np.asarray(to_array(value) if isinstance(value, TensorProto) else value)
    return array.view(np.uint16) if array.dtype.name == "bfloat16" else array


def _passes(test: Any, values: list[Any]) -> bool:
    for got, wanted in zip(values, test.data_sets[0][1], strict=False):
        try:
            numbers = np.asarray(got), np.asarray(wanted)
        except ValueError:  # sequences of unlike tensors
            continue
        if numbers[0].shape != numbers[1].shape:
            return False
        if numbers[0].dtype.kind == "f" and not np.allclose(*numbers, test.rtol, test.atol, equal_nan=True):
            return False
    return True


def _tensors(test: Any, session: Session, fed: dict[str, Any], expected: list[Any]) -> Case | str:
    signature = session.signature
    try:
        inputs = [
            (spec, np.asarray(flatten_parts(spec, fed[spec.name]))) for spec in signature.inputs if spec.name in fed
        ]
        outputs = {
            spec.name: flatten_parts(spec, value)
            for spec, value in zip(signature.outputs, expected, strict=True)
            if value is not None
        }
    except InternalError:
        return "a sequence of tensors of several shapes"
    if any(not spec.accepts(array.shape) for spec, array in inputs):
        return "a shape that the model does not declare"
    return Case(test.name, test.model.SerializeToString(), inputs, outputs)


def bits(value: Any) -> Any:
    if isinstance(value, list | dict):
        return repr(value)
    array = np.asarray(value)
    return array.tolist() if array.dtype.kind in "OUS" else array.tobytes()


def sent(case: Case, form: str, wire: Wire) -> str:
    """SAME, or why the form was left out. Raises AssertionError where a value was changed on its way."""
    reason = case.without(form)
    if reason is not None:
        return reason
    got = getattr(wire, form)(case.inputs)
    assert got.keys() == case.outputs.keys(), case.name
    for name, array in case.outputs.items():
        wanted = array
        if form == "json" and array.dtype.kind == "f":  # null for what is not finite; NaN has many bit patterns
            wanted = np.where(np.isfinite(array), array, array.dtype.type(np.nan))
        assert (got[name].dtype, got[name].shape) == (wanted.dtype, wanted.shape), f"{case.name}: {name}"
        assert bits(got[name]) == bits(wanted), f"{case.name}: {name}"
    return SAME


@dataclass(frozen=True)
class Told:
    """What came of all tests: `forms` counts by form and outcome, `left_out` and `refused` have names by reason."""

    forms: dict[str, Counter[str]]
    left_out: dict[str, list[str]]
    refused: dict[str, str]
    changed: list[str]


def tell(tests: Iterable[Any], folder: Path, serve: bool = False) -> Told:
    """Send all that can be sent. `serve`: each to a `modelserver serve` of its own."""
    told = Told({form: Counter() for form in FORMS}, {}, {}, [])
    with (starting if serve else exchanging)(folder) as serving:
        for test in tests:
            case = case_of(test)
            if isinstance(case, str):
                told.left_out.setdefault(case, []).append(test.name)
                continue
            wire = serving(case.model)
            if isinstance(wire, str):
                told.refused[case.name] = wire
                continue
            for form in FORMS:
                try:
                    told.forms[form][sent(case, form, wire)] += 1
                except Exception as problem:
                    told.changed.append(f"{form}: {type(problem).__name__}: {problem}")
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", type=int, metavar="N", help="each Nth case, to a server process of its own")
    every = parser.parse_args().serve
    tests = cases()
    with tempfile.TemporaryDirectory() as folder:
        told = tell(tests[:: every or 1], Path(folder), serve=every is not None)
    print(f"{len(tests[:: every or 1])} of ONNX's node tests")
    for form, counts in told.forms.items():
        print(f"{form:9} " + ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()))
    for reason, names in sorted(told.left_out.items(), key=lambda row: -len(row[1])):
        print(f"left out  {len(names):5} {reason}: {', '.join(names[:4])}, …")
    for name, words in told.refused.items():
        print(f"REFUSED   {name}: {words}")
    for words in told.changed:
        print(f"CHANGED   {words[:300]}")
    return 1 if told.refused or told.changed else 0


if __name__ == "__main__":
    raise SystemExit(main())
