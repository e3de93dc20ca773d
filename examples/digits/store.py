"""Prints the manifests of a small file server that holds the digits models, for clusters without internet.

    python3 examples/digits/store.py | kubectl apply -f -

    http://model-store.modelway-examples.svc/digits/1/model.onnx
    http://model-store.modelway-examples.svc/digits/2/model.onnx
    http://model-store.modelway-examples.svc/digits/perturbed/model.onnx

The output is a Kubernetes List as JSON. It is made from the committed .onnx files, so their bytes live in one place.
Needs Python's standard library only.
"""

import argparse
import base64
import hashlib
import json
from pathlib import Path
from typing import Any

NAMESPACE = "modelway-examples"
NAME = "model-store"
LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "modelway-examples"}
PORT = 8080
MODELS = {version: Path(__file__).parent / version / "model.onnx" for version in ("1", "2", "perturbed")}

Manifest = dict[str, Any]


def store(image: str) -> Manifest:
    """The List of everything that the store needs; `image` is any image with a `python3` in it."""
    contents = {f"{version}.onnx": path.read_bytes() for version, path in MODELS.items()}
    items = [namespace(), config_map(contents), deployment(image, contents), service()]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def namespace() -> Manifest:
    labels = LABELS | {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def config_map(contents: dict[str, bytes]) -> Manifest:
    encoded = {key: base64.b64encode(content).decode() for key, content in contents.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("digits"), "binaryData": encoded}


def deployment(image: str, contents: dict[str, bytes]) -> Manifest:
    # A changed ConfigMap reaches a running pod only after a minute or so; a changed pod template acts at once.
    digest = hashlib.sha256(b"".join(contents[key] for key in sorted(contents))).hexdigest()
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(NAME),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS, "annotations": {"modelway-examples/models": digest}},
                "spec": pod(image),
            },
        },
    }


def pod(image: str) -> Manifest:
    """A pod of the restricted security profile that serves /models and has nothing to write to."""
    files = [{"key": f"{version}.onnx", "path": f"{version}/model.onnx"} for version in MODELS]
    server = {
        "name": "server",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", "http.server", str(PORT), "--directory", "/models"],
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/digits/", "port": "http"}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
        "volumeMounts": [{"name": "digits", "mountPath": "/models/digits", "readOnly": True}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # Python as process 1 does not hear SIGTERM, and nothing is lost when it is killed.
        "terminationGracePeriodSeconds": 1,
        "containers": [server],
        "volumes": [{"name": "digits", "configMap": {"name": "digits", "items": files}}],
    }


def service() -> Manifest:
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(NAME),
        "spec": {"selector": LABELS, "ports": ports},
    }


def metadata(name: str) -> Manifest:
    return {"name": name, "namespace": NAMESPACE, "labels": LABELS}


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the manifests of the examples' model store.")
    parser.add_argument("--image", default="modelway/runtime:dev", help="an image with python3; default %(default)s")
    print(json.dumps(store(parser.parse_args().image), indent=2))


if __name__ == "__main__":
    main()
