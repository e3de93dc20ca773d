# mypy: disable-error-code="import-not-found, untyped-decorator"
# FastAPI is installed only in an environment of the bench's own.
"""What people write today: FastAPI with pydantic models, run by uvicorn with its defaults. Imported only by uvicorn.

It is meant kindly: an `async` handler (no thread per request), no response model, NumPy's own conversion to lists.
"""

import numpy as np
import onnx_model
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

app = FastAPI()
session = onnx_model.load()
expected = [argument.name for argument in session.get_inputs()]


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class InferRequest(BaseModel):
    id: str | None = None
    inputs: list[Tensor]


@app.post("/v2/models/{model}/infer")
async def infer(model: str, request: InferRequest) -> dict[str, object]:
    if model != onnx_model.NAME:
        raise HTTPException(404)
    feed = {t.name: np.array(t.data, dtype=np.float32).reshape(t.shape) for t in request.inputs}
    if sorted(feed) != sorted(expected):
        raise HTTPException(400)
    (y,) = session.run(None, feed)
    output = {"name": "y", "datatype": "FP32", "shape": list(y.shape), "data": y.ravel().tolist()}
    return {"model_name": model, "id": request.id, "outputs": [output]}
