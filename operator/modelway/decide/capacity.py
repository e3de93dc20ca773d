"""How many pods are needed, and how many there are: no revision takes traffic that its ready pods can't hold."""

from __future__ import annotations

from modelway.api.scaling import Scaling
from modelway.world import Child


def asked_for(deployment: Child | None) -> int:
    """The replicas in a Deployment's spec."""
    spec = deployment.body.get("spec") if deployment else None
    replicas = spec.get("replicas") if spec else 0
    return int(replicas) if replicas is not None else 1  # as the API server's default


def ready(deployment: Child | None, strange: int = 0) -> int:
    """Ready pods of a revision as its Deployment reports them, less those that serve strange bytes.

    0 while the Deployment controller has not yet seen the latest spec: what it reports then is about another one.
    """
    if deployment is None or deployment.deleting:
        return 0
    if int(deployment.status.get("observedGeneration") or 0) < deployment.generation:
        return 0
    return max(0, int(deployment.status.get("readyReplicas") or 0) - strange)


def needed(scaling: Scaling, serving: Child | None) -> int:
    """Pods that a revision must have ready before it takes over: as many as the spec asks for or, where an
    autoscaler decides, as many as the serving revision has now."""
    if not scaling.autoscaled:
        return scaling.replicas
    return min(max(scaling.lowest, asked_for(serving)), scaling.highest)
