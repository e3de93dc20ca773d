"""Pods of the stories' own: everything runs under the restricted pod security standard, from the runtime image."""

from __future__ import annotations

from typing import Any


def script_pod(
    name: str, namespace: str, image: str, command: list[str], files: dict[str, str], node: str = ""
) -> list[dict[str, Any]]:
    """A pod that runs ``command`` once, and the ConfigMap with ``files`` that it finds in ``/files``; on that ``node``
    where one is named."""
    metadata = {"name": name, "namespace": namespace, "labels": {"story": name}}
    container = {
        "name": name,
        "image": image,
        "command": command,
        "volumeMounts": [{"name": "files", "mountPath": "/files"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 5,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "files", "configMap": {"name": name}}],
    }
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": files},
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
    ]


def file_server(
    name: str, namespace: str, image: str, binary_files: dict[str, str], node: str = ""
) -> list[dict[str, Any]]:
    """A pod that serves files over HTTP at ``http://<name>/<file>``, and its Service; contents in base64."""
    command = ["python3", "-m", "http.server", "8080", "--directory", "/files"]
    config_map, pod = script_pod(name, namespace, image, command, {}, node)
    config_map["binaryData"] = binary_files
    ports = [{"port": 80, "targetPort": 8080}]
    metadata = {"name": name, "namespace": namespace}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata,
               "spec": {"selector": {"story": name}, "ports": ports}}  # fmt: skip
    return [config_map, pod, service]
