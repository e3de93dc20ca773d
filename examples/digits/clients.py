"""Prints the manifests of clients that ask `http://digits` about held-out digits all day, and never ask twice.

    python examples/digits/clients.py | kubectl apply -f -      # needs scikit-learn
    kubectl logs deployment/clients --tail 1

A rollout can judge only what is asked: these are the users of docs/rollouts.md. Every five seconds a line tells how
many requests were sent, how many failed, and which versions answered.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from heldout import held_out
from heldout import request as request_about

NAME = "clients"
LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "modelway-examples"}
PICTURES = 100
SCRIPT = Path(__file__).with_name("asking.py")

Manifest = dict[str, Any]


def clients(image: str) -> Manifest:
    """The List of the Deployment and its ConfigMap; `image` is any image with a `python3` in it."""
    pixels = held_out()[0]
    bodies = [request_about(pixels[index]) for index in range(PICTURES)]
    files = {"asking.py": SCRIPT.read_text(), "requests.json": json.dumps(bodies)}
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME, "labels": LABELS}, "data": files}
    return {"apiVersion": "v1", "kind": "List", "items": [config_map, deployment(image)]}


def deployment(image: str) -> Manifest:
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-u", "/files/asking.py"],
        "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "96Mi"}},
        "volumeMounts": [{"name": "files", "mountPath": "/files", "readOnly": True}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "files", "configMap": {"name": NAME}}],
    }
    template = {"metadata": {"labels": LABELS}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME, "labels": LABELS}, "spec": spec}


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the manifests of clients that ask about digits.")
    parser.add_argument("--image", default="modelway/runtime:dev", help="an image with python3; default %(default)s")
    print(json.dumps(clients(parser.parse_args().image), indent=2))


if __name__ == "__main__":
    main()
