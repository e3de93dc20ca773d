"""The CustomResourceDefinition of a ModelDeployment."""

from __future__ import annotations

from typing import Any, Final

from modelway import __version__

from .resource import ModelDeployment
from .schema import structural

GROUP: Final = "modelway.io"
VERSION: Final = "v1alpha1"
PLURAL: Final = "modeldeployments"

# (title, type, path, priority): 0 is always shown, 1 with `kubectl get -o wide`.
COLUMNS: Final = (
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Phase", "string", ".status.phase", 0),
    ("Stable", "integer", ".status.stable.revision", 0),
    ("Candidate", "integer", ".status.candidate.revision", 0),
    ("Weight", "integer", ".status.candidate.weight", 0),
    ("Replicas", "integer", ".status.replicas", 0),
    ("Model", "string", ".spec.model.uri", 1),
    ("Message", "string", ".status.rollout.message", 1),
    ("Age", "date", ".metadata.creationTimestamp", 0),
)


def custom_resource_definition() -> dict[str, Any]:
    """The whole manifest."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            "labels": {"app.kubernetes.io/name": "modelway", "app.kubernetes.io/version": __version__},
        },
        "spec": {
            "group": GROUP,
            "names": {
                "kind": "ModelDeployment",
                "listKind": "ModelDeploymentList",
                "plural": PLURAL,
                "singular": "modeldeployment",
                "shortNames": ["md"],
                "categories": ["modelway"],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": [_column(*column) for column in COLUMNS],
                    "schema": {"openAPIV3Schema": _schema()},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.scaling.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                }
            ],
        },
    }


def _schema() -> dict[str, Any]:
    schema = structural(ModelDeployment)
    # kstatus takes an object without a status for a settled one; this says that nobody has looked at it yet.
    schema["properties"]["status"]["default"] = {"observedGeneration": -1}
    schema["properties"] = {
        "apiVersion": {"type": "string", "description": "The version of this schema."},
        "kind": {"type": "string", "description": "ModelDeployment."},
        "metadata": {"type": "object"},
        **schema["properties"],
    }
    return schema


def _column(name: str, kind: str, path: str, priority: int) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "type": kind, "jsonPath": path}
    return {**column, "priority": priority} if priority else column
