"""Models whose weights lie in other files, and one in ONNX Runtime's own format."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from onnx import TensorProto as Type
from onnx import helper

from tests.runtime import models

os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def tensor(name: str, shape: list[int], entries: Mapping[str, str]) -> Type:
    """A FLOAT tensor that lies elsewhere; `entries`: location, offset, length."""
    made = Type(name=name, data_type=Type.FLOAT, dims=shape, data_location=Type.EXTERNAL)
    for key, value in entries.items():
        made.external_data.add(key=key, value=value)
    return made


def product(entries: Mapping[str, str], bias: Mapping[str, str]) -> bytes:
    """y[N,3] = x[N,4] · w + b, whose weights lie where `entries` and `bias` say."""
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"])
    weights = [tensor("w", [4, 3], entries), tensor("b", [3], bias)]
    return models.model([node], [("x", Type.FLOAT, ["N", 4])], [("y", Type.FLOAT, ["N", 3])], weights)


def folder(place: Path, location: str = "weights.bin") -> Path:
    """model.onnx, weights.bin and more/bias.bin; `location` is what the model calls the first of the two."""
    (place / "more").mkdir(parents=True)
    (place / "weights.bin").write_bytes(b"\0" * 16 + np.full((4, 3), 0.5, np.float32).tobytes())
    (place / "more/bias.bin").write_bytes(np.ones(3, np.float32).tobytes())
    entries = {"location": location, "offset": "16", "length": "48"}
    (place / "model.onnx").write_bytes(product(entries, {"location": "more/bias.bin"}))
    return place


def ort_format(source: Path, target: Path) -> None:
    """What `python -m onnxruntime.tools.convert_onnx_models_to_ort` writes, optimised for this machine."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
