"""The Open Inference Protocol v2 over REST: inference requests and answers, in JSON or with binary tensors, metadata.

Sources: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md and, for
raw tensors after the JSON, Triton's docs/protocol/extension_binary_data.md.

`id` comes back as it was sent. Parameters that this server does not know change nothing, except those in `REFUSED`.
"""

from collections.abc import Collection
from functools import partial
from typing import Any

import orjson

from modelserver.errors import InvalidTensor, MalformedRequest
from modelserver.inference import Answer, Array, Inference, Outputs
from modelserver.protocol import raw_tensors
from modelserver.protocol.documents import document, json_type, shown
from modelserver.protocol.json_values import flatten, has_booleans, jsonable, non_finite, to_array, writable
from modelserver.protocol.shapes import element_count
from modelserver.tensors import Signature, TensorSpec

PLATFORM = "onnx_onnxv1"
SIZES = {int}
# Parameters of other servers' extensions that say where data lies or what an answer holds: not to be overlooked.
REFUSED = ("classification", "shared_memory_region", "sequence_id")
PLAIN: tuple[None, frozenset[str]] = (None, frozenset())  # all outputs, none of them as raw bytes


class _RawTensors:
    """The bytes after the JSON, handed out in the order of the inputs."""

    __slots__ = ("_at", "_bytes")

    def __init__(self, body: bytes, json_length: int) -> None:
        if not 0 <= json_length <= len(body):
            raise MalformedRequest(
                f"Inference-Header-Content-Length is {json_length}, but the body has {len(body)} bytes."
            )
        self._bytes, self._at = memoryview(body), json_length

    def take(self, name: str, size: int) -> memoryview:
        if size > self.left:
            raise InvalidTensor(
                f"Input '{name}' has binary_data_size {size}, but only {self.left} bytes of the body are left for it."
            )
        begin, self._at = self._at, self._at + size
        return self._bytes[begin : self._at]

    @property
    def left(self) -> int:
        return len(self._bytes) - self._at


def decode(body: bytes, json_length: int | None, head: dict[str, Any], signature: Signature) -> Inference:
    """`json_length` is the request's Inference-Header-Content-Length. Raises MalformedRequest or InvalidTensor."""
    raw = None
    if json_length is not None:
        raw = _RawTensors(body, json_length)
        body = body[:json_length]
    request = document(body)
    given = request.get("inputs")
    if type(given) is not list:
        raise MalformedRequest("The request has no 'inputs' list. Each input has name, shape, datatype and data.")
    booleans = has_booleans(body)
    inputs: dict[str, Array] = {}
    for entry in given:
        spec, array = _input(entry, signature, booleans, raw)
        if spec.name in inputs:
            raise InvalidTensor(f"Input '{spec.name}' came twice.")
        inputs[spec.name] = array
    if len(inputs) != len(signature.inputs):
        signature.require(inputs)
    if raw is not None and raw.left:
        raise MalformedRequest(
            f"The body has {raw.left} bytes more than its JSON and the binary_data_size of its inputs say."
        )
    identity = request.get("id")
    if identity is not None and type(identity) is not str:
        raise MalformedRequest(f"'id' is a JSON {json_type(identity)}, but a string was expected.")
    outputs, binary = _answer(request, signature) if "outputs" in request or "parameters" in request else PLAIN
    return Inference(inputs, outputs, partial(encode, head, identity, binary))


def _input(entry: Any, signature: Signature, booleans: bool, raw: _RawTensors | None) -> tuple[TensorSpec, Array]:
    name = entry.get("name") if type(entry) is dict else None
    spec = signature.input_by_name.get(name) if type(name) is str else None
    if spec is None:
        raise InvalidTensor(f"There is no input {shown(name)}; the model takes {_names(signature.inputs)}.")
    datatype = entry.get("datatype")
    if datatype != spec.datatype.name:
        came = datatype if type(datatype) is str else shown(datatype)
        raise InvalidTensor(f"Input '{name}' came as {came}, but the model takes {spec.datatype.name}.")
    declared = entry.get("shape")
    if type(declared) is not list or (declared and ({*map(type, declared)} != SIZES or min(declared) < 0)):
        raise InvalidTensor(f"Input '{name}' has no usable 'shape': a list of whole numbers was expected.")
    shape = tuple(declared)
    count = element_count(spec, shape)
    if "parameters" in entry:
        size = _binary_size(entry, spec.name)
        if size is not None:
            return spec, _binary(spec, shape, count, size, raw)
    data = entry.get("data")
    if type(data) is not list:
        raise InvalidTensor(f"Input '{name}' has no 'data' list, and no parameter 'binary_data_size' in its place.")
    if data and type(data[0]) is list:
        data, nested = flatten(spec.name, data)
        if nested != shape:
            raise InvalidTensor(f"Input '{name}' has shape {declared}, but its data is nested as {list(nested)}.")
    if len(data) != count:
        raise InvalidTensor(f"Input '{name}' has {len(data)} elements, but its shape {declared} takes {count}.")
    return spec, to_array(spec, shape, data, booleans)


def _binary(spec: TensorSpec, shape: tuple[int, ...], count: int, size: int, raw: _RawTensors | None) -> Array:
    if raw is None and size == 0:  # KServe's client names no JSON length where there are no bytes behind the JSON
        return raw_tensors.decode(spec, shape, count, b"")
    if raw is None:
        raise MalformedRequest(
            f"Input '{spec.name}' has a binary_data_size, but the request has no Inference-Header-Content-Length, "
            "which says where its JSON ends."
        )
    return raw_tensors.decode(spec, shape, count, raw.take(spec.name, size))


def _binary_size(entry: dict[str, Any], name: str) -> int | None:
    size = _parameters(entry, f"Input '{name}'").get("binary_data_size")
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise InvalidTensor(f"Input '{name}' has binary_data_size {shown(size)}, but a number of bytes was expected.")
    if entry.get("data") is not None:  # KServe's client writes an empty raw tensor with `"data": null`
        raise InvalidTensor(f"Input '{name}' has both 'data' and 'binary_data_size'; send one of them.")
    return size


def _parameters(owner: dict[str, Any], told: str) -> dict[str, Any]:
    parameters = owner.get("parameters")
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise MalformedRequest(f"{told} has 'parameters' as a JSON {json_type(parameters)}; an object was expected.")
    for name in REFUSED:
        if parameters.get(name):
            raise InvalidTensor(f"{told} has the parameter '{name}', which is not offered.")
    return parameters


def _answer(request: dict[str, Any], signature: Signature) -> tuple[tuple[TensorSpec, ...] | None, Collection[str]]:
    """The outputs that are asked for, None for all; and the names of those that are to come as raw bytes."""
    wanted = request.get("outputs")
    everything = "parameters" in request and _flag(_parameters(request, "The request"), "binary_data_output", False)
    if not wanted:
        return (None, frozenset(signature.output_by_name)) if everything else PLAIN
    if type(wanted) is not list:
        raise MalformedRequest(f"'outputs' is a JSON {json_type(wanted)}, but a list was expected.")
    specs: dict[str, TensorSpec] = {}
    binary: set[str] = set()
    for entry in wanted:
        name = entry.get("name") if type(entry) is dict else None
        spec = signature.output_by_name.get(name) if type(name) is str else None
        if spec is None:
            raise InvalidTensor(f"There is no output {shown(name)}; the model gives {_names(signature.outputs)}.")
        if spec.name in specs:
            raise InvalidTensor(f"Output '{name}' was requested twice.")
        specs[spec.name] = spec
        if _flag(_parameters(entry, f"Output '{name}'"), "binary_data", everything):
            binary.add(spec.name)
    return tuple(specs.values()), binary


def _flag(parameters: dict[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if type(value) is not bool:
        raise MalformedRequest(f"The parameter '{name}' is a JSON {json_type(value)}, but true or false was expected.")
    return value


def encode(head: dict[str, Any], identity: str | None, binary: Collection[str], outputs: Outputs) -> Answer:
    """`head` holds model_name (and model_version); `binary` names the outputs to write as raw bytes after the JSON."""
    answer = dict(head)
    if identity is not None:
        answer["id"] = identity
    raw: list[Any] = []
    entries: list[dict[str, Any]] = []
    for spec, array in outputs:
        entry = {"name": spec.name, "datatype": spec.datatype.name, "shape": array.shape}
        if binary and spec.name in binary:
            tensor = raw_tensors.encode(spec, array)
            raw.append(tensor)
            entry["parameters"] = {"binary_data_size": len(tensor)}
        else:
            entry["data"] = jsonable(writable(spec, array), flat=True)
        entries.append(entry)
    answer["outputs"] = entries
    encoded = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    # The bytes are searched because that costs nothing where there is nothing to find.
    if b"null" in encoded:
        for entry, (spec, array) in zip(entries, outputs, strict=True):
            if "data" in entry and (count := non_finite(writable(spec, array))):
                entry["parameters"] = {"non_finite": count}
        encoded = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    return Answer(b"".join([encoded, *raw]), len(encoded)) if binary else Answer(encoded)


def model_metadata(name: str, versions: list[str], signature: Signature) -> bytes:
    """Names, datatypes and shapes; an input that may be left out has the parameter `optional`."""

    def told(specs: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
        return [
            {"name": spec.name, "datatype": spec.datatype.name, "shape": spec.shape}
            | ({"parameters": {"optional": True}} if spec.optional else {})
            for spec in specs
        ]

    described: dict[str, Any] = {"name": name}
    if versions:
        described["versions"] = versions
    described |= {"platform": PLATFORM, "inputs": told(signature.inputs), "outputs": told(signature.outputs)}
    return orjson.dumps(described)


def _names(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"'{spec.name}'" for spec in specs)
