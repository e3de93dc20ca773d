"""The Open Inference Protocol v2 over gRPC: protocol buffer messages ⇄ tensors.

Source: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_grpc.md; the
messages are those of inference.proto beside this file. Tensors come as raw bytes or as typed lists (FP16 and BF16
only raw, there is no list for them) and are always answered raw: that is one copy, where a list is one object
an element.

`id` comes back as it was sent. Parameters that this server does not know change nothing, of whichever kind they are,
except those that openinference.REFUSED names; the protocol defines none and none is answered.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from modelserver.errors import InvalidTensor, MalformedRequest
from modelserver.inference import Answer, Array, Inference, Outputs
from modelserver.protocol import raw_tensors
from modelserver.protocol.asked import REFUSED
from modelserver.protocol.descriptors import ProtoFile
from modelserver.protocol.openinference import PLATFORM
from modelserver.protocol.shapes import element_count
from modelserver.tensors import Signature, TensorSpec

PROTO = ProtoFile(Path(__file__).with_name("inference.proto"))
InferRequest = PROTO.message("ModelInferRequest")
InferResponse = PROTO.message("ModelInferResponse")
MetadataResponse = PROTO.message("ModelMetadataResponse")

LISTS: Mapping[str, str] = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
# The type of the list's elements, where several datatypes share a list.
ELEMENTS: Mapping[str, type[np.generic]] = {"int_contents": np.int32, "uint_contents": np.uint32}


def parse(message: Any, body: bytes) -> Any:
    """`body` as a message of this class; raises MalformedRequest."""
    try:
        return message.FromString(body)
    except DecodeError as problem:
        raise MalformedRequest(f"The body is not a {message.DESCRIPTOR.full_name}: {problem}.") from None


def decode(request: Any, head: Mapping[str, Any], signature: Signature) -> Inference:
    """The tensors of a ModelInferRequest; `head` holds model_name (and model_version) for the answer.

    Raises MalformedRequest or InvalidTensor.
    """
    _refuse(request, "The request")
    raw = request.raw_input_contents
    if raw:
        _only_raw(request)
    inputs: dict[str, Array] = {}
    for position, tensor in enumerate(request.inputs):
        spec = _spec(tensor, signature)
        if spec.name in inputs:
            raise InvalidTensor(f"Input '{spec.name}' came twice.")
        shape = tuple(tensor.shape)
        if shape and min(shape) < 0:
            raise InvalidTensor(f"Input '{spec.name}' has shape {list(shape)}, but sizes can't be negative.")
        count = element_count(spec, shape)
        if raw:
            inputs[spec.name] = raw_tensors.decode(spec, shape, count, raw[position])
        else:
            inputs[spec.name] = _from_list(spec, shape, count, tensor.contents)
    if len(inputs) != len(signature.inputs):
        signature.require(inputs)
    return Inference(inputs, _requested(request, signature), partial(encode, head, request.id))


def encode(head: Mapping[str, Any], identity: str, outputs: Outputs) -> Answer:
    """A serialized ModelInferResponse."""
    response = InferResponse(id=identity, **head)
    for spec, array in outputs:
        response.outputs.add(name=spec.name, datatype=spec.datatype.name, shape=array.shape)
        response.raw_output_contents.append(bytes(raw_tensors.encode(spec, array)))
    return Answer(response.SerializeToString())


def model_metadata(name: str, versions: list[str], signature: Signature) -> Any:
    """The ModelMetadataResponse of a model; the names of inputs that may be left out are in `properties`."""
    told = MetadataResponse(name=name, versions=versions, platform=PLATFORM)
    for fields, specs in ((told.inputs, signature.inputs), (told.outputs, signature.outputs)):
        for spec in specs:
            fields.add(name=spec.name, datatype=spec.datatype.name, shape=spec.shape)
    optional = [spec.name for spec in signature.inputs if spec.optional]
    if optional:
        told.properties["optional_inputs"] = ",".join(optional)
    return told


def _only_raw(request: Any) -> None:
    if len(request.raw_input_contents) != len(request.inputs):
        raise MalformedRequest(
            f"The request has {len(request.inputs)} inputs, but {len(request.raw_input_contents)} raw_input_contents; "
            "there must be one for each input, in the same order, or none at all."
        )
    for tensor in request.inputs:
        if tensor.contents.ListFields():
            raise MalformedRequest(
                f"Input '{tensor.name}' has contents, though the request has raw_input_contents; send one of them."
            )


def _spec(tensor: Any, signature: Signature) -> TensorSpec:
    spec = signature.input_by_name.get(tensor.name)
    if spec is None:
        raise InvalidTensor(f"There is no input '{tensor.name}'; the model takes {_names(signature.inputs)}.")
    if tensor.datatype != spec.datatype.name:
        raise InvalidTensor(
            f"Input '{spec.name}' came as {tensor.datatype or 'no datatype'}, but the model takes {spec.datatype.name}."
        )
    _refuse(tensor, f"Input '{spec.name}'")
    return spec


def _from_list(spec: TensorSpec, shape: tuple[int, ...], count: int, contents: Any) -> Array:
    name = LISTS.get(spec.datatype.name)
    if name is None:
        raise InvalidTensor(
            f"Input '{spec.name}' is {spec.datatype.name}, which only raw_input_contents can carry, not contents."
        )
    others = [field.name for field, _ in contents.ListFields() if field.name != name]
    if others:
        raise InvalidTensor(
            f"Input '{spec.name}' has {others[0]}, but the elements of {spec.datatype.name} belong into {name}."
        )
    elements = getattr(contents, name)
    if len(elements) != count:
        raise InvalidTensor(
            f"Input '{spec.name}' has {len(elements)} elements in {name}, but its shape {list(shape)} takes {count}."
        )
    if name == "bytes_contents":
        return _strings(spec, elements).reshape(shape)
    dtype = spec.datatype.dtype
    wide = np.fromiter(elements, ELEMENTS.get(name, dtype), count)
    array = wide.astype(dtype, copy=False)
    if array is not wide and not (fits := array == wide).all():
        position = int(fits.argmin())
        raise InvalidTensor(
            f"Input '{spec.name}' has {wide[position]} at position {position}, "
            f"but the model takes {spec.datatype.name}: {spec.datatype.expects}."
        )
    return array.reshape(shape)


def _strings(spec: TensorSpec, elements: Any) -> Array:
    texts: list[str] = []
    for element in elements:
        try:
            texts.append(element.decode())
        except UnicodeDecodeError as problem:
            raise InvalidTensor(
                f"Input '{spec.name}' has bytes at position {len(texts)} that are not UTF-8 ({problem.reason}); "
                "ONNX strings are text."
            ) from None
    return np.array(texts, dtype=object)


def _requested(request: Any, signature: Signature) -> tuple[TensorSpec, ...] | None:
    specs: dict[str, TensorSpec] = {}
    for wanted in request.outputs:
        spec = signature.output_by_name.get(wanted.name)
        if spec is None:
            raise InvalidTensor(f"There is no output '{wanted.name}'; the model gives {_names(signature.outputs)}.")
        if spec.name in specs:
            raise InvalidTensor(f"Output '{spec.name}' was requested twice.")
        _refuse(wanted, f"Output '{spec.name}'")
        specs[spec.name] = spec
    return tuple(specs.values()) or None


def _refuse(owner: Any, told: str) -> None:
    for name, value in owner.parameters.items():
        kind = value.WhichOneof("parameter_choice")
        if name in REFUSED and kind is not None and getattr(value, kind):
            raise InvalidTensor(f"{told} has the parameter '{name}', which is not offered.")


def _names(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"'{spec.name}'" for spec in specs)
