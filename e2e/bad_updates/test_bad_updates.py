"""Eight bad updates, one after the other, under load: the service never misses a request, each gets a reason of its own
and a message that a person can act on, and correcting the spec is all that it takes to recover."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from e2e.bad_updates.models import files
from e2e.load import Load
from e2e.pods import file_server
from e2e.steps import DIGESTS, Namespace, model_deployment, wait_until


@dataclass(frozen=True)
class Bad:
    """One bad update: what differs from a good spec, the reason it must get, and words that its message must hold."""

    name: str
    reason: str
    words: tuple[str, ...]
    model: dict[str, Any] = field(default_factory=dict)
    serving: dict[str, Any] = field(default_factory=dict)


def bad_updates() -> list[Bad]:
    def bad(path: str) -> dict[str, Any]:
        return {"uri": f"http://bad/{path}"}

    huge = {"resources": {"requests": {"cpu": "500", "memory": "96Mi"}, "limits": {"memory": "256Mi"}}}
    both = (DIGESTS["1"], DIGESTS["2"])
    memory = ("256Mi", "spec.serving.resources.limits.memory")
    return [
        Bad("not found", "ModelNotFound", ("404", "spec.model.uri"), bad("nothing.onnx")),
        Bad("refused", "ModelSourceUnreachable", ("refused",), {"uri": "http://nobody/model.onnx"}),
        Bad("a web page", "ModelNotAModel", ("HTML",), bad("page.onnx")),
        Bad("truncated", "ModelCorrupt", ("model",), bad("truncated.onnx")),
        Bad("other bytes", "DigestMismatch", both, bad("other.onnx") | {"digest": DIGESTS["1"]}),
        Bad("too big for its limit", "OOMKilled", memory, bad("hungry.onnx")),
        Bad("unknown operator", "ModelUnsupported", ("Levitate",), bad("opset.onnx")),
        Bad("no such node", "Unschedulable", ("cpu",), serving=huge),
    ]


@pytest.mark.timeout(900)
def test_eight_bad_updates_disturb_nobody(namespace: Namespace, say: Callable[[str], None]) -> None:
    image = namespace.cluster.image("runtime")
    nobody = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "nobody"},
              "spec": {"selector": {"story": "nobody"}, "ports": [{"port": 80}]}}  # fmt: skip
    namespace.apply(*file_server("bad", namespace.name, image, files()), nobody)
    namespace.kubectl("wait", "--for=condition=Ready", "pod/bad", "--timeout=60s")
    namespace.apply(model_deployment())
    namespace.wait_serving("1")
    load = Load(namespace.cluster, namespace.name).start(
        "http://digits/v2/models/digits/infer", duration=850, rate=100, keep_alive=3, new=3
    )
    for number, bad in enumerate(bad_updates()):
        refused(namespace, bad, number, say)
    # Correcting the spec is all that it takes.
    namespace.apply(model_deployment(version="2"))
    namespace.wait_serving("2")
    report = load.finish()

    say(report.sentence())
    assert report.failed == 0, report.document["failures"]


def refused(namespace: Namespace, bad: Bad, number: int, say: Callable[[str], None]) -> None:
    """Apply one bad update: it must be given up at its deadline, and explained; what serves must not be touched."""
    spec = model_deployment(
        version=f"bad-{number}", rollout={"progressDeadline": "20s"}, model=bad.model, serving=bad.serving
    )
    namespace.apply(spec)
    wait_until(lambda: namespace.stalled(), 90, lambda: f"{bad.name}: {namespace.status()}")
    stalled, ready = namespace.condition("Stalled"), namespace.condition("Ready")
    say(f"{bad.name}: {stalled['reason']}: {stalled['message']}")
    assert stalled["reason"] == bad.reason, stalled
    missing = [word for word in bad.words if word not in stalled["message"]]
    assert not missing, f"{missing} not in {stalled['message']}"
    assert ready["status"] == "True", "the version that serves was disturbed"
    assert len(namespace.items("deployments")) == 1, "what failed is still there"
