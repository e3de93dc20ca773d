"""What `GET /modelway/state` tells the operator: what runs here, which document holds, and what came of it so far."""

import time
from typing import Any

import orjson

from modelserver.server.app import App
from modelserver.tensors import TensorSpec


def describe(app: App) -> bytes:
    """The JSON document; ARCHITECTURE.md has the contract. Counts are since the generation was applied."""
    counts = app.counts
    told: dict[str, Any] = {
        "revision": app.settings.revision or "",
        "digest": app.metrics.info.get("digest", ""),
        "generation": counts.generation,
        "ready": app.ready,
        "since": round(time.monotonic() - counts.since, 3),
        "own": counts.own.told(),
        "forwarded": counts.forwarded.told(),
        "shadow": counts.shadow.told(),
    }
    if app.settings.model_version:
        told["version"] = app.settings.model_version
    if app.core is not None:
        signature = app.core.session.signature
        told["signature"] = {"inputs": _specs(signature.inputs), "outputs": _specs(signature.outputs)}
    return orjson.dumps(told)


def _specs(specs: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
    return [
        {"name": spec.name, "datatype": spec.datatype.name, "shape": list(spec.shape)}
        | ({"optional": True} if spec.optional else {})
        for spec in specs
    ]
