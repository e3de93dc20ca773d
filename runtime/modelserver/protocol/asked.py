"""What the JSON of an inference request asks for, before the raw tensors behind it are looked at.

A client repeats the same few hundred bytes of JSON around its numbers or in front of its binary tensors, unless it
numbers its requests: what they mean is remembered.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import orjson

from modelserver.errors import InvalidTensor, MalformedRequest, RequestError
from modelserver.inference import Array
from modelserver.protocol import documents, number_lists
from modelserver.protocol.documents import json_type, shown
from modelserver.protocol.json_values import flatten, has_booleans, to_array
from modelserver.protocol.shapes import element_count
from modelserver.tensors import Signature, TensorSpec

SIZES = {int}
CUT = object()  # stands for a list of numbers that was cut out
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


class Listed(NamedTuple):
    """An input whose `elements` numbers were cut out of the JSON; to have this `shape`."""

    spec: TensorSpec
    shape: tuple[int, ...]
    elements: int


class Outline(NamedTuple):
    """What the JSON around the lists of numbers asks for. Shared by requests: never change what it holds."""

    listed: tuple[Listed, ...]
    identity: str | None
    outputs: tuple[TensorSpec, ...] | None
    binary: Collection[str]


def read(body: bytes, signature: Signature) -> Asked:
    """Raises MalformedRequest or InvalidTensor."""
    return outlined(body, signature) or _plainly(body, signature)


REMEMBERED_BYTES = 1024  # of JSON; longer ones hold their tensors, or text, and are hardly sent twice
remembered = lru_cache(maxsize=256)(read)


def outlined(body: bytes, signature: Signature) -> Asked | None:
    """The request, if flat lists are its inputs' only data and nothing is wrong with it; else None, to be read plainly.

    Its numbers are read by themselves: what is around them is mostly known already.
    """
    if len(body) > number_lists.LARGEST_BYTES:
        return None
    rest, lists = number_lists.cut(body)
    if not lists:
        return None
    outline = (_remembered_outline if len(rest) <= REMEMBERED_BYTES else _outline)(rest, signature)
    if outline is None or len(outline.listed) != len(lists):
        return None
    inputs: dict[str, Array] = {}
    try:
        for one, text in zip(outline.listed, lists, strict=True):
            inputs[one.spec.name] = _numbers(one, text)
    # RequestError: the plain way refuses it with regard to the whole. The others are both parsers' own.
    except (RequestError, ValueError, TypeError, RuntimeError):
        return None
    return Asked(inputs, (), outline.identity, outline.outputs, outline.binary)


def _outline(rest: bytes, signature: Signature) -> Outline | None:
    """None where the whole request is to be read plainly: it is no request, or has inputs without a list."""
    try:
        request = documents.document(rest)
        for entry in request["inputs"]:
            if entry["data"] != []:
                return None
            entry["data"] = CUT
        tensors, identity, outputs, binary = _request(request, signature, booleans=False)
    except (RequestError, TypeError, KeyError):
        return None
    listed = tuple(tensor for tensor in tensors.values() if isinstance(tensor, Listed))
    return Outline(listed, identity, outputs, binary) if len(listed) == len(tensors) else None


_remembered_outline = lru_cache(maxsize=256)(_outline)


def _numbers(listed: Listed, text: bytes) -> Array:
    """Raises what `number_lists.array` raises, and InvalidTensor; ValueError for a wrong count."""
    spec, shape, count = listed
    if spec.datatype.name in number_lists.DTYPES and len(text) >= number_lists.WORTHWHILE_BYTES:
        array = number_lists.array(text, spec.datatype.name)
        return array.reshape(shape)
    elements = orjson.loads(text)
    if len(elements) != count:
        raise ValueError("not as many elements as its shape takes")
    return to_array(spec, shape, elements, has_booleans(text))


def _plainly(body: bytes, signature: Signature) -> Asked:
    documents.refuse_crowded(body)
    tensors, identity, outputs, binary = _request(documents.document(body), signature, has_booleans(body))
    raw = tuple(tensor for tensor in tensors.values() if isinstance(tensor, Raw))
    inputs = {name: tensor for name, tensor in tensors.items() if isinstance(tensor, np.ndarray)}
    return Asked(inputs, raw, identity, outputs, binary)


def _request(
    request: dict[str, Any], signature: Signature, booleans: bool
) -> tuple[dict[str, Array | Raw | Listed], str | None, tuple[TensorSpec, ...] | None, Collection[str]]:
    """The inputs by name in their order, the `id`, the outputs asked for and those of them to come as raw bytes."""
    given = request.get("inputs")
    if type(given) is not list:
        raise MalformedRequest("The request has no 'inputs' list. Each input has name, shape, datatype and data.")
    tensors: dict[str, Array | Raw | Listed] = {}
    for entry in given:
        spec, tensor = _input(entry, signature, booleans)
        if spec.name in tensors:
            raise InvalidTensor(f"Input '{spec.name}' came twice.")
        tensors[spec.name] = tensor
    if len(tensors) != len(signature.inputs):
        signature.require(tensors)
    identity = request.get("id")
    if identity is not None and type(identity) is not str:
        raise MalformedRequest(f"'id' is a JSON {json_type(identity)}, but a string was expected.")
    outputs, binary = _answer(request, signature) if "outputs" in request or "parameters" in request else PLAIN
    return tensors, identity, outputs, binary


def _input(entry: Any, signature: Signature, booleans: bool) -> tuple[TensorSpec, Array | Raw | Listed]:
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
    return spec, Listed(spec, shape, count) if data is CUT else _tensor(spec, shape, count, data, booleans)


def _tensor(spec: TensorSpec, shape: tuple[int, ...], count: int, data: Any, booleans: bool) -> Array:
    if type(data) is not list:
        raise InvalidTensor(
            f"Input '{spec.name}' has no 'data' list, and no parameter 'binary_data_size' in its place."
        )
    if data and type(data[0]) is list:
        data, nested = flatten(spec.name, data)
        if nested != shape:
            raise InvalidTensor(
                f"Input '{spec.name}' has shape {list(shape)}, but its data is nested as {list(nested)}."
            )
    if len(data) != count:
        raise InvalidTensor(f"Input '{spec.name}' has {len(data)} elements, but its shape {list(shape)} takes {count}.")
    return to_array(spec, shape, data, booleans)


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
