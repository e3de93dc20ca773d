"""What is sent and what comes back: one inference as HTTP/1.1 bytes, in v2's JSON and with its binary tensors. Pure.

Source: the Open Inference Protocol's REST specification and its binary tensor data extension
(https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md).
"""

import gzip
import json
import struct
from typing import Any

from bench.runtime.models import Model

FORMS = ("JSON", "binary")
IDENTITY = "42"
LENGTH_HEADER = "Inference-Header-Content-Length"


class WrongAnswer(Exception):
    """An answer that is not what ONNX Runtime gives, in a sentence."""


def request(model: Model, form: str) -> bytes:
    """One request of one row, with the headers of an ordinary client; `form` is one of FORMS."""
    values, shape = model.values(), [1, *model.shape]
    tensor: dict[str, Any] = {"name": "x", "shape": shape, "datatype": "FP32"}
    if form == "JSON":
        body = json.dumps({"id": IDENTITY, "inputs": [{**tensor, "data": values}]}).encode()
        return _head(model, len(body), "Content-Type: application/json\r\n") + body
    raw = struct.pack(f"<{len(values)}f", *values)
    tensor["parameters"] = {"binary_data_size": len(raw)}
    asked = {"id": IDENTITY, "inputs": [tensor], "parameters": {"binary_data_output": True}}
    described = json.dumps(asked).encode()
    extra = f"Content-Type: application/octet-stream\r\n{LENGTH_HEADER}: {len(described)}\r\n"
    return _head(model, len(described) + len(raw), extra) + described + raw


def _head(model: Model, length: int, extra: str) -> bytes:
    return (
        f"POST /v2/models/{model.name}/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n"
        f"Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n{extra}Content-Length: {length}\r\n\r\n"
    ).encode()


def header(head: bytes, name: str) -> str | None:
    """A header's value in an answer's head."""
    for line in head.decode("latin-1").split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.strip().lower() == name.lower():
            return value.strip()
    return None


def output(head: bytes, body: bytes, form: str) -> tuple[dict[str, Any], list[float]]:
    """The answer's JSON document and its first output's numbers; raises WrongAnswer.

    A server asked for binary tensors that answers with plain JSON does not speak the extension.
    """
    if header(head, "Content-Encoding") == "gzip":  # MLServer and KServe compress what is large
        body = gzip.decompress(body)
    length = header(head, LENGTH_HEADER)
    if form == "JSON" or length is None:
        if form != "JSON":
            raise WrongAnswer(f"the answer has no {LENGTH_HEADER}")
        document = json.loads(body)
        return document, [float(value) for value in document["outputs"][0]["data"]]
    document, raw = json.loads(body[: int(length)]), body[int(length) :]
    size = document["outputs"][0]["parameters"]["binary_data_size"]
    if size != len(raw) or size % 4:
        raise WrongAnswer(f"binary_data_size is {size}, but {len(raw)} bytes follow the JSON")
    return document, list(struct.unpack(f"<{size // 4}f", raw))


def check(head: bytes, body: bytes, form: str, model: Model, reference: list[float]) -> None:
    """The answer must be right before it may be fast; raises WrongAnswer. `reference`: y of ONNX Runtime itself."""
    try:
        document, values = output(head, body, form)
        said = document["outputs"][0]
        told = (said["name"], said["datatype"], list(said["shape"]), document.get("id"))
    except (ValueError, KeyError, TypeError, IndexError) as problem:
        raise WrongAnswer(f"not an answer of v2: {str(problem)[:60]}") from None
    if told != (expected := ("y", "FP32", [1, model.classes], IDENTITY)):
        raise WrongAnswer(f"answered {told}, but {expected} was expected")
    if len(values) != len(reference):
        raise WrongAnswer(f"answered {len(values)} numbers, but its shape takes {len(reference)}")
    for got, right in zip(values, reference, strict=True):
        if abs(got - right) > 1e-5 + 1e-3 * abs(right):
            raise WrongAnswer(f"answered {got}, but ONNX Runtime gives {right}")
