"""A request that fits a model's signature: for `inspect`, the page at `/`, and the OpenAPI document.

Zeros, because they are within every datatype; open dimensions get sizes that a model is likely to take.
"""

from math import prod
from typing import Any

import orjson

from modelserver.tensors import Signature, TensorSpec

LONGEST = 4096  # elements of all inputs together; a longer example is no help to a reader
PICTURE = 32  # height and width where they are open: convolutions can't take 1×1


def shape_of(spec: TensorSpec, open_size: int | None = None) -> list[int]:
    """Sizes with nothing open: 1 first, then `open_size`, by default PICTURE for the last two of four axes, else 1."""

    def chosen(axis: int) -> int:
        if axis == 0:
            return 1
        if open_size is not None:
            return open_size
        return PICTURE if len(spec.shape) == 4 and axis >= 2 else 1

    return [size if size >= 0 else chosen(axis) for axis, size in enumerate(spec.shape)]


def infer_request(signature: Signature, open_size: int | None = None) -> dict[str, Any] | None:
    """An Open Inference Protocol request; None if it would hold more than LONGEST elements."""
    shapes = {spec.name: shape_of(spec, open_size) for spec in signature.required}
    if sum(prod(shape) for shape in shapes.values()) > LONGEST:
        return None
    return {
        "inputs": [
            {
                "name": spec.name,
                "datatype": spec.datatype.name,
                "shape": shapes[spec.name],
                "data": [element(spec)] * prod(shapes[spec.name]),
            }
            for spec in signature.required
        ]
    }


def element(spec: TensorSpec) -> float | int | bool | str:
    """Zero in the JSON type of the datatype."""
    if spec.datatype.name in ("BOOL", "BYTES"):
        return False if spec.datatype.name == "BOOL" else ""
    return 0.0 if spec.datatype.name.startswith("FP") else 0


def curl(url: str, request: dict[str, Any]) -> str:
    """A line for a POSIX shell."""
    body = orjson.dumps(request).decode().replace("'", "'\\''")
    return f"curl {url} -d '{body}'"
