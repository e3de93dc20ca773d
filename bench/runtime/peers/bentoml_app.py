# mypy: disable-error-code="import-not-found, untyped-decorator"
# BentoML is installed only in an environment of the bench's own.
"""BentoML: a service whose one API takes v2's fields as its parameters, at v2's path."""

from typing import Any

import bentoml
import numpy as np
import onnx_model


@bentoml.service
class Onnx:
    def __init__(self) -> None:
        self.session = onnx_model.load()

    @bentoml.api(route=f"/v2/models/{onnx_model.NAME}/infer")
    async def infer(self, inputs: list[dict[str, Any]], id: str | None = None) -> dict[str, Any]:
        feed = {t["name"]: np.array(t["data"], np.float32).reshape(t["shape"]) for t in inputs}
        (y,) = self.session.run(None, feed)
        output = {"name": "y", "datatype": "FP32", "shape": list(y.shape), "data": y.ravel().tolist()}
        return {"model_name": onnx_model.NAME, "id": id, "outputs": [output]}
