"""ONNX's types in the protocols' terms: what a model's inputs and outputs are called, and values that are no tensors.

Every value travels as one tensor: a sequence of tensors of one shape as their stack, maps as their values in the order
of their keys. An input of a type that can't is a reason not to serve the model.
"""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from modelserver.errors import InternalError, ModelUnsupported
from modelserver.inference import Array
from modelserver.tensors import BY_ONNX_NAME, Signature, TensorSpec

# ONNX Runtime's words: tensor(float), seq(tensor(int64)), seq(map(string,tensor(float))), optional(tensor(float)), …
TYPE = re.compile(r"(?P<optional>optional\()?(?P<seq>seq\()?(?P<map>map\((?:int64|string),)?tensor\((?P<type>\w+)\)\)*")


def signature_of(inputs: Iterable[Any], overridable: Iterable[Any], outputs: Iterable[Any]) -> Signature:
    """From ONNX Runtime's arguments (name, type, shape); `overridable` initializers are inputs that may be left out.

    Raises ModelUnsupported for what the protocols can't say.
    """
    taken = [*((one, False) for one in inputs), *((one, True) for one in overridable)]
    for argument, _ in taken:
        if "map(" in argument.type:
            raise ModelUnsupported(
                f"Input '{argument.name}' is of type {argument.type}, and the served protocols carry only tensors. "
                "Export the model without its dictionary vectorizer, so that it takes a tensor."
            )
    return Signature(
        tuple(spec_of(argument, default) for argument, default in taken),
        tuple(spec_of(argument) for argument in outputs),
    )


def spec_of(argument: Any, has_default: bool = False) -> TensorSpec:
    """The TensorSpec of an ONNX input or output; raises ModelUnsupported for what the protocols can't say."""
    match = TYPE.fullmatch(argument.type)
    datatype = BY_ONNX_NAME.get(match["type"]) if match else None
    if match is None or datatype is None:
        raise ModelUnsupported(
            f"'{argument.name}' is of type {argument.type}, which the served protocols have no datatype for. "
            f"Cast it in the model to one of {', '.join(BY_ONNX_NAME)}."
        )
    optional = has_default or match["optional"] is not None
    if match["map"]:
        shape, parts = ((-1, -1), "maps") if match["seq"] else ((-1,), "map")
        return TensorSpec(argument.name, datatype, shape, parts, optional)
    sizes = tuple(size if isinstance(size, int) and size >= 0 else -1 for size in argument.shape or ())
    if match["seq"]:
        return TensorSpec(argument.name, datatype, (-1, *sizes), "sequence", optional)
    return TensorSpec(argument.name, datatype, sizes, optional=optional)


def split_parts(array: Array) -> list[Array]:
    """The tensors of a sequence from their stack."""
    return [np.asarray(part, dtype=array.dtype) for part in array]


def flatten_parts(spec: TensorSpec, value: Any) -> Array:
    """One tensor from what an output that is no tensor holds; raises InternalError where there is no such tensor."""
    dtype = spec.datatype.dtype
    match spec.parts:
        case "maps":
            return _stack(spec, [np.array(list(row.values()), dtype=dtype) for row in value])
        case "map":
            return np.array(list(value.values()), dtype=dtype)
        case "sequence":
            return _stack(spec, value)
    return np.asarray(value, dtype=dtype)


def _stack(spec: TensorSpec, parts: list[Array]) -> Array:
    shapes = {np.shape(part) for part in parts}
    if len(shapes) > 1:
        raise InternalError(
            f"Output '{spec.name}' holds tensors of several shapes ({sorted(shapes)}), which no one tensor can. "
            "Ask for the other outputs, or pad them in the model."
        )
    if not parts:
        return np.zeros([max(size, 0) for size in spec.shape], dtype=spec.datatype.dtype)
    return np.stack(parts)
