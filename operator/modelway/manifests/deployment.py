"""A revision's Deployment. Its pod template never changes: another template is another revision."""

from __future__ import annotations

from typing import Any, Final

from modelway.world import Manifest, Resource, Revision

from . import metadata
from .pod import pod_template

# No deadline for Kubernetes (it takes the largest number so): the rollout's own deadline counts, and can be paused.
NO_DEADLINE: Final = 2**31 - 1


def deployment(resource: Resource, revision: Revision, replicas: int | None) -> Manifest:
    """The Deployment of a revision; ``replicas`` is None when an autoscaler owns the number."""
    spec: dict[str, Any] = {
        "selector": {"matchLabels": metadata.selector(resource.name, revision.hash)},
        "revisionHistoryLimit": 0,
        "progressDeadlineSeconds": NO_DEADLINE,
        "template": pod_template(revision),
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata.of_revision(resource, revision),
        "spec": spec,
    }
