"""A case's tensors sent to a server and its answer read, in each of the protocol's forms; written without our codecs.

REST as JSON and as raw tensors, gRPC with raw contents and with typed contents. The answers of all but JSON are raw.
"""

import http.client
import json
from collections.abc import Iterable, Mapping
from typing import Any

import grpc
import numpy as np

from modelserver.bfloat16 import narrow, widen
from modelserver.inference import Array
from modelserver.protocol.messages import LISTS, PROTO
from modelserver.tensors import DATATYPES, TensorSpec

Inputs = Iterable[tuple[TensorSpec, Array]]
LENGTH = "Inference-Header-Content-Length"
INFER = "/inference.GRPCInferenceService/ModelInfer"
SECONDS = 30


class Wire:
    """A kept-alive HTTP connection and a gRPC channel to one server that has `model`."""

    def __init__(self, model: str, http_port: int, grpc_port: int) -> None:
        self.model = model
        self._http = http.client.HTTPConnection("127.0.0.1", http_port, timeout=SECONDS)
        self._channel = grpc.insecure_channel(
            f"127.0.0.1:{grpc_port}", [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        )
        self._infer = self._channel.unary_unary(
            INFER, lambda message: message.SerializeToString(), PROTO.message("ModelInferResponse").FromString
        )

    def json(self, inputs: Inputs) -> dict[str, Array]:
        entries = [entry(spec, array) | {"data": listed(spec, array)} for spec, array in inputs]
        told, _ = self._posted(json.dumps({"inputs": entries}, allow_nan=False).encode())
        return {one["name"]: unlisted(one) for one in told["outputs"]}

    def binary(self, inputs: Inputs) -> dict[str, Array]:
        given = [(spec, array, raw(spec, array)) for spec, array in inputs]
        entries = [
            entry(spec, array) | {"parameters": {"binary_data_size": len(content)}} for spec, array, content in given
        ]
        text = json.dumps({"inputs": entries, "parameters": {"binary_data_output": True}}).encode()
        told, rest = self._posted(text + b"".join(content for *_, content in given), {LENGTH: str(len(text))})
        answers, at = {}, 0
        for one in told["outputs"]:
            size = one["parameters"]["binary_data_size"]
            answers[one["name"]] = unraw(one["datatype"], one["shape"], rest[at : at + size])
            at += size
        assert at == len(rest)
        return answers

    def grpc(self, inputs: Inputs) -> dict[str, Array]:
        request = self._request(inputs)
        request.raw_input_contents.extend(raw(spec, array) for spec, array in inputs)
        return self._called(request)

    def contents(self, inputs: Inputs) -> dict[str, Array]:
        request = self._request(inputs)
        for tensor, (spec, array) in zip(request.inputs, inputs, strict=True):
            elements = array.reshape(-1).tolist()
            if spec.datatype.name == "BYTES":
                elements = [one.encode() for one in elements]
            getattr(tensor.contents, LISTS[spec.datatype.name]).extend(elements)
        return self._called(request)

    def close(self) -> None:
        self._http.close()
        self._channel.close()

    def _posted(self, body: bytes, headers: Mapping[str, str] = {}) -> tuple[Any, bytes]:
        self._http.request("POST", f"/v2/models/{self.model}/infer", body, dict(headers))
        answer = self._http.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        length = int(answer.headers.get(LENGTH, len(content)))
        return json.loads(content[:length]), content[length:]

    def _request(self, inputs: Inputs) -> Any:
        request = PROTO.message("ModelInferRequest")(model_name=self.model)
        for spec, array in inputs:
            request.inputs.add(**entry(spec, array))
        return request

    def _called(self, request: Any) -> dict[str, Array]:
        answer = self._infer(request, timeout=SECONDS)
        return {
            one.name: unraw(one.datatype, list(one.shape), content)
            for one, content in zip(answer.outputs, answer.raw_output_contents, strict=True)
        }


def entry(spec: TensorSpec, array: Array) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype.name, "shape": list(array.shape)}


def listed(spec: TensorSpec, array: Array) -> list[Any]:
    """The elements in row-major order, NaN as None."""
    numbers = widen(array) if spec.datatype.name == "BF16" else array
    elements: list[Any] = numbers.reshape(-1).tolist()
    return [None if element != element else element for element in elements]


def unlisted(told: Mapping[str, Any]) -> Array:
    if told["datatype"] == "BF16":
        wide = np.array(told["data"], np.float32)
        return narrow(wide)[0].reshape(told["shape"])
    return np.array(told["data"], DATATYPES[told["datatype"]].dtype).reshape(told["shape"])


def raw(spec: TensorSpec, array: Array) -> bytes:
    if spec.datatype.name != "BYTES":
        return array.tobytes()
    texts = [one.encode() for one in array.reshape(-1).tolist()]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def unraw(datatype: str, shape: list[int], content: bytes) -> Array:
    if datatype != "BYTES":
        return np.frombuffer(content, DATATYPES[datatype].dtype).reshape(shape)
    texts, at = [], 0
    while at < len(content):
        begin = at + 4
        at = begin + int.from_bytes(content[at:begin], "little")
        texts.append(content[begin:at].decode())
    return np.array(texts, object).reshape(shape)
