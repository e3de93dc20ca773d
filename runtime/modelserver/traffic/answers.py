"""An answer's bytes as arrays again, for comparison. Pure; the other direction is in `protocol/`.

Raises ValueError, whatever it was, where the bytes are no such answer.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import orjson

from modelserver import bfloat16
from modelserver.inference import Array
from modelserver.protocol import raw_tensors
from modelserver.tensors import DATATYPES, FLOATING, TensorSpec
from modelserver.traffic.compare import Output

Outputs: TypeAlias = dict[str, Output]
# What NumPy makes of JSON's lists, in the protocols' words.
BY_KIND = {"b": "BOOL", "i": "INT64", "u": "UINT64", "f": "FP64", "U": "BYTES"}


def read(codec: str, body: bytes, json_length: int | None, names: Sequence[str]) -> Outputs:
    """Of an answer with status 200 by this codec (a name in `READERS`); `names` are those of the model's outputs."""
    try:
        return READERS[codec](body, json_length, names)
    except Exception as problem:  # InvalidTensor, protobuf's DecodeError, NumPy's OverflowError, …
        raise ValueError(f"This is not an answer of the codec '{codec}': {problem!r}.") from problem


def _open_inference(body: bytes, json_length: int | None, names: Sequence[str]) -> Outputs:
    document = orjson.loads(body[: len(body) if json_length is None else json_length])
    at, found = json_length or 0, {}
    for entry in document["outputs"]:
        datatype, shape = entry["datatype"], tuple(entry["shape"])
        size = entry.get("parameters", {}).get("binary_data_size")
        if size is None:
            array = _listed(datatype, shape, entry["data"])
        else:
            array = _raw(entry["name"], datatype, shape, body[at : at + size])
            at += size
        found[entry["name"]] = Output(datatype, array)
    return found


def _grpc(body: bytes, json_length: int | None, names: Sequence[str]) -> Outputs:
    from modelserver.protocol.messages import InferResponse  # protobuf is there where gRPC is on

    response = InferResponse.FromString(body)
    return {
        told.name: Output(told.datatype, _raw(told.name, told.datatype, tuple(told.shape), raw))
        for told, raw in zip(response.outputs, response.raw_output_contents, strict=True)
    }


def _predict(body: bytes, json_length: int | None, names: Sequence[str]) -> Outputs:
    """Also of v1: `predictions` or `outputs`, of one output or of several by name, or a row each."""
    document = orjson.loads(body)
    told = document["predictions"] if "predictions" in document else document["outputs"]
    if "probabilities" in document:
        return {names[0]: _nested(told), names[1]: _nested(document["probabilities"])}
    if type(told) is list and told and type(told[0]) is dict:
        told = {name: [row[name] for row in told] for name in told[0]}
    if type(told) is dict:
        return {name: _nested(value) for name, value in told.items()}
    return {names[0]: _nested(told)}


Reader: TypeAlias = Callable[[bytes, int | None, Sequence[str]], Outputs]
READERS: Mapping[str, Reader] = {
    "openinference": _open_inference,
    "predict": _predict,
    "instances": _predict,
    "grpc": _grpc,
}


def _listed(datatype: str, shape: tuple[int, ...], data: list[Any]) -> Array:
    """`null` becomes NaN, which is what it stands for."""
    if datatype in FLOATING:
        return np.array(data, np.float64).reshape(shape)
    return np.array(data, DATATYPES[datatype].dtype).reshape(shape)


def _raw(name: str, datatype: str, shape: tuple[int, ...], raw: bytes) -> Array:
    count = 1
    for size in shape:
        count *= size
    array = raw_tensors.decode(TensorSpec(name, DATATYPES[datatype], shape), shape, count, raw)
    return bfloat16.widen(array) if datatype == "BF16" else array


def _nested(value: Any) -> Output:
    array = np.array(value)
    if array.dtype.kind == "O":  # numbers with nulls; anything else raises
        array = array.astype(np.float64)
    if array.dtype.kind == "f":
        array = array.astype(np.float64)
    return Output(BY_KIND[array.dtype.kind], array)
