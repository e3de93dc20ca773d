"""A thousand ModelDeployments on kwok nodes: create them, change them, see when all are done."""

from __future__ import annotations

import json
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from e2e.cluster import Cluster

NAMESPACE = "bench-modelway"
API = f"/apis/modelway.io/v1alpha1/namespaces/{NAMESPACE}/modeldeployments"


def model_deployment(name: str, version: str) -> dict[str, Any]:
    """A ModelDeployment whose pod runs on a kwok node: it becomes ready without a container ever starting."""
    pod = {
        "nodeSelector": {"type": "kwok"},
        "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists", "effect": "NoSchedule"}],
    }
    return {
        "apiVersion": "modelway.io/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "model": {"uri": f"http://store/{name}/{version}.onnx", "version": version},
            "serving": {"pod": pod},
            "rollout": {"gates": {"signature": "Ignore"}},  # no server runs in a kwok pod that could tell one
        },
    }


class Fleet:
    """The objects of a run, through the API server's own REST interface (kubectl would be the bottleneck)."""

    def __init__(self, cluster: Cluster, size: int) -> None:
        self.names = [f"m{index:04d}" for index in range(size)]
        self.cluster = cluster
        config = json.loads(cluster.kubectl("config", "view", "--raw", "--flatten", "-o", "json"))
        self.client = httpx.Client(base_url=config["clusters"][0]["cluster"]["server"], verify=_tls(config), timeout=60)
        cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=600s", timeout=620)
        cluster.kubectl("create", "namespace", NAMESPACE)

    def create(self) -> None:
        self._each(self.names, lambda name: self.client.post(API, json=model_deployment(name, "1")))

    def change(self, names: list[str], version: str) -> None:
        self._each(names, lambda name: self.patch(name, version))

    def patch(self, name: str, version: str) -> httpx.Response:
        body = json.dumps({"spec": {"model": {"version": version}}})
        return self.client.patch(
            f"{API}/{name}", content=body, headers={"Content-Type": "application/merge-patch+json"}
        )

    def _each(self, names: list[str], send: Any) -> None:
        with ThreadPoolExecutor(8) as pool:
            for answer in pool.map(send, names):
                answer.raise_for_status()

    def done(self, version: str) -> int:
        """How many are ready, settled and of that version."""
        items = self.client.get(API).raise_for_status().json()["items"]
        return sum(1 for item in items if _settled(item, version))

    def wait(self, version: str, timeout: float) -> float:
        """Until all are done; returns the seconds that it took."""
        begun = time.monotonic()
        while (count := self.done(version)) < len(self.names):
            if time.monotonic() - begun > timeout:
                raise TimeoutError(f"only {count} of {len(self.names)} were at version {version} after {timeout} s")
            time.sleep(2)
        return time.monotonic() - begun

    def remove(self) -> None:
        """Waits for the end, while the fake nodes are still there to end their pods."""
        self.client.close()
        self.cluster.kubectl("delete", "namespace", NAMESPACE, "--timeout=300s", timeout=320)


def _settled(item: dict[str, Any], version: str) -> bool:
    status = item.get("status", {})
    conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
    return (
        item["spec"]["model"]["version"] == version
        and status.get("observedGeneration") == item["metadata"]["generation"]
        and conditions.get("Ready") == "True"
        and "Reconciling" not in conditions
    )


def _tls(config: dict[str, Any]) -> ssl.SSLContext:
    import base64
    import tempfile

    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for part in ("client-certificate-data", "client-key-data"):
            files[part] = Path(folder) / part
            files[part].write_bytes(base64.b64decode(user[part]))
        context.load_cert_chain(files["client-certificate-data"], files["client-key-data"])
    return context
