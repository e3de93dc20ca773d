"""Load for the stories: ``generate.py`` runs in a pod of the cluster, this module starts it and reads its report."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from e2e.cluster import Cluster
from e2e.pods import script_pod
from examples.digits.heldout import held_out

MODELS = Path(__file__).resolve().parents[2] / "examples" / "digits"
PLAN_DIGITS = 40  # enough to tell the versions apart, few enough for a ConfigMap


@cache
def probabilities(version: str, count: int) -> list[list[float]]:
    """What that version of the digits model says of the first ``count`` held-out digits: float32 [count, 10]."""
    session = onnxruntime.InferenceSession(str(MODELS / version / "model.onnx"), providers=["CPUExecutionProvider"])
    pixels, _ = held_out()
    rows = [session.run(["probabilities"], {"x": pixels[i : i + 1].astype(np.float32)})[0][0] for i in range(count)]
    return [[float(value) for value in row] for row in rows]


def digit_request(index: int) -> dict[str, Any]:
    """The Open Inference Protocol request that asks for the probabilities of one held-out digit."""
    pixels, _ = held_out()
    data = [float(value) for value in pixels[index]]
    tensor = {"name": "x", "shape": [1, 64], "datatype": "FP32", "data": data}
    return {"inputs": [tensor], "outputs": [{"name": "probabilities"}]}


@dataclass(frozen=True, slots=True)
class Report:
    """What the load generator saw; see ``generate.Tally``."""

    document: dict[str, Any]

    @property
    def failed(self) -> int:
        return int(self.document["failed"])

    @property
    def sent(self) -> int:
        return int(self.document["sent"])

    @property
    def by_version(self) -> dict[str, int]:
        return dict(self.document["by_version"])

    def sentence(self) -> str:
        d = self.document
        return (
            f"{d['sent']} requests in {d['seconds']} s ({d['rate']}/s over {d['connections']} connections), "
            f"{d['failed']} failed; p50 {d['p50_ms']} ms, p99 {d['p99_ms']} ms, max {d['max_ms']} ms; "
            f"by version {d['by_version']}"
        )


class Load:
    """A load generator in a pod of ``namespace``: ``start()``, then ``finish()`` for the report."""

    def __init__(self, cluster: Cluster, namespace: str, name: str = "load") -> None:
        self.cluster, self.namespace, self.name = cluster, namespace, name

    def start(
        self,
        url: str,
        *,
        duration: float,
        rate: float,
        keep_alive: int = 4,
        new: int = 4,
        answers: dict[str, list[list[float]]] | None = None,
        node: str = "",
    ) -> Load:
        """Begin to send ``rate`` requests a second to ``url``; the generator ends itself after ``duration`` seconds.

        ``answers`` is what further versions than the digits' own two must say, one list for each planned request;
        ``node`` is where the generator runs, if that matters."""
        plan = {
            "url": url,
            "duration": duration,
            "rate": rate,
            "keep_alive": keep_alive,
            "new": new,
            "requests": [digit_request(i) for i in range(PLAN_DIGITS)],
            "answers": {version: probabilities(version, PLAN_DIGITS) for version in ("1", "2")} | (answers or {}),
        }
        files = {"generate.py": (Path(__file__).parent / "generate.py").read_text(), "plan.json": json.dumps(plan)}
        command = ["python3", "-u", "/files/generate.py", "/files/plan.json"]
        items = script_pod(self.name, self.namespace, self.cluster.image("runtime"), command, files, node)
        self.cluster.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        self.cluster.kubectl("-n", self.namespace, "wait", "--for=condition=Ready", f"pod/{self.name}", "--timeout=60s")
        return self

    def finish(self, timeout: float = 60) -> Report:
        """Stop the generator, remove it and return what it saw."""
        self.cluster.kubectl("-n", self.namespace, "exec", self.name, "--", "sh", "-c", "kill -TERM 1")
        return self.report(timeout)

    def report(self, timeout: float = 60) -> Report:
        """Wait for the generator's own end, remove it and return what it saw."""
        until = time.monotonic() + timeout
        while self._phase() not in ("Succeeded", "Failed"):
            if time.monotonic() > until:
                raise TimeoutError(f"the load generator {self.name} did not end within {timeout} s")
            time.sleep(0.5)
        output = self.cluster.kubectl("-n", self.namespace, "logs", self.name)
        self.cluster.kubectl("-n", self.namespace, "delete", "pod,configmap", self.name, "--wait=false")
        lines = [line for line in output.splitlines() if line.startswith("{")]
        if not lines:
            raise RuntimeError(f"the load generator {self.name} left no report: {output[-500:]}")
        return Report(json.loads(lines[-1]))

    def _phase(self) -> str:
        return self.cluster.kubectl("-n", self.namespace, "get", "pod", self.name, "-o", "jsonpath={.status.phase}")
