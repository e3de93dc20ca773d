"""The models that are measured: from one whose run is nothing beside the request to one whose run is all of it."""

from pathlib import Path

from bench.runtime import models
from bench.runtime.environments import ROOT, cache, project
from bench.runtime.models import Model

DIGITS = Model("digits", (64,), 10, "the example's convolutions on 8×8 pixels")
CNN = Model("cnn", (3, 64, 64), 100, "ResNet's blocks on 64×64 pixels")
QUOTA_MODELS = {model.name: model for model in (models.MODELS["tiny"], DIGITS, CNN, models.MODELS["resnet50"])}
USUAL = ("tiny", "digits", "cnn")
FORMS = {"tiny": "JSON", "digits": "JSON", "cnn": "binary", "resnet50": "binary"}


def written(model: Model) -> Path:
    """The model's file in the cache, written at first use by a process of its own."""
    if model is DIGITS:
        return ROOT / "examples/digits/2/model.onnx"
    if model is not CNN:
        return models.written(model)
    path = cache() / "models" / "cnn-1.onnx"  # raise the number when the graph changes
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        project("bench.quota.graph", str(path))
    return path
