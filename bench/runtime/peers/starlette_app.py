# mypy: disable-error-code="import-not-found"
# Starlette is installed only in an environment of the bench's own.
"""A patient engineer's server: Starlette without its conveniences, orjson both ways, no validation but its own."""

import numpy as np
import onnx_model
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

session = onnx_model.load()
expected = {argument.name for argument in session.get_inputs()}


async def infer(request: Request) -> Response:
    try:
        asked = orjson.loads(await request.body())
        feed = {t["name"]: np.array(t["data"], np.float32).reshape(t["shape"]) for t in asked["inputs"]}
    except (ValueError, KeyError, TypeError) as problem:
        return Response(orjson.dumps({"error": str(problem)}), 400, media_type="application/json")
    if feed.keys() != expected:
        return Response(orjson.dumps({"error": f"The inputs are {sorted(expected)}."}), 400)
    (y,) = session.run(None, feed)
    output = {"name": "y", "datatype": "FP32", "shape": y.shape, "data": y.ravel()}
    answer = {"model_name": onnx_model.NAME, "id": asked.get("id"), "outputs": [output]}
    return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


app = Starlette(routes=[Route(f"/v2/models/{onnx_model.NAME}/infer", infer, methods=["POST"])])
