"""tritonclient's four clients as a program: `python triton.py KIND ADDRESSES` makes every call and prints outcomes.

KIND is http, http.aio, grpc or grpc.aio. A process of its own, because libraries that bring the same protocol messages
can't always share one.
"""

import asyncio
import importlib
import inspect
import sys
from typing import Any

import ml_dtypes
import numpy as np
from calling import addresses, tell
from triton_control import CONTROL
from triton_inference import INFERENCE
from tritonclient.utils import InferenceServerException

DTYPES = {
    "BOOL": np.bool_, "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "UINT8": np.uint8,
    "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64, "FP16": np.float16, "FP32": np.float32,
    "FP64": np.float64, "BF16": ml_dtypes.bfloat16, "BYTES": np.object_,
}  # fmt: skip


class Client:
    """One of the four, spoken to in one way; a connection to each model's server."""

    def __init__(self, kind: str, served: dict[str, dict[str, str]]) -> None:
        self.kind = kind
        self.protocol = kind.partition(".")[0]
        self.module = importlib.import_module(f"tritonclient.{kind}")
        self.addresses = {model: where[self.protocol] for model, where in served.items()}
        self.clients = {model: self.connected(model) for model in served}

    def connected(self, model: str, **options: Any) -> Any:
        return self.module.InferenceServerClient(self.addresses[model], **options)

    async def call(self, model: str, method: str, *positional: Any, **named: Any) -> Any:
        """Call a method of the client of this model's server."""
        return await self.answer(getattr(self.clients[model], method)(*positional, **named))

    async def infer(self, model: str, *inputs: Any, **named: Any) -> Any:
        return await self.call(model, "infer", model, list(inputs), **named)

    async def answer(self, given: Any) -> Any:
        return await given if inspect.isawaitable(given) else given

    def input(self, name: str, values: Any, datatype: str = "FP32", **how: Any) -> Any:
        """`how`: binary_data, of the HTTP clients."""
        array = np.asarray(values, dtype=DTYPES[datatype])
        given = self.module.InferInput(name, list(array.shape), datatype)
        given.set_data_from_numpy(array, **how)
        return given

    def output(self, name: str, **how: Any) -> Any:
        return self.module.InferRequestedOutput(name, **how)

    async def close(self) -> None:
        for client in self.clients.values():
            await self.answer(client.close())


async def main(kind: str) -> None:
    client = Client(kind, addresses())
    calls = [row.call for row in (*CONTROL, *INFERENCE) if kind in row.kinds]
    await tell(calls, client, InferenceServerException)
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
