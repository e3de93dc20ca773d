# mypy: disable-error-code="import-not-found, untyped-decorator"
# PyTriton is installed only in an environment of the bench's own.
"""Triton with a Python model, by PyTriton: Triton's own C++ HTTP server, the model in this process.

Arguments: the ports for HTTP, gRPC and metrics.
"""

import sys
from typing import Any

import numpy as np
import onnx_model
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

session = onnx_model.load()


@batch
def infer(x: Any) -> list[Any]:
    result: list[Any] = session.run(None, {"x": x})
    return result


def tensor(argument: Any) -> Any:
    """Without the batch axis, which PyTriton adds."""
    return Tensor(name=argument.name, dtype=np.float32, shape=tuple(argument.shape[1:]))


if __name__ == "__main__":
    http, grpc, metrics = (int(port) for port in sys.argv[1:4])
    config = TritonConfig(http_address="127.0.0.1", http_port=http, grpc_port=grpc, metrics_port=metrics)
    with Triton(config=config) as triton:
        triton.bind(
            model_name=onnx_model.NAME,
            infer_func=infer,
            inputs=[tensor(argument) for argument in session.get_inputs()],
            outputs=[tensor(argument) for argument in session.get_outputs()],
            config=ModelConfig(),
        )
        triton.serve()
