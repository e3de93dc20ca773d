"""What a user of tritonclient's gRPC client does, as a program of its own: `python triton_calls.py STORY PORT`.

A process of its own, because two libraries that bring the same protocol messages can't always share one.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2
from tritonclient.utils import deserialize_bytes_tensor

from modelserver.protocol.descriptors import Field
from modelserver.protocol.messages import PROTO

DTYPES = {
    "BOOL": np.bool_, "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "UINT8": np.uint8,
    "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64, "FP16": np.float16, "FP32": np.float32,
    "FP64": np.float64, "BYTES": np.object_,
}  # fmt: skip


def tensor(name: str, values: object, datatype: str = "FP32") -> triton.InferInput:
    array = np.array(values, dtype=DTYPES[datatype])
    given = triton.InferInput(name, list(array.shape), datatype)
    given.set_data_from_numpy(array)
    return given


def infer(port: str) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("tiny", "7")
        assert client.get_server_metadata().name == "modelserver"
        assert list(client.get_model_metadata("tiny").inputs[0].shape) == [-1, 4]
        assert client.get_model_repository_index().models[0].state == "READY"
        result = client.infer("tiny", [tensor("x", [[1, 2, 3, 4]])], request_id="a1", model_version="7")
        np.testing.assert_allclose(result.as_numpy("y"), [[1, 2, 3]], rtol=1e-6)
        assert result.get_response().id == "a1"
        wanted = [triton.InferRequestedOutput("y")]
        assert client.infer("tiny", [tensor("x", [[0] * 4])], outputs=wanted).as_numpy("y").tolist() == [[0, 1, 2]]
        for refused in (client.get_model_config, client.get_inference_statistics):
            try:
                refused("tiny")
            except triton.InferenceServerException as told:
                assert "is not offered by this server" in str(told)
            else:
                raise AssertionError(refused)


def stream(port: str) -> None:
    answers: list[str] = []
    with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        client.start_stream(lambda result, error: answers.append(str(error)))
        client.async_stream_infer("tiny", [tensor("x", [[1, 2, 3, 4]])])
        client.stop_stream()
    assert "ModelStreamInfer is not offered by this server" in answers[0], answers


def echo(port: str, datatype: str) -> None:
    values = ["", "zwölf", "a\0b"] if datatype == "BYTES" else [0, 1, 1]
    with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        result = client.infer("tiny", [tensor("in", values, datatype)])
    if datatype == "BYTES":
        assert [bytes(one).decode() for one in result.as_numpy("out")] == values
        assert len(deserialize_bytes_tensor(result.get_response().raw_output_contents[0])) == 3
    else:
        assert result.as_numpy("out").dtype == DTYPES[datatype]
        assert result.as_numpy("out").tolist() == values


def crowd(port: str) -> None:
    def one(number: int) -> None:
        with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
            for _ in range(20):
                result = client.infer("tiny", [tensor("x", [[number] * 4])])
                np.testing.assert_allclose(result.as_numpy("y")[0, 0], number * 0.4, rtol=1e-6)

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(one, range(32)))


def aio(port: str) -> None:
    async def main() -> None:
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{port}") as client:
            results = await asyncio.gather(*(client.infer("tiny", [tensor("x", [[n] * 4])]) for n in range(50)))
            for number, result in enumerate(results):
                np.testing.assert_allclose(result.as_numpy("y")[0, 0], number * 0.4, rtol=1e-6)

    asyncio.run(main())


def published(port: str) -> None:
    """Every message and field of ours is one of theirs: same name, number, type and label."""

    def compare(ours: object, theirs: object) -> int:
        known = theirs.fields_by_name  # type: ignore[attr-defined]
        for field in ours.field:  # type: ignore[attr-defined]
            if field.name == "properties":
                continue  # in the published protocol, but not in Triton's copy of it
            other = known[field.name]
            assert (field.number, field.type) == (other.number, other.type), field
            assert (field.label == Field.LABEL_REPEATED) == other.is_repeated, field
        nested = [one for one in ours.nested_type if one.name != "PropertiesEntry"]  # type: ignore[attr-defined]
        return 1 + sum(compare(one, theirs.nested_types_by_name[one.name]) for one in nested)  # type: ignore[attr-defined]

    theirs = service_pb2.DESCRIPTOR
    assert PROTO.descriptor.package == theirs.package
    assert sum(compare(one, theirs.message_types_by_name[one.name]) for one in PROTO.descriptor.message_type) > 20
    known = {method.name: method for method in theirs.services_by_name["GRPCInferenceService"].methods}
    for path, (request, answer) in PROTO.methods().items():
        method = known[path.rpartition("/")[2]]
        assert (request, answer) == (method.input_type.name, method.output_type.name)
        assert path == f"/{method.containing_service.full_name}/{method.name}"


STORIES = {"infer": infer, "stream": stream, "echo": echo, "crowd": crowd, "aio": aio, "published": published}

if __name__ == "__main__":
    STORIES[sys.argv[1]](*sys.argv[2:])
