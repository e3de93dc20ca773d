"""The datatypes of the Open Inference Protocol, their ONNX names and NumPy types; a model's signature.

BF16 is not one of NumPy's types: its arrays hold the bit patterns as uint16 (`bfloat16.py`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from modelserver.errors import InvalidTensor


@dataclass(frozen=True, slots=True)
class Datatype:
    """One row of `DATATYPES`.

    `code` is the type's letter in `struct`, which is how numbers are checked and packed in one call: it refuses
    strings, nulls, numbers out of range and fractions in integers. None where `struct` has no letter for it.
    `exact` is the whole number up to which a floating-point type holds every whole number.
    """

    name: str
    onnx: str
    dtype: np.dtype[np.generic]
    code: str | None
    expects: str
    exact: int | None = None


DATATYPES: Mapping[str, Datatype] = {
    row.name: row
    for row in (
        Datatype("BOOL", "bool", np.dtype(np.bool_), None, "true or false"),
        Datatype("INT8", "int8", np.dtype(np.int8), "b", "whole numbers from -128 to 127"),
        Datatype("INT16", "int16", np.dtype(np.int16), "h", "whole numbers from -32768 to 32767"),
        Datatype("INT32", "int32", np.dtype(np.int32), "i", "whole numbers from -2147483648 to 2147483647"),
        Datatype("INT64", "int64", np.dtype(np.int64), "q", "whole numbers of 64 bits"),
        Datatype("UINT8", "uint8", np.dtype(np.uint8), "B", "whole numbers from 0 to 255"),
        Datatype("UINT16", "uint16", np.dtype(np.uint16), "H", "whole numbers from 0 to 65535"),
        Datatype("UINT32", "uint32", np.dtype(np.uint32), "I", "whole numbers from 0 to 4294967295"),
        Datatype("UINT64", "uint64", np.dtype(np.uint64), "Q", "whole numbers from 0 to 18446744073709551615"),
        Datatype("FP16", "float16", np.dtype(np.float16), "e", "numbers from -65504 to 65504, or null for NaN", 2**11),
        Datatype("FP32", "float", np.dtype(np.float32), "f", "numbers from -3.4e38 to 3.4e38, or null for NaN", 2**24),
        Datatype("FP64", "double", np.dtype(np.float64), "d", "numbers, or null for NaN", 2**53),
        Datatype("BF16", "bfloat16", np.dtype(np.uint16), None, "numbers that bfloat16 holds exactly, or null for NaN"),
        Datatype("BYTES", "string", np.dtype(np.object_), None, "strings"),
    )
}
BY_ONNX_NAME: Mapping[str, Datatype] = {row.onnx: row for row in DATATYPES.values()}
FLOATING = frozenset({"FP16", "FP32", "FP64", "BF16"})


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output as the protocols tell it.

    `shape` has -1 for a dimension that the model leaves open. `parts` is how a value that is no tensor becomes
    one: "tensor", "sequence" (of tensors), "maps" (ZipMap's sequence of maps) or "map". An `optional` input may be
    left out; an optional output may be missing from an answer.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    parts: str = "tensor"
    optional: bool = False

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of this shape may go in. Of a sequence's tensors ONNX Runtime tells no shape."""
        if shape == self.shape:
            return True
        if self.parts == "sequence":
            return shape != ()
        if len(shape) != len(self.shape):
            return False
        # all() over a generator takes three times as long.
        for want, got in zip(self.shape, shape, strict=True):  # noqa: SIM110
            if want not in (-1, got):
                return False
        return True


@dataclass(frozen=True, slots=True, eq=False)  # compared by identity: what is remembered of requests is for one model
class Signature:
    """What a model takes and gives, in the model's own order; `required` are the inputs that may not be left out."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    input_by_name: Mapping[str, TensorSpec] = field(init=False)
    output_by_name: Mapping[str, TensorSpec] = field(init=False)
    required: tuple[TensorSpec, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_by_name", {spec.name: spec for spec in self.inputs})
        object.__setattr__(self, "output_by_name", {spec.name: spec for spec in self.outputs})
        object.__setattr__(self, "required", tuple(spec for spec in self.inputs if not spec.optional))

    def require(self, given: Collection[str]) -> None:
        """Raises InvalidTensor where an input is not among the `given` names and may not be left out."""
        for spec in self.required:
            if spec.name not in given:
                takes = ", ".join(f"'{one.name}'" for one in self.inputs)
                raise InvalidTensor(f"Input '{spec.name}' is missing; the model takes {takes}.")
