"""How many pods are needed, and how many there are: no revision takes traffic that its ready pods can't hold."""

from __future__ import annotations

from modelway.api.scaling import Scaling
from modelway.world import Child


def asked_for(deployment: Child | None) -> int:
    """The replicas in a Deployment's spec."""
    spec = deployment.body.get("spec") if deployment else None
    replicas = spec.get("replicas") if spec else 0
    return int(replicas) if replicas is not None else 1  # as the API server's default


def ready(deployment: Child | None) -> int:
    """Ready pods as a Deployment reports them.

    A report about an earlier number of pods counts too, for the template never changes: what was ready still is. Only
    a promotion waits until the report is ``current``.
    """
    return 0 if deployment is None or deployment.deleting else int(deployment.status.get("readyReplicas") or 0)


def current(deployment: Child | None) -> bool:
    """Whether the Deployment's report is about its latest spec."""
    return deployment is not None and int(deployment.status.get("observedGeneration") or 0) >= deployment.generation


def needed(scaling: Scaling, serving: Child | None) -> int:
    """Pods that a revision must have ready before it takes over: as many as the spec asks for or, where an
    autoscaler decides, as many as the serving revision has now."""
    if not scaling.autoscaled:
        return scaling.replicas
    return min(max(scaling.lowest, asked_for(serving)), scaling.highest)
