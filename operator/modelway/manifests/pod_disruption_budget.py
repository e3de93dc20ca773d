"""A revision's PodDisruptionBudget."""

from __future__ import annotations

from modelway.world import Manifest, Resource, Revision

from . import metadata


def pod_disruption_budget(resource: Resource, revision: Revision) -> Manifest:
    """Lets a node drain take one pod of the revision at a time, however many there are, and broken ones always."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata.of_revision(resource, revision),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": metadata.selector(resource.name, revision.hash)},
        },
    }
