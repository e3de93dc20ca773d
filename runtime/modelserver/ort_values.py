"""Values that ONNX Runtime's plain `run` does not exchange as arrays: sequences, which are lists, and bfloat16.

bfloat16 has no NumPy type: such an input is an OrtValue over its bit patterns, and such an output is read from the
OrtValue's memory (ONNX Runtime 1.31 raises "No corresponding Numpy type" where it is asked for an array). As outputs
come as OrtValues either all or none, and strings can't go in as one, a model that gives bfloat16 must take and give
tensors of numbers otherwise.
"""

import ctypes
from typing import Any

import numpy as np

from modelserver.errors import ModelUnsupported
from modelserver.inference import Array
from modelserver.onnx_types import split_parts
from modelserver.tensors import Signature, TensorSpec

BFLOAT16 = 16  # onnx.TensorProto.BFLOAT16


def needed_for(signature: Signature) -> bool:
    """Whether the model has to be run by `run`; raises ModelUnsupported where not even that can."""
    if any(spec.datatype.name == "BF16" for spec in signature.outputs):
        for spec in (*signature.inputs, *signature.outputs):
            if spec.parts != "tensor" or (spec.datatype.name == "BYTES" and spec in signature.inputs):
                raise ModelUnsupported(
                    f"The model gives bfloat16, and '{spec.name}' beside it is no tensor of numbers; ONNX Runtime's "
                    "Python interface can't exchange both. Cast the bfloat16 outputs to float in the model."
                )
    return any(spec.parts == "sequence" or spec.datatype.name == "BF16" for spec in signature.inputs) or any(
        spec.datatype.name == "BF16" for spec in signature.outputs
    )


def run(session: Any, signature: Signature, specs: tuple[TensorSpec, ...], inputs: dict[str, Array]) -> list[Any]:
    """As `session.run`, with bit patterns for bfloat16 and stacks for sequences that go in."""
    names = [spec.name for spec in specs]
    if not any(spec.datatype.name == "BF16" for spec in specs):
        fed = {name: _fed(signature.input_by_name[name], array) for name, array in inputs.items()}
        return list(session.run(names, fed))
    values = {name: _value(signature.input_by_name[name], array) for name, array in inputs.items()}
    given = session.run_with_ort_values(names, values)
    return [_taken(spec, value) for spec, value in zip(specs, given, strict=True)]


def _fed(spec: TensorSpec, array: Array) -> Any:
    if spec.parts == "sequence":
        return split_parts(array)
    return _value(spec, array) if spec.datatype.name == "BF16" else array


def _value(spec: TensorSpec, array: Array) -> Any:
    """An OrtValue that shares the array's memory and keeps it alive."""
    from onnxruntime import OrtValue  # never before session.py has switched telemetry off

    whole = array if array.flags.c_contiguous else array.copy()
    if spec.datatype.name == "BF16":
        return OrtValue.ortvalue_from_numpy_with_onnx_type(whole, BFLOAT16)
    return OrtValue.ortvalue_from_numpy(whole)


def _taken(spec: TensorSpec, value: Any) -> Any:
    if not value.has_value():
        return None
    if spec.datatype.name != "BF16":
        return value.numpy()
    size = value.tensor_size_in_bytes()
    content = ctypes.string_at(value.data_ptr(), size) if size else b""
    return np.frombuffer(content, np.uint16).reshape(value.shape())
