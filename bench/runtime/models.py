"""The models that are measured, as the wire sees them: one FP32 input `x` and one FP32 output `y`, a row at a time."""

from dataclasses import dataclass
from math import prod
from pathlib import Path

from bench.runtime.environments import cache, project


@dataclass(frozen=True, slots=True)
class Model:
    """`shape` is the input's for one row, without the batch axis; `what` says it in words.

    `connections` send at the same time when CPU is counted.
    """

    name: str
    shape: tuple[int, ...]
    classes: int
    what: str
    connections: int = 8

    @property
    def elements(self) -> int:
        return prod(self.shape)

    def values(self) -> list[float]:
        """The row that is sent: the same in each run, numbers of six decimals as clients send them."""
        return [round(((i * 73) % 997) / 997, 6) for i in range(self.elements)]


_ALL = (
    Model("tiny", (4,), 3, "4 numbers, one matrix product"),
    Model("mnist", (784,), 10, "784 numbers, one matrix product"),
    Model("lstm", (16, 8), 4, "16 steps of 8 numbers, an LSTM of 32 units"),
    # One at a time: a wake-up is nothing beside a run, and the share of `session.run` is about single runs.
    Model("resnet50", (3, 224, 224), 1000, "ResNet-50's convolutions with random weights, 102 MB", connections=1),
)
MODELS = {model.name: model for model in _ALL}


def written(model: Model) -> Path:
    """The model's file in the cache, written at first use by a process of its own.

    Of its own, so that the process that measures never maps onnx and NumPy: our server's PSS would profit from it.
    """
    path = cache() / "models" / f"{model.name}-1.onnx"  # raise the number when a graph changes
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        project("bench.runtime.graphs", model.name, str(path))
    return path
