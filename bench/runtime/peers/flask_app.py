# mypy: disable-error-code="import-not-found, untyped-decorator"
# Flask is installed only in an environment of the bench's own.
"""The oldest way: Flask under gunicorn with one worker of its default (sync) class, which closes after each answer."""

import numpy as np
import onnx_model
from flask import Flask, abort, request

app = Flask(__name__)
session = onnx_model.load()


@app.post("/v2/models/<model>/infer")
def infer(model: str) -> dict[str, object]:
    if model != onnx_model.NAME:
        abort(404)
    asked = request.get_json()
    feed = {t["name"]: np.array(t["data"], np.float32).reshape(t["shape"]) for t in asked["inputs"]}
    (y,) = session.run(None, feed)
    output = {"name": "y", "datatype": "FP32", "shape": list(y.shape), "data": y.ravel().tolist()}
    return {"model_name": model, "id": asked.get("id"), "outputs": [output]}
