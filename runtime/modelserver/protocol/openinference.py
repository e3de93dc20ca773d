"""The Open Inference Protocol v2 over REST: inference requests and answers, in JSON or with binary tensors, metadata.

Sources: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md and, for
raw tensors after the JSON, Triton's docs/protocol/extension_binary_data.md.

`id` comes back as it was sent. Parameters that this server does not know change nothing, except those in `REFUSED`.
"""

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import orjson

from modelserver.errors import InvalidTensor, MalformedRequest
from modelserver.inference import Answer, Array, Inference, Outputs
from modelserver.protocol import raw_tensors
from modelserver.protocol.asked import REMEMBERED_BYTES, Asked, read, remembered
from modelserver.protocol.json_values import jsonable, non_finite, writable
from modelserver.tensors import Signature, TensorSpec

PLATFORM = "onnx_onnxv1"


def decode(body: bytes, json_length: int | None, head: dict[str, Any], signature: Signature) -> Inference:
    """`json_length` is the request's Inference-Header-Content-Length. Raises MalformedRequest or InvalidTensor."""
    if json_length is None:
        asked = read(body, signature)
        inputs = _without_raw(asked) if asked.raw else asked.inputs
    else:
        if not 0 <= json_length <= len(body):
            raise MalformedRequest(
                f"Inference-Header-Content-Length is {json_length}, but the body has {len(body)} bytes."
            )
        asked = (remembered if json_length <= REMEMBERED_BYTES else read)(body[:json_length], signature)
        inputs = _with_raw(asked, body, json_length)
    return Inference(inputs, asked.outputs, partial(encode, head, asked.identity, asked.binary))


def _with_raw(asked: Asked, body: bytes, at: int) -> dict[str, Array]:
    """All inputs, the raw ones from `body` at position `at`."""
    inputs, content = asked.inputs.copy(), memoryview(body)
    for spec, shape, count, size in asked.raw:
        end = at + size
        if end > len(body):
            raise InvalidTensor(
                f"Input '{spec.name}' has binary_data_size {size}, but only {len(body) - at} bytes of the body are "
                "left for it."
            )
        inputs[spec.name] = raw_tensors.decode(spec, shape, count, content[at:end])
        at = end
    if at != len(body):
        raise MalformedRequest(
            f"The body has {len(body) - at} bytes more than its JSON and the binary_data_size of its inputs say."
        )
    return inputs


def _without_raw(asked: Asked) -> dict[str, Array]:
    for spec, _, _, size in asked.raw:
        if size:  # KServe's client names no JSON length where there are no bytes behind the JSON
            raise MalformedRequest(
                f"Input '{spec.name}' has a binary_data_size, but the request has no Inference-Header-Content-Length, "
                "which says where its JSON ends."
            )
    return _with_raw(asked, b"", 0)


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


def model_metadata(name: str, versions: list[str], signature: Signature, chosen: Mapping[str, str]) -> bytes:
    """Names, datatypes and shapes; an input that may be left out has the parameter `optional`.

    `chosen`: the execution providers, if they were, as the model's `parameters`.
    """

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
    if chosen:
        described["parameters"] = dict(chosen)
    return orjson.dumps(described)
