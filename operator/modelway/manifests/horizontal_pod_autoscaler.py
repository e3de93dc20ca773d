"""A revision's HorizontalPodAutoscaler."""

from __future__ import annotations

from modelway.api.scaling import DEFAULT_TARGET, Scaling
from modelway.world import Manifest, Resource, Revision

from . import metadata, names


def horizontal_pod_autoscaler(resource: Resource, revision: Revision, scaling: Scaling, lowest: int) -> Manifest:
    """Scales a revision on CPU between ``lowest`` and ``scaling.max`` pods."""
    target = {"type": "Utilization", "averageUtilization": scaling.target or DEFAULT_TARGET}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata.of_revision(resource, revision),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": names.revision(resource.name, revision.hash),
            },
            "minReplicas": lowest,
            "maxReplicas": max(scaling.highest, lowest),
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }
