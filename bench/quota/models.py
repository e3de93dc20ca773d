"""The two models that are measured: one whose run is nothing beside the request, one whose run is almost all of it."""

from pathlib import Path

from bench.runtime import models
from bench.runtime.environments import cache, project
from bench.runtime.models import Model

CNN = Model("cnn", (3, 64, 64), 100, "ResNet's blocks on 64×64 pixels")
QUOTA_MODELS = {"tiny": models.MODELS["tiny"], "cnn": CNN}
FORMS = {"tiny": "JSON", "cnn": "binary"}


def written(model: Model) -> Path:
    """The model's file in the cache, written at first use by a process of its own."""
    if model is not CNN:
        return models.written(model)
    path = cache() / "models" / "cnn-1.onnx"  # raise the number when the graph changes
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        project("bench.quota.graph", str(path))
    return path
