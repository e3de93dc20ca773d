"""The Open Inference Protocol v2 over REST with JSON: inference requests and answers, metadata.

Source: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import orjson

from modelserver.errors import InvalidTensor, MalformedRequest
from modelserver.protocol.json_values import Array, flatten, has_booleans, jsonable, non_finite, to_array
from modelserver.tensors import Signature, TensorSpec

PLATFORM = "onnx_onnxv1"


@dataclass(frozen=True, slots=True)
class InferRequest:
    """`outputs` is what the caller asked for, in that order, or None for all."""

    id: str | None
    inputs: dict[str, Array]
    outputs: tuple[TensorSpec, ...] | None


def document(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; raises MalformedRequest."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        what = f"is not JSON: {problem}" if body else "is empty; a JSON document was expected"
        raise MalformedRequest(f"The body {what}.") from None
    if type(parsed) is not dict:
        raise MalformedRequest(f"The body is a JSON {_json_type(parsed)}, but an object was expected.")
    return parsed


def decode(body: bytes, signature: Signature) -> InferRequest:
    """Raises MalformedRequest or InvalidTensor."""
    request = document(body)
    given = request.get("inputs")
    if type(given) is not list:
        raise MalformedRequest("The request has no 'inputs' list. Each input has name, shape, datatype and data.")
    booleans = has_booleans(body)
    inputs: dict[str, Array] = {}
    for entry in given:
        spec, array = _input(entry, signature, booleans)
        if spec.name in inputs:
            raise InvalidTensor(f"Input '{spec.name}' came twice.")
        inputs[spec.name] = array
    if len(inputs) != len(signature.inputs):
        missing = [spec.name for spec in signature.inputs if spec.name not in inputs]
        raise InvalidTensor(f"Input '{missing[0]}' is missing; the model takes {_names(signature.inputs)}.")
    identity = request.get("id")
    if identity is not None and type(identity) is not str:
        raise MalformedRequest(f"'id' is a JSON {_json_type(identity)}, but a string was expected.")
    wanted = request.get("outputs")
    return InferRequest(identity, inputs, _requested(wanted, signature) if wanted else None)


def _input(entry: Any, signature: Signature, booleans: bool) -> tuple[TensorSpec, Array]:
    name = entry.get("name") if type(entry) is dict else None
    spec = signature.input_by_name.get(name) if type(name) is str else None
    if spec is None:
        raise InvalidTensor(f"There is no input {name!r}; the model takes {_names(signature.inputs)}.")
    datatype = entry.get("datatype")
    if datatype != spec.datatype.name:
        raise InvalidTensor(f"Input '{name}' came as {datatype}, but the model takes {spec.datatype.name}.")
    declared = entry.get("shape")
    if type(declared) is not list or not all(type(size) is int and size >= 0 for size in declared):
        raise InvalidTensor(f"Input '{name}' has no usable 'shape': a list of whole numbers was expected.")
    shape = tuple(declared)
    if not spec.accepts(shape):
        raise InvalidTensor(f"Input '{name}' has shape {declared}, but the model takes {list(spec.shape)}.")
    data = entry.get("data")
    if type(data) is not list:
        raise InvalidTensor(f"Input '{name}' has no 'data' list (the binary tensor extension is not spoken here).")
    if data and type(data[0]) is list:
        data, nested = flatten(spec.name, data)
        if nested != shape:
            raise InvalidTensor(f"Input '{name}' has shape {declared}, but its data is nested as {list(nested)}.")
    if len(data) != prod(shape):
        raise InvalidTensor(f"Input '{name}' has {len(data)} elements, but its shape {declared} takes {prod(shape)}.")
    return spec, to_array(spec, shape, data, booleans)


def _requested(wanted: Any, signature: Signature) -> tuple[TensorSpec, ...]:
    if type(wanted) is not list:
        raise MalformedRequest(f"'outputs' is a JSON {_json_type(wanted)}, but a list was expected.")
    specs: list[TensorSpec] = []
    for entry in wanted:
        name = entry.get("name") if type(entry) is dict else None
        spec = signature.output_by_name.get(name) if type(name) is str else None
        if spec is None:
            raise InvalidTensor(f"There is no output {name!r}; the model gives {_names(signature.outputs)}.")
        if (entry.get("parameters") or {}).get("classification"):
            raise InvalidTensor(f"Output '{name}' was requested with 'classification', which is not offered.")
        specs.append(spec)
    return tuple(specs)


def encode(head: dict[str, Any], identity: str | None, outputs: list[tuple[TensorSpec, Array]]) -> bytes:
    """`head` holds model_name (and model_version); outputs in the order of the answer."""
    answer = dict(head)
    if identity is not None:
        answer["id"] = identity
    answer["outputs"] = [
        {
            "name": spec.name,
            "datatype": spec.datatype.name,
            "shape": array.shape,
            "data": jsonable(array, flat=True),
        }
        for spec, array in outputs
    ]
    encoded = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    # The bytes are searched because that costs nothing where there is nothing to find.
    if b"null" in encoded:
        for entry, (_, array) in zip(answer["outputs"], outputs, strict=True):
            if count := non_finite(array):
                entry["parameters"] = {"non_finite": count}
        encoded = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    return encoded


def model_metadata(name: str, versions: list[str], signature: Signature) -> bytes:
    def told(specs: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
        return [{"name": s.name, "datatype": s.datatype.name, "shape": s.shape} for s in specs]

    described: dict[str, Any] = {"name": name}
    if versions:
        described["versions"] = versions
    described |= {"platform": PLATFORM, "inputs": told(signature.inputs), "outputs": told(signature.outputs)}
    return orjson.dumps(described)


def _names(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"'{spec.name}'" for spec in specs)


def _json_type(value: object) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
