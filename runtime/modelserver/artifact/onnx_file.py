"""What an .onnx file says of itself: producer, opsets, operators, weights, names of open dimensions.

A walk over the protobuf wire format (https://protobuf.dev/programming-guides/encoding/) with the field numbers of
onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). The `onnx` package, which reads the same, is 20 MB
with its protobuf library and would load all weights; here the file is mapped, and weights are skipped unread.
"""

import mmap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from modelserver.artifact.recognise import ORT_MAGIC
from modelserver.errors import ModelCorrupt

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# Bits of one element by TensorProto.DataType; 8 (string) has no fixed size.
ELEMENT_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 8: 0, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64,
                15: 128, 16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2}  # fmt: skip
EXTERNAL = 1  # TensorProto.DataLocation: the data lies in another file, which its field 13 tells, an entry a key
DEEPEST = 32  # graphs within graphs (If, Loop, Scan); a file made to exhaust the stack goes deeper

Field = tuple[int, int | memoryview]


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """`operators`: nodes by name (`domain::Name` outside the standard domain), those of subgraphs included.

    `parameters` and `weight_bytes` count the initializers. `dimensions`: for each input and output of the graph that
    is a tensor of known rank, its sizes; a name where the model names an open one, "?" where it does not.
    `external_files`: the files that hold weights, by path in the model's folder, and their least size in bytes.
    """

    ir_version: int
    producer: str
    opsets: dict[str, int]
    operators: dict[str, int]
    parameters: int
    weight_bytes: int
    external_files: dict[str, int]
    dimensions: dict[str, tuple[int | str, ...]]


@dataclass(slots=True)
class _Found:
    operators: Counter[str]
    dimensions: dict[str, tuple[int | str, ...]]
    parameters: int = 0
    weight_bits: int = 0
    external_files: dict[str, int] = field(default_factory=dict)


def read(path: Path) -> OnnxFile | None:
    """None for ONNX Runtime's own format (.ort), which is no protobuf. Raises ModelCorrupt."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        if mapped[4:8] == ORT_MAGIC:
            return None
        with memoryview(mapped) as content:
            try:
                return _model(content)
            except (IndexError, ValueError, TypeError) as problem:
                # Without the cause: its traceback would hold slices of the mapping, which then can't be closed.
                sentence = f"{path.name} is not readable as an ONNX model ({problem}). Upload or export it again."
        raise ModelCorrupt(sentence)


def fields(message: memoryview) -> Iterator[Field]:
    """(number, value) of each field; an int for a varint, bytes for the rest. Raises ValueError or IndexError."""
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == BYTES:
            length, at = _varint(message, at)
        elif wire in (FIXED32, FIXED64):
            length = 4 if wire == FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > end:
            raise ValueError("a field is cut off")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number is longer than 10 bytes")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise TypeError("a number stands where a message was expected")
    return value


def _number(value: int | memoryview) -> int:
    if isinstance(value, int):
        return value
    raise TypeError("a message stands where a number was expected")


def _text(value: int | memoryview) -> str:
    return bytes(_message(value)).decode("utf-8", "replace")


def _model(content: memoryview) -> OnnxFile:
    found, opsets, producer, ir_version = _Found(Counter(), {}), {}, ["", ""], 0
    for number, value in fields(content):
        match number:
            case 1:
                ir_version = _number(value)
            case 2 | 3:
                producer[number - 2] = _text(value)
            case 7:
                _graph(_message(value), found, 0)
            case 8:
                opset = dict(fields(_message(value)))
                opsets[_text(opset[1]) if 1 in opset else ""] = _number(opset.get(2, 0))
    return OnnxFile(
        ir_version=ir_version,
        producer=" ".join(filter(None, producer)),
        opsets={domain or "ai.onnx": version for domain, version in sorted(opsets.items())},
        operators=dict(sorted(found.operators.items(), key=lambda item: (-item[1], item[0]))),
        parameters=found.parameters,
        weight_bytes=(found.weight_bits + 7) // 8,
        external_files=found.external_files,
        dimensions=found.dimensions,
    )


def _graph(graph: memoryview, found: _Found, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError(f"graphs lie more than {DEEPEST} deep within each other")
    for number, value in fields(graph):
        if number == 1:
            _node(_message(value), found, depth)
        elif number == 5:
            _initializer(_message(value), found)
        elif number in (11, 12) and depth == 0:
            _value_info(_message(value), found)


def _node(node: memoryview, found: _Found, depth: int) -> None:
    operator = domain = ""
    for number, value in fields(node):
        if number == 4:
            operator = _text(value)
        elif number == 7:
            domain = _text(value)
        elif number == 5:
            for attribute, inner in fields(_message(value)):
                if attribute in (6, 11):  # g, graphs: the bodies of If, Loop, Scan
                    _graph(_message(inner), found, depth + 1)
    found.operators[operator if domain in ("", "ai.onnx") else f"{domain}::{operator}"] += 1


def _initializer(tensor: memoryview, found: _Found) -> None:
    sizes: list[int] = []
    entries: dict[str, str] = {}
    bits, elsewhere = 0, False
    for number, value in fields(tensor):
        if number == 1:
            sizes += [value] if isinstance(value, int) else _packed(value)
        elif number == 2:
            bits = ELEMENT_BITS.get(_number(value), 0)
        elif number == 13:
            entry = dict(fields(_message(value)))
            entries[_text(entry[1]) if 1 in entry else ""] = _text(entry[2]) if 2 in entry else ""
        elif number == 14:
            elsewhere = value == EXTERNAL
    found.parameters += prod(sizes)
    found.weight_bits += prod(sizes) * bits
    if elsewhere:
        location = entries.get("location", "")
        end = int(entries.get("offset", 0)) + int(entries.get("length", (prod(sizes) * bits + 7) // 8))
        found.external_files[location] = max(end, found.external_files.get(location, 0))


def _packed(numbers: memoryview) -> list[int]:
    at, values = 0, []
    while at < len(numbers):
        value, at = _varint(numbers, at)
        values.append(value)
    return values


def _value_info(info: memoryview, found: _Found) -> None:
    """ValueInfoProto: name 1, type 2; TypeProto: tensor_type 1; its shape 2; dim 1: dim_value 1 or dim_param 2."""
    parts = dict(fields(info))
    tensor = dict(fields(_message(parts.get(2, memoryview(b"")))))
    shape = dict(fields(_message(tensor[1]))).get(2) if 1 in tensor else None
    if 1 not in parts or shape is None:
        return
    sizes: list[int | str] = []
    for _, dimension in fields(_message(shape)):
        told = dict(fields(_message(dimension)))
        sizes.append(_number(told[1]) if 1 in told else _text(told[2]) if 2 in told else "?")
    found.dimensions[_text(parts[1])] = tuple(sizes)
