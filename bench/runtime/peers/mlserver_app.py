# mypy: disable-error-code="import-not-found, misc"
# MLServer is installed only in an environment of the bench's own.
"""MLServer ships no ONNX runtime, so this is a custom one: a subclass of MLModel, tensors by its own NumpyCodec."""

from typing import Any

import onnx_model
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class OnnxModel(MLModel):
    session: Any = None

    async def load(self) -> bool:
        self.session = onnx_model.load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feed = {t.name: self.decode(t, default_codec=NumpyCodec) for t in payload.inputs}
        (y,) = self.session.run(None, feed)
        return InferenceResponse(id=payload.id, model_name=self.name, outputs=[NumpyCodec.encode_output("y", y)])
