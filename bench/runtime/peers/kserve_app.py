# mypy: disable-error-code="import-not-found, misc"
# KServe is installed only in an environment of the bench's own.
"""KServe's Python SDK: a custom Model behind its ModelServer, as its custom predictors are written.

Started with `--http_port` and `--grpc_port`, which ModelServer reads from the command line itself.
"""

from typing import Any

import onnx_model
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


class OnnxModel(Model):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.session: Any = None
        self.load()

    def load(self) -> bool:
        self.session = onnx_model.load()
        self.ready = True
        return self.ready

    async def predict(self, payload: InferRequest, headers: Any = None, response_headers: Any = None) -> InferResponse:
        feed = {t.name: t.as_numpy() for t in payload.inputs}
        (y,) = self.session.run(None, feed)
        output = InferOutput(name="y", shape=list(y.shape), datatype="FP32")
        output.set_data_from_numpy(y, binary_data=payload.use_binary_outputs)
        binary = payload.use_binary_outputs
        return InferResponse(payload.id, self.name, infer_outputs=[output], use_binary_outputs=binary)


if __name__ == "__main__":
    ModelServer().start([OnnxModel(onnx_model.NAME)])
