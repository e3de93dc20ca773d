"""How each state of a ModelDeployment comes about, told with the real ``decide``, and the object as others see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from modelway.world import ContainerState, Kind, Refusal, World
from tests.decide.cluster import Cluster, settled, spec_of

ONE, TWO, BROKEN = "s3://models/digits/1/", "s3://models/digits/2/", "s3://models/bad/"
STEPS: Final = [
    {"shadow": {"duration": "1m"}},
    {"setWeight": 25},
    {"pause": {"duration": "1m"}},
    {"setCanaryScale": {"replicas": 3}},
    {"setWeight": 50},
    {"analysis": {"duration": "1m", "checks": [{"metric": "errorRate", "max": 0.01}]}},
]
OPEN: Final = [{"setWeight": 50}, {"pause": {}}]


def canary(uri: str, **rollout: Any) -> dict[str, Any]:
    """A spec with a canary's steps."""
    return spec_of(uri, scaling={"replicas": 4}, rollout={"strategy": "Canary", "steps": STEPS} | rollout)


def document(cluster: Cluster, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    """The object as the API server shows it."""
    resource = cluster.resource
    metadata = {
        "name": resource.name,
        "namespace": resource.namespace,
        "uid": resource.uid,
        "generation": resource.generation,
        "resourceVersion": str(4_000 + len(cluster.plans)),
    }
    status = resource.status or {"observedGeneration": -1}  # the CRD's default
    return {
        "apiVersion": "modelway.io/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": metadata | ({"annotations": annotations} if annotations else {}),
        "spec": resource.spec,
        "status": status,
    }


def step(cluster: Cluster) -> None:
    """One look, and what follows from it; time passes where nothing does."""
    plan = cluster.look()
    if not cluster.run_controllers() and not plan.writes and plan.status is None and plan.recheck_after:
        cluster.wait(plan.recheck_after + 0.001)


def until(cluster: Cluster, reached: Callable[[dict[str, Any]], bool], looks: int = 200) -> Cluster:
    """Steps until the status is as asked for."""
    for _ in range(looks):
        if cluster.resource.status and reached(dict(cluster.resource.status)):
            return cluster
        step(cluster)
    raise AssertionError(f"never reached: {cluster.resource.status}")


def updated(before: dict[str, Any], after: dict[str, Any]) -> Cluster:
    """The first spec serves, the second was seen."""
    cluster = settled(before)
    cluster.change(after)
    cluster.look()
    return cluster


def at_step(number: int, **rollout: Any) -> Cluster:
    """A canary in its step of that number."""
    cluster = updated(canary(ONE, **rollout), canary(TWO, **rollout))
    return until(cluster, lambda status: status["rollout"].get("step") == number)


def waiting(**rollout: Any) -> Cluster:
    """A canary that waits for a person."""
    cluster = updated(canary(ONE, steps=OPEN, **rollout), canary(TWO, steps=OPEN, **rollout))
    return until(cluster, lambda status: status["phase"] == "Paused")


def commanded(cluster: Cluster, verb: str) -> Cluster:
    """A person wrote the verb, and it was read."""
    cluster.act(verb)
    cluster.look()
    return cluster


def ended(uri: str, **rollout: Any) -> Cluster:
    """What became of a canary."""
    cluster = updated(canary(ONE, **rollout), canary(uri, **rollout))
    cluster.settle(300)
    return cluster


def fresh(looks: int, spec: dict[str, Any] | None = None) -> Cluster:
    """A new resource after so many looks."""
    cluster = Cluster(spec or spec_of(ONE))
    for _ in range(looks):
        step(cluster)
    return cluster


def given_up() -> Cluster:
    cluster = Cluster(spec_of(BROKEN))
    cluster.settle()
    return cluster


def unseen_change() -> Cluster:
    cluster = settled(spec_of(ONE))
    cluster.change(spec_of(TWO))
    return cluster


def held_by_a_check() -> Cluster:
    cluster = updated(canary(ONE, onFailure="Pause"), canary("s3://models/erroring/", onFailure="Pause"))
    return until(cluster, lambda status: "held" in status["rollout"])


def drained() -> Cluster:
    """Its pods went all at once; others come."""
    cluster = settled(spec_of(ONE))
    cluster.pods.clear()
    cluster.run_controllers()
    cluster.look()
    return cluster


def crashing() -> Cluster:
    """What served for long crashes at every start."""
    cluster = settled(spec_of(ONE))
    server = ContainerState(
        "server", False, False, 5, "CrashLoopBackOff", "back-off", exit_code=139, exit_reason="Error"
    )
    cluster.pods = {n: replace(pod, ready=False, containers=(server,)) for n, pod in cluster.pods.items()}
    for deployment in [child for child in cluster.children.values() if child.kind is Kind.DEPLOYMENT]:
        cluster.children[deployment.kind, deployment.name] = replace(
            deployment, status={**deployment.status, "readyReplicas": 0}
        )
    cluster.look()
    return cluster


def waiting_preview() -> Cluster:
    """A BlueGreen candidate that is complete."""
    green = {"strategy": "BlueGreen"}
    cluster = updated(spec_of(ONE, rollout=green), spec_of(TWO, rollout=green))
    return until(cluster, lambda status: status["phase"] == "Paused")


def paused_canary() -> Cluster:
    """The spec says so in the middle of the steps."""
    cluster = at_step(3)
    cluster.change(canary(TWO, paused=True))
    cluster.look()
    return cluster


def retried() -> Cluster:
    """A revision that was aborted begins anew."""
    cluster = at_step(3)
    revision = cluster.candidate
    commanded(cluster, "abort").settle()
    cluster.act("retry", revision)
    cluster.look()
    return cluster


class Refusing(Cluster):
    """The API server does not take Deployments any more."""

    refuses = True

    @property
    def world(self) -> World:
        refusal = Refusal("Deployment", "digits-0123456789", 403, "exceeded quota: pods")
        return replace(super().world, refusals=(refusal,) if self.refuses else ())


def refused(serves: bool) -> Cluster:
    """The first revision's, or that of an update."""
    cluster = Refusing(spec_of(ONE))
    cluster.refuses = not serves
    if serves:
        cluster.settle()
        cluster.change(spec_of(TWO))
        cluster.refuses = True
    cluster.look()
    return cluster


def unreadable() -> Cluster:
    """What was written in the middle of a canary makes no sense."""
    cluster = at_step(3)
    cluster.change(canary("ftp://a/b"))
    cluster.look()
    return cluster
