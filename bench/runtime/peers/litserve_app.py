# mypy: disable-error-code="import-not-found, misc"
# LitServe is installed only in an environment of the bench's own.
"""LitServe: an LitAPI at v2's path, its default of one worker process beside the HTTP one. Argument: the port."""

import sys
from typing import Any

import litserve
import numpy as np
import onnx_model


class OnnxApi(litserve.LitAPI):
    session: Any = None

    def setup(self, device: str) -> None:
        self.session = onnx_model.load()

    def decode_request(self, request: dict[str, Any]) -> Any:
        feed = {t["name"]: np.array(t["data"], np.float32).reshape(t["shape"]) for t in request["inputs"]}
        return feed, request.get("id")

    def predict(self, asked: Any) -> Any:
        feed, identity = asked
        return self.session.run(None, feed)[0], identity

    def encode_response(self, answered: Any) -> dict[str, Any]:
        y, identity = answered
        output = {"name": "y", "datatype": "FP32", "shape": list(y.shape), "data": y.ravel().tolist()}
        return {"model_name": onnx_model.NAME, "id": identity, "outputs": [output]}


if __name__ == "__main__":
    server = litserve.LitServer(OnnxApi(api_path=f"/v2/models/{onnx_model.NAME}/infer"), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
