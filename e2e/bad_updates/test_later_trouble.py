"""Trouble that comes to a model that serves, or that the namespace makes: told while it lasts, gone when it is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from e2e.load import MODELS
from e2e.pods import file_server
from e2e.steps import Namespace, model_deployment, wait_until


def told(namespace: Namespace, condition: str, reason: str) -> str:
    """The condition's message, once it has that reason."""
    wait_until(lambda: namespace.condition(condition).get("reason") == reason, 60, lambda: str(namespace.status()))
    return str(namespace.condition(condition)["message"])


def content(version: str) -> dict[str, str]:
    return {"model.onnx": base64.b64encode((MODELS / version / "model.onnx").read_bytes()).decode()}


@pytest.mark.timeout(180)
def test_a_file_that_was_swapped_under_its_uri(namespace: Namespace, say: Callable[[str], None]) -> None:
    namespace.apply(*file_server("files", namespace.name, namespace.cluster.image("runtime"), content("1")))
    namespace.kubectl("wait", "--for=condition=Ready", "pod/files", "--timeout=60s")
    namespace.apply(model_deployment(model={"uri": "http://files/model.onnx"}))
    namespace.wait_serving("1")

    put(namespace, content("2"))
    namespace.kubectl("scale", "md/digits", "--replicas=2")
    message = told(namespace, "Progressing", "DigestMismatch")
    say(message)
    assert "a new label in spec.model.version" in message
    assert namespace.condition("Ready")["status"] == "True", "the pod that has the former bytes answers"

    put(namespace, content("1"))
    wait_until(lambda: namespace.status()["phase"] == "Ready", 90, lambda: str(namespace.status()))
    assert namespace.status()["stable"]["ready"] == 2


def put(namespace: Namespace, files: dict[str, str]) -> None:
    """Other files under the same URIs; the pod is touched, so that its kubelet looks at once."""
    patch: dict[str, Any] = {"binaryData": files}
    namespace.kubectl("patch", "configmap", "files", "--type=merge", "-p", json.dumps(patch))
    namespace.kubectl("annotate", "pod", "files", "--overwrite", f"content={abs(hash(files['model.onnx']))}")


@pytest.mark.timeout(180)
def test_a_quota_without_room(namespace: Namespace, say: Callable[[str], None]) -> None:
    hard = {"requests.cpu": "200m", "requests.memory": "1Gi"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": hard}}
    namespace.apply(quota)
    resources = {"requests": {"cpu": "1", "memory": "96Mi"}, "limits": {"memory": "256Mi"}}
    namespace.apply(model_deployment(serving={"resources": resources}))
    message = told(namespace, "Progressing", "QuotaExceeded")
    say(message)
    for words in ("exceeded quota: small", "requests.cpu=1", "spec.serving.resources", "raise the namespace's quota"):
        assert words in message

    namespace.kubectl("patch", "resourcequota", "small", "--type=merge", "-p", '{"spec":{"hard":{"requests.cpu":"4"}}}')
    namespace.wait_ready(timeout=150)
