"""tritonclient in threads, and its copy of the messages, as a program: `python triton_calls.py STORY PORT`.

Each single call of it is in clients/.

A process of its own, because two libraries that bring the same protocol messages can't always share one.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2

from modelserver.protocol.descriptors import Field
from modelserver.protocol.messages import PROTO


def row(number: int) -> triton.InferInput:
    given = triton.InferInput("x", [1, 4], "FP32")
    given.set_data_from_numpy(np.full((1, 4), number, np.float32))
    return given


def crowd(port: str) -> None:
    def one(number: int) -> None:
        with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
            for _ in range(20):
                result = client.infer("tiny", [row(number)])
                np.testing.assert_allclose(result.as_numpy("y")[0, 0], number * 0.4, rtol=1e-6)

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(one, range(32)))


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


STORIES = {"crowd": crowd, "published": published}

if __name__ == "__main__":
    STORIES[sys.argv[1]](*sys.argv[2:])
