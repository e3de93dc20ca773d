"""``get``: a rollout as a value (``Picture``): revisions with their pods, steps, checks, what is waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modelway.cli.seen import Document, Seen, hash_of, marks
from modelway.cluster.records import record_of, unpack_pod
from modelway.manifests import names
from modelway.world import Pod

from .prospect import next_up, waits
from .routes import RouteLine, routes
from .steps import StepLine, steps

ROLES: Final = ("stable", "candidate")  # of revisions that the status names


@dataclass(frozen=True, slots=True)
class PodLine:
    """A pod; ``state`` says in words what it does."""

    name: str
    ready: bool
    state: str
    node: str
    restarts: int


@dataclass(frozen=True, slots=True)
class RevisionLine:
    """A revision: stable, candidate, coming or leaving by its ``role``. ``weight`` in percent, None if unshared."""

    role: str
    revision: int
    name: str
    version: str
    digest: str
    weight: int | None
    ready: int
    replicas: int
    pods: tuple[PodLine, ...]
    failure: str = ""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """What a check found when its verdict last changed."""

    check: str
    state: str
    samples: int
    value: float | None
    stable_value: float | None
    message: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All that ``get`` shows."""

    namespace: str
    name: str
    phase: str
    strategy: str
    message: str
    current: bool
    revisions: tuple[RevisionLine, ...]
    routes: tuple[RouteLine, ...]
    steps: tuple[StepLine, ...]
    checks: tuple[CheckLine, ...]
    waits: str
    next: str
    last_action: str


def picture(seen: Seen) -> Picture:
    """What is to be seen of a ModelDeployment."""
    rollout = seen.spec.get("rollout") or {}
    return Picture(
        namespace=seen.namespace,
        name=seen.name,
        phase=str(seen.status.get("phase", "Unknown")),
        strategy=str(rollout.get("strategy", "RollingUpdate")),
        message=str(seen.rollout.get("message", "")),
        current=seen.current,
        revisions=_revisions(seen),
        routes=routes(seen),
        steps=steps(seen),
        checks=tuple(_check(each) for each in seen.rollout.get("evidence") or ()),
        waits=waits(seen),
        next=next_up(seen),
        last_action=_action(seen.rollout.get("lastAction") or {}),
    )


def _revisions(seen: Seen) -> tuple[RevisionLine, ...]:
    told = [(role, seen.status[role]) for role in ROLES if seen.status.get(role)]
    known = {str(each.get("name", "")) for _, each in told}
    rest = [each for each in seen.of("Deployment") if each["metadata"]["name"] not in known]
    return (*(_told(seen, role, each) for role, each in told), *(_beside(seen, each) for each in rest))


def _told(seen: Seen, role: str, told: Document) -> RevisionLine:
    name = str(told.get("name", ""))
    revision = name.removeprefix(f"{seen.name}-")
    record = next((each for each in seen.revisions() if hash_of(each) == revision), None)
    failed = marks(record).get(names.FAILED_REASON, "") if record and role == "candidate" else ""
    return RevisionLine(
        role=role,
        revision=int(told.get("revision") or 0),
        name=name,
        version=str(told.get("version", "")),
        digest=str(told.get("digest", "")),
        weight=told.get("weight"),
        ready=int(told.get("ready") or 0),
        replicas=int(told.get("replicas") or 0),
        pods=_pods(seen, revision),
        failure=failed,
    )


def _beside(seen: Seen, deployment: Document) -> RevisionLine:
    """A revision that the status does not name: its pods go, or it was just made and the status is not written yet."""
    revision = hash_of(deployment)
    record = next((each for each in seen.revisions() if hash_of(each) == revision), {})
    model = (record.get("data") or {}).get("model") or {}
    status = deployment.get("status") or {}
    number = int(record.get("revision", 0))
    newest = number > max(
        (int(seen.status[role].get("revision") or 0) for role in ROLES if seen.status.get(role)), default=0
    )
    return RevisionLine(
        role="coming" if newest and not seen.current else "leaving",
        revision=number,
        name=str(deployment["metadata"]["name"]),
        version=str(model.get("version", "")),
        digest=marks(record).get(names.DIGEST, "") if record else "",
        weight=None,
        ready=int(status.get("readyReplicas", 0)),
        replicas=int((deployment.get("spec") or {}).get("replicas", 0)),
        pods=_pods(seen, revision),
    )


def _pods(seen: Seen, revision: str) -> tuple[PodLine, ...]:
    return tuple(_pod(unpack_pod(record_of(each, "Pod"))) for each in seen.pods(revision))


def _pod(pod: Pod) -> PodLine:
    return PodLine(pod.name, pod.ready, pod_state(pod), pod.node, sum(each.restarts for each in pod.containers))


_BEGINNING: Final = frozenset({"PodInitializing", "ContainerCreating"})  # each container waits so at first


def pod_state(pod: Pod) -> str:
    """What a pod does, in words."""
    if pod.deleting:
        return "draining"
    if pod.ready:
        return "ready"
    if pod.unschedulable:
        return f"no node takes it: {pod.unschedulable}"
    for container in pod.containers:
        if container.waiting_reason and container.waiting_reason not in _BEGINNING:
            return f"container {container.name}: {container.waiting_reason}"
    if any(each.init and each.exit_code == 0 for each in pod.containers):
        return "loads the model"
    return "fetches the model" if pod.node else "waits for a node"


def _check(told: Document) -> CheckLine:
    return CheckLine(
        check=str(told.get("check", "")),
        state=str(told.get("state", "")),
        samples=int(told.get("samples") or 0),
        value=told.get("value"),
        stable_value=told.get("stableValue"),
        message=str(told.get("message", "")),
    )


def _action(told: Document) -> str:
    if not told:
        return ""
    verb = str(told["action"]).partition("@")[0]
    return f"{verb}: {told['result']} at {told['at']}. {told['message']}"
