"""Makes version 1 of the digits worse on purpose and writes perturbed/model.onnx and its entry in models.json.

    python examples/digits/perturb.py            # needs onnx, onnxruntime and scikit-learn; a second

Every weight is moved a little, so the file loads, has the same signature, fails no request and is as fast, and reads
one digit in seven otherwise than version 1 does: what a rollout has to find out by comparing answers.
The noise comes from a fixed seed: the same bytes come out everywhere.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from heldout import held_out
from onnx import numpy_helper

HERE = Path(__file__).parent
NAME = "perturbed"
SEED = 7
# The noise's standard deviation, as a part of the mean weight of the same layer. At 0.3 five digits in a hundred
# change, which is what a good new version does too; at 0.6 it is fourteen.
STRENGTH = 0.6


def perturbed(original: bytes) -> bytes:
    """The ONNX file with noise on the matrices of weights; biases and everything else stay."""
    model, chance = onnx.load_from_string(original), np.random.default_rng(SEED)
    for tensor in model.graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype == np.float32 and weights.ndim == 2:
            deviation = STRENGTH * float(np.abs(weights).mean())
            noise = chance.normal(0.0, deviation, weights.shape).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(weights + noise, tensor.name))
    return bytes(model.SerializeToString(deterministic=True))


def facts(content: bytes, original: dict[str, Any]) -> dict[str, Any]:
    """What models.json says about it."""
    pixels, labels = held_out()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    label = session.run(["label"], {"x": pixels})[0]
    return {
        "architecture": original["architecture"],
        "parameters": original["parameters"],
        "accuracy": float(np.mean(label == labels)),
        "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "bytes": len(content),
        "seed": SEED,
        "madeFrom": "1",
        "strength": STRENGTH,
    }


def main() -> None:
    path, listed = HERE / NAME / "model.onnx", HERE / "models.json"
    content = perturbed((HERE / "1" / "model.onnx").read_bytes())
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    models = json.loads(listed.read_text())
    models[NAME] = facts(content, models["1"])
    listed.write_text(json.dumps(models, indent=2, ensure_ascii=False) + "\n")
    print(f"{NAME}: accuracy {models[NAME]['accuracy']:.4f}, {len(content)} bytes, {models[NAME]['digest']}")


if __name__ == "__main__":
    main()
