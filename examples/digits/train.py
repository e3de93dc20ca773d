"""Trains the two versions of the digits model and writes 1/model.onnx, 2/model.onnx and models.json beside this file.

    pip install 'modelway[torch]'
    python examples/digits/train.py            # train both and write the files; about a minute on one CPU core
    python examples/digits/train.py --check    # train both, write nothing, compare with the committed files

Both versions answer to one signature, so that a service can go from one to the other and back:
input `x` float32 [batch, 64], pixels as they come, 0 … 16;
outputs `label` int64 [batch] and `probabilities` float32 [batch, 10].
"""

import argparse
import hashlib
import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from heldout import held_out, training_set
from torch import Tensor, nn

HERE = Path(__file__).parent
SEED = 7
OPSET = 18
BATCH = 32
# Weights are kept as multiples of 2⁻¹⁰, see `rounded`.
STEPS_PER_UNIT = 1024
# "2.15.0+cu132" and "2.15.0+cpu" are one release.
TORCH = torch.__version__.partition("+")[0]
# Two of the 400 held-out digits: more than that and it is another model.
ACCURACY_TOLERANCE = 0.005

ARCHITECTURES = {
    "1": "multilayer perceptron: 64 → 16 → 10",
    "2": "convolutional network: 8×8×1 → 8×8×16 → 8×8×32 → max pool 4×4×32 → 10",
}
EPOCHS = {"1": 40, "2": 30}
# Trained on digits that are moved about. Five-fold cross-validation within the training set: version 2 goes from 0.982
# to 0.984 by it, version 1 from 0.953 to 0.859, for sixteen neurons have no room for it.
MOVED = ("2",)


def network(version: str) -> nn.Module:
    """Pixels scaled to 0…1, float [batch, 64], to the unnormalised log-probabilities [batch, 10] of the ten digits."""
    if version == "1":
        return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(4 * 4 * 32, 10),
    )


class Classifier(nn.Module):
    """What is served: the network with its scaling in front and its two answers behind it."""

    def __init__(self, trained: nn.Module) -> None:
        super().__init__()
        self.network = trained

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.network(x / 16)
        return scores.argmax(dim=1), scores.softmax(dim=1)


def moved(inputs: Tensor) -> Tensor:
    """The same digits, float [batch, 64], each batch moved by up to one pixel in each direction."""
    padded = nn.functional.pad(inputs.view(-1, 8, 8), (1, 1, 1, 1))
    down, right = torch.randint(3, (2,)).tolist()
    return padded[:, down : down + 8, right : right + 8].flatten(1)


def train(version: str) -> Classifier:
    """One version, trained from the seed; ready to be exported (float32, evaluation mode)."""
    torch.manual_seed(SEED)
    pixels, labels = (torch.from_numpy(values) for values in training_set())
    # Double precision costs seconds here and makes the result the same on every kind of CPU, see `rounded`.
    model = rounded(network(version).double())
    inputs = pixels.double() / 16
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS[version])
    for _ in range(EPOCHS[version]):
        for batch in torch.randperm(len(inputs)).split(BATCH):
            seen = moved(inputs[batch]) if version in MOVED else inputs[batch]
            loss = nn.functional.cross_entropy(model(seen), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return Classifier(rounded(model)).float().eval()


def rounded(model: nn.Module) -> nn.Module:
    """The model with its weights rounded to 2⁻¹⁰.

    CPUs add in different orders, so the last bits of drawn and of trained weights differ from machine to machine.
    Rounded before the training and after it, which is in double precision, those bits are gone: one file everywhere.
    """
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_((weights * STEPS_PER_UNIT).round() / STEPS_PER_UNIT)
    return model


def accuracy(model: Classifier) -> float:
    """The share of the held-out digits that the model labels right."""
    pixels, labels = held_out()
    with torch.no_grad():
        label, _ = model(torch.from_numpy(pixels))
    return float(np.mean(label.numpy() == labels))


def exported(model: Classifier) -> bytes:
    """The model as one ONNX file, without anything that tells where it was made."""
    program = torch.onnx.export(
        model,
        (torch.zeros(2, 64),),
        input_names=["x"],
        output_names=["label", "probabilities"],
        dynamic_shapes={"x": {0: torch.export.Dim("batch")}},
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None  # None is the answer of the old exporter only
    proto = program.model_proto
    anonymous(proto)
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString(deterministic=True))


def anonymous(proto: onnx.ModelProto) -> None:
    """Drops what depends on the machine: the exporter's stack traces, with their paths, and the build of PyTorch."""
    proto.producer_version = TORCH
    graph = proto.graph
    for part in (proto, graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def build(version: str) -> tuple[bytes, dict[str, Any]]:
    """Train and export one version: the ONNX file, and what models.json says about it."""
    model = train(version)
    content = exported(model)
    return content, {
        "architecture": ARCHITECTURES[version],
        "parameters": sum(weights.numel() for weights in model.parameters()),
        "accuracy": accuracy(model),
        "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "bytes": len(content),
        "seed": SEED,
        "torch": TORCH,
    }


def write(built: dict[str, tuple[bytes, dict[str, Any]]]) -> None:
    for version, (content, facts) in built.items():
        path = HERE / version / "model.onnx"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        print(f"version {version}: accuracy {facts['accuracy']:.4f}, {facts['bytes']} bytes, {facts['digest']}")
    listed = HERE / "models.json"  # the perturbed model is listed there too; make it anew after version 1: perturb.py
    document = json.loads(listed.read_text()) | {version: facts for version, (_, facts) in built.items()}
    listed.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def check(built: dict[str, tuple[bytes, dict[str, Any]]]) -> bool:
    """Says how each version compares with the committed one; true when no accuracy was lost or won."""
    committed = json.loads((HERE / "models.json").read_text())
    same = True
    for version, (content, facts) in built.items():
        before = committed[version]
        agrees = abs(facts["accuracy"] - before["accuracy"]) <= ACCURACY_TOLERANCE
        reproduced = content == (HERE / version / "model.onnx").read_bytes()
        same = same and agrees
        print(
            f"version {version}: accuracy {facts['accuracy']:.4f}, committed {before['accuracy']:.4f}: "
            f"{'agrees' if agrees else 'DIFFERS'}; bytes {'reproduced' if reproduced else 'not reproduced'}"
            f" (torch {facts['torch']}, committed with {before['torch']})"
        )
    return same


def main() -> None:
    parser = argparse.ArgumentParser(description="Train and export the two versions of the digits model.")
    parser.add_argument("--check", action="store_true", help="write nothing; compare with the committed files")
    arguments = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    # The exporter warns that torchvision, which nothing here uses, is not installed.
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    built = {version: build(version) for version in ARCHITECTURES}
    if not arguments.check:
        write(built)
    elif not check(built):
        sys.exit("An accuracy differs from models.json: something in the training changed.")


if __name__ == "__main__":
    main()
