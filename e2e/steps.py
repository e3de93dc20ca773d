"""What the stories do again and again: apply, look, wait; each in the words of kubectl."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from e2e.cluster import Cluster

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "helm" / "modelway"
SYSTEM = "modelway-system"
STORE = "http://model-store.modelway-examples.svc/digits"
DIGESTS: dict[str, str] = {
    version: entry["digest"]
    for version, entry in json.loads((ROOT / "examples/digits/models.json").read_text()).items()
}


def model_deployment(name: str = "digits", version: str = "1", **spec: Any) -> dict[str, Any]:
    """A ModelDeployment that serves that version of the digits; ``spec`` adds to it or replaces its parts."""
    model = {"uri": f"{STORE}/{version}/model.onnx", "version": version} | spec.pop("model", {})
    serving = {"resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}}}
    return {
        "apiVersion": "modelway.io/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {"model": model, "serving": serving | spec.pop("serving", {}), **spec},
    }


class Namespace:
    """A namespace of one test, and the verbs that the stories use in it."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name = cluster, name

    def kubectl(self, *arguments: str, input: str | None = None) -> str:
        return self.cluster.kubectl("-n", self.name, *arguments, input=input)

    def apply(self, *manifests: dict[str, Any]) -> str:
        return self.kubectl(
            "apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        )

    def get(self, *what: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.kubectl("get", *what, "-o", "json"))
        return document

    def items(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        chosen = ("-l", selector) if selector else ()
        return list(self.get(kind, *chosen)["items"])

    def status(self, name: str = "digits") -> dict[str, Any]:
        document: dict[str, Any] = self.get("md", name).get("status", {})
        return document

    def condition(self, kind: str, name: str = "digits") -> dict[str, Any]:
        """The condition of that type, or an empty dict."""
        conditions = self.status(name).get("conditions", [])
        return next((c for c in conditions if c["type"] == kind), {})

    def stalled(self, name: str = "digits") -> bool:
        """Whether what the spec asks for now has been given up."""
        document = self.get("md", name)  # at one moment: the condition may be the former spec's
        status = document.get("status", {})
        given_up = any(c["type"] == "Stalled" and c["status"] == "True" for c in status.get("conditions", []))
        return given_up and status.get("observedGeneration") == document["metadata"]["generation"]

    def wait_ready(self, name: str = "digits", timeout: int = 120) -> None:
        self.kubectl("wait", "--for=condition=Ready", f"md/{name}", f"--timeout={timeout}s")

    def wait_serving(self, version: str, name: str = "digits", timeout: float = 120) -> None:
        """Until the current generation is fully rolled out and the stable revision is of that version."""

        def settled() -> bool:
            document = self.get("md", name)
            status = document.get("status", {})
            types = {c["type"]: c["status"] for c in status.get("conditions", [])}
            return (
                status.get("observedGeneration") == document["metadata"]["generation"]
                and document["spec"]["model"].get("version") == version
                and types.get("Ready") == "True"
                and "Reconciling" not in types
                and "Stalled" not in types
                and not status.get("candidate")
            )

        wait_until(
            settled, timeout, lambda: f"{name} serves version {version}: {json.dumps(self.status(name), indent=1)}"
        )


def wait_until(true: Callable[[], bool], timeout: float, what: Callable[[], str], interval: float = 0.3) -> float:
    """Wait for a condition; returns the seconds that it took, raises with ``what()`` if it does not come."""
    begun = time.monotonic()
    while not true():
        if time.monotonic() - begun > timeout:
            raise AssertionError(f"not within {timeout} s: {what()}")
        time.sleep(interval)
    return time.monotonic() - begun


def install_chart(cluster: Cluster, *settings: str, wait: bool = True, chart: Path = CHART) -> None:
    """Install or upgrade Modelway from this checkout's images and chart; waits until it runs, unless told not to."""
    images = [f"image.{name}.{part}" for name in ("operator", "runtime") for part in ("repository", "tag")]
    references = [part for name in ("operator", "runtime") for part in cluster.image(name).rsplit(":", 1)]
    values = [f"{key}={value}" for key, value in zip(images, references, strict=True)]
    # The tag stays the same when the image changes; without this the pods of a former build would go on.
    chosen = ["--set-string", f"podAnnotations.build={operator_build()}"]
    chosen += [argument for value in (*values, *settings) for argument in ("--set", value)]
    cluster.helm("upgrade", "--install", "modelway", str(chart), "--namespace", SYSTEM, "--create-namespace",
                 *(("--wait", "--timeout", "120s") if wait else ()), *chosen)  # fmt: skip


def operator_build() -> str:
    """A hash of what the operator's image is made of."""
    digest = hashlib.sha256((ROOT / "constraints.txt").read_bytes())
    for path in sorted((ROOT / "operator").rglob("*")):
        if path.suffix == ".py" or path.name == "Dockerfile":
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def install_store(cluster: Cluster) -> None:
    """The in-cluster file server that holds both versions of the digits."""
    from examples.digits.store import NAMESPACE, store

    cluster.kubectl("apply", "-f", "-", input=json.dumps(store(cluster.image("runtime"))))
    cluster.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/model-store", "--timeout=120s")
