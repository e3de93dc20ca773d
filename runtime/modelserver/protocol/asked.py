"""What the JSON of an inference request asks for, before the raw tensors behind it are looked at.

A client that sends binary tensors repeats the same few hundred bytes of JSON with each, unless it numbers its requests:
what they mean is remembered.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from modelserver.errors import InvalidTensor, MalformedRequest
from modelserver.inference import Array
from modelserver.protocol import documents, number_lists
from modelserver.protocol.documents import json_type, shown
from modelserver.protocol.json_values import flatten, has_booleans, to_array
from modelserver.protocol.shapes import element_count
from modelserver.tensors import Signature, TensorSpec

SIZES = {int}
LISTS = {list, np.ndarray}
# Parameters of other servers' extensions that say where data lies or what an answer holds: not to be overlooked.
REFUSED = ("classification", "shared_memory_region", "sequence_id")
PLAIN: tuple[None, frozenset[str]] = (None, frozenset())  # all outputs, none of them as raw bytes


class Raw(NamedTuple):
    """An input whose tensor comes as `size` bytes behind the JSON; of so many `elements`."""

    spec: TensorSpec
    shape: tuple[int, ...]
    elements: int
    size: int


class Asked(NamedTuple):
    """An inference request. It may be shared by several: never change what it holds.

    `inputs` are the tensors that the JSON itself holds, `raw` those behind it, in their order. `outputs` are those
    asked for, None for all; `binary` names the ones to be answered as raw bytes.
    """

    inputs: dict[str, Array]
    raw: tuple[Raw, ...]
    identity: str | None
    outputs: tuple[TensorSpec, ...] | None
    binary: Collection[str]


def read(body: bytes, signature: Signature) -> Asked:
    """Raises MalformedRequest or InvalidTensor."""
    documents.refuse_crowded(body)
    listed = number_lists.document(body)
    request = listed or documents.document(body)
    given = request.get("inputs")
    if type(given) is not list:
        raise MalformedRequest("The request has no 'inputs' list. Each input has name, shape, datatype and data.")
    booleans = listed is None and has_booleans(body)  # no list that became an array has any
    inputs: dict[str, Array] = {}
    raw: dict[str, Raw] = {}
    for entry in given:
        spec, tensor = _input(entry, signature, booleans)
        if spec.name in inputs or spec.name in raw:
            raise InvalidTensor(f"Input '{spec.name}' came twice.")
        if isinstance(tensor, Raw):
            raw[spec.name] = tensor
        else:
            inputs[spec.name] = tensor
    if len(inputs) + len(raw) != len(signature.inputs):
        signature.require({*inputs, *raw})
    identity = request.get("id")
    if identity is not None and type(identity) is not str:
        raise MalformedRequest(f"'id' is a JSON {json_type(identity)}, but a string was expected.")
    outputs, binary = _answer(request, signature) if "outputs" in request or "parameters" in request else PLAIN
    return Asked(inputs, tuple(raw.values()), identity, outputs, binary)


REMEMBERED_BYTES = 1024  # of JSON; longer ones hold their tensors, or text, and are hardly sent twice
remembered = lru_cache(maxsize=256)(read)


def _input(entry: Any, signature: Signature, booleans: bool) -> tuple[TensorSpec, Array | Raw]:
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
            return spec, Raw(spec, shape, count, size)
    data = entry.get("data")
    if type(data) not in LISTS:
        raise InvalidTensor(f"Input '{name}' has no 'data' list, and no parameter 'binary_data_size' in its place.")
    if type(data) is list and data and type(data[0]) is list:
        data, nested = flatten(spec.name, data)
        if nested != shape:
            raise InvalidTensor(f"Input '{name}' has shape {declared}, but its data is nested as {list(nested)}.")
    if len(data) != count:
        raise InvalidTensor(f"Input '{name}' has {len(data)} elements, but its shape {declared} takes {count}.")
    return spec, data.reshape(shape) if type(data) is np.ndarray else to_array(spec, shape, data, booleans)


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


def _names(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"'{spec.name}'" for spec in specs)
