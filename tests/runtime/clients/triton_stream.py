"""tritonclient's streams, which the server refuses."""

from contextlib import suppress
from typing import Any

import grpc
from tritonclient.utils import InferenceServerException

ROW = [[1.0, 2.0, 3.0, 4.0]]
# What gRPC's asyncio client tells, in place of the status, where its own sending met the end of the stream.
MET_THE_END = "Internal error from Core"


async def stream(client: Any) -> None:
    given = {"model_name": "tiny", "inputs": [client.input("x", ROW)]}
    if client.kind == "grpc":
        errors: list[Exception] = []
        with client.connected("tiny") as streaming:
            streaming.start_stream(lambda result, error: errors.append(error))
            with suppress(InferenceServerException):  # the stream may be over before anything was sent
                streaming.async_stream_infer(**given)
            streaming.stop_stream()
        raise errors[0]

    async def requests() -> Any:
        yield given

    details = MET_THE_END
    for _ in range(10):
        try:
            async for _ in client.clients["tiny"].stream_infer(requests()):
                raise AssertionError("answered")
        except grpc.RpcError as refused:  # of a stream that fails, this client hands gRPC's own error on
            details = refused.details()
        if details != MET_THE_END:
            break
    raise InferenceServerException(details)
