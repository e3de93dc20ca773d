"""A cluster in a hundred lines, for tests of decisions: it carries plans out, its controllers take steps when told.

It holds what the API server would hold, knows what server-side apply does to ``spec.replicas``, and objects aloud to
what a real API server would refuse.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from modelway.decide.plan import decide
from modelway.manifests import names
from modelway.world import (
    Apply,
    Child,
    ContainerState,
    Delete,
    Kind,
    Measured,
    Plan,
    Pod,
    Resource,
    Seed,
    Touch,
    World,
    Write,
)
from tests.decide import pods

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
HPA = "kube-controller-manager"

CPU = {"resources": {"requests": {"cpu": "100m"}}}  # what an autoscaler on CPU needs


def spec_of(uri: str = "s3://models/digits/1/", **parts: Any) -> dict[str, Any]:
    """A spec: ``spec_of("http://a/b", scaling={"replicas": 3})``."""
    return {"model": {"uri": uri}, **parts}


class Cluster:
    """One ModelDeployment and everything around it. A model whose address holds "bad" never becomes ready."""

    def __init__(self, spec: dict[str, Any], image: str = "modelserver:1") -> None:
        self.now = START
        self.resource = Resource("ml", "digits", "uid-md", 1, START, False, spec, {})
        self.children: dict[tuple[Kind, str], Child] = {}
        self.pods: dict[str, Pod] = {}
        self.image = image
        self.plans: list[Plan] = []
        self.switches: list[tuple[str, str]] = []
        self.applied: dict[str, int] = {}  # pod → the generation of the traffic document that it has read
        self.measured = Measured()
        self._serial = 0

    # --- what the user does

    def change(self, spec: dict[str, Any]) -> None:
        """A new spec."""
        if spec != self.resource.spec:
            self.resource = replace(self.resource, spec=spec, generation=self.resource.generation + 1)

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += timedelta(seconds=seconds)

    def remove(self, kind: Kind, name: str) -> None:
        """Somebody deletes a child by hand."""
        self._delete(self.children[kind, name])

    # --- what the operator does

    @property
    def world(self) -> World:
        """What the operator sees."""
        children = tuple(sorted(self.children.values(), key=lambda child: (child.kind, child.name)))
        return World(self.resource, children, tuple(self.pods.values()), self.image, measured=self.measured)

    def decide(self) -> Plan:
        """The plan for now, not carried out."""
        return decide(self.world, self.now)

    def look(self, writes: int | None = None) -> Plan:
        """One look of the operator; with ``writes`` it dies after that many of them."""
        plan = self.decide()
        self.plans.append(plan)
        for write in plan.writes[:writes]:
            self.carry_out(write)
        if writes is None and plan.status is not None:
            self.resource = replace(self.resource, status=plan.status)
        return plan

    def carry_out(self, write: Write) -> None:
        """One write, as the API server does it."""
        if isinstance(write, Apply):
            self._apply(write)
        elif isinstance(write, Seed):
            self._own_replicas(write.deployment, write.replicas, names.SEED_FIELD_MANAGER)
        elif isinstance(write, Touch):
            self.pods[write.pod] = replace(self.pods[write.pod], touched=write.generation)
        elif write.kind == "Pod":
            assert self.pods.pop(write.name).uid == write.uid
        else:
            self._delete_by(write)

    def settle(self, looks: int = 60) -> None:
        """Looks and controllers take turns until nothing happens any more; time jumps to what is waited for."""
        for _ in range(looks):
            plan = self.look()
            if self.run_controllers() or plan.writes or plan.status is not None:
                continue
            if plan.recheck_after is None:
                return
            self.wait(plan.recheck_after + 0.001)
        raise AssertionError(f"still not settled: {self.plans[-1]}")

    # --- what the cluster does

    def run_controllers(self) -> bool:
        """Autoscalers, Deployments and pods all take one step; whether any did."""
        before = (dict(self.children), dict(self.pods), self.measured)
        for scaler in self._of(Kind.HORIZONTAL_POD_AUTOSCALER):
            self._autoscale(scaler)
        for deployment in self._of(Kind.DEPLOYMENT):
            self._run_pods(deployment)
        self._measure()
        return before != (self.children, self.pods, self.measured)

    @property
    def document(self) -> dict[str, Any]:
        """The traffic document."""
        return pods.document(self.children)

    def act(self, verb: str, revision: str = "") -> None:
        """A person writes the annotation."""
        value = f"{verb}@{revision or self.candidate}:{self._uid()}"
        self.resource = replace(self.resource, annotations={names.ACTION: value})

    @property
    def candidate(self) -> str:
        """The hash of the revision that the status calls the candidate."""
        return str(self.resource.status["candidate"]["name"]).rpartition("-")[2]

    def _measure(self) -> None:
        """Kubelets refresh what was touched; the pods that the last decision asked about are asked."""
        generation = int(self.document.get("generation", 0))
        for pod in self.pods.values():
            touched = pod.touched.partition(".")[0] == str(generation)
            if pod.name not in self.applied or touched:
                self.applied[pod.name] = generation
        wanted = self.plans[-1].measure if self.plans else None
        asked = {uid for _, uid, _ in wanted.pods} if wanted else set()
        self.measured = Measured(
            reports={
                pod.uid: pods.report(self.children, pod, self.applied[pod.name], self.now)
                for pod in self.pods.values()
                if pod.uid in asked and pod.ready
            }
        )

    def load(self, revision: str, replicas: int) -> None:
        """The autoscaler of a revision finds that it needs so many pods."""
        self._own_replicas(names.revision("digits", revision), replicas, HPA)

    @property
    def serving(self) -> str:
        """The hash that the front Service names."""
        return str(self.children[Kind.SERVICE, "digits"].body["spec"]["selector"][names.REVISION])

    @property
    def answering(self) -> list[Pod]:
        """The pods that users reach."""
        return [pod for pod in self.pods.values() if pod.ready and pod.revision == self.serving]

    @property
    def deployments(self) -> dict[str, int]:
        """Revision → replicas."""
        return {c.labels[names.REVISION]: c.body["spec"]["replicas"] for c in self._of(Kind.DEPLOYMENT)}

    def condition(self, kind: str) -> dict[str, Any]:
        """A condition of the status, or nothing."""
        return next((c for c in self.resource.status["conditions"] if c["type"] == kind), {})

    def _of(self, kind: Kind) -> list[Child]:
        return [child for child in self.children.values() if child.kind is kind]

    def _apply(self, write: Apply) -> None:
        manifest = write.manifest
        kind, name = Kind(manifest["kind"]), manifest["metadata"]["name"]
        live = self.children.get((kind, name))
        assert write.create == (live is None), f"create={write.create}, but {live}"
        body = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind", "metadata")}
        owners = live.replicas_owners if live else frozenset[str]()
        if kind is Kind.DEPLOYMENT:
            body, owners = self._with_replicas(body, live)
        if live and kind is Kind.CONTROLLER_REVISION:
            assert live.body["data"] == body["data"], "a ControllerRevision's data is immutable"
        if live and kind is Kind.DEPLOYMENT:
            assert live.body["spec"]["template"] == body["spec"]["template"], "a revision's pod template changed"
        if live and (kind, name) == (Kind.SERVICE, "digits"):
            self.switches.append((self.serving, body["spec"]["selector"][names.REVISION]))
        child = Child(
            kind=kind,
            name=name,
            uid=live.uid if live else self._uid(),
            generation=(live.generation + (live.body != body)) if live else 1,
            created_at=live.created_at if live else self.now,
            deleting=False,
            labels=manifest["metadata"]["labels"],
            annotations=manifest["metadata"]["annotations"],
            body=body,
            status=live.status if live else {},
            replicas_owners=owners,
        )
        self.children[kind, name] = child

    def _with_replicas(self, body: dict[str, Any], live: Child | None) -> tuple[dict[str, Any], frozenset[str]]:
        """Server-side apply: who sends the field owns it; when its last owner stops sending it, it is reset."""
        owners, before = (live.replicas_owners, live.body["spec"]["replicas"]) if live else (frozenset(), 1)
        if "replicas" in body["spec"]:
            same = body["spec"]["replicas"] == before
            return body, frozenset({names.FIELD_MANAGER} | (owners if same else frozenset()))
        left = owners - {names.FIELD_MANAGER}
        replicas = 1 if owners and not left else before
        return {**body, "spec": {**body["spec"], "replicas": replicas}}, left

    def _own_replicas(self, name: str, replicas: int, manager: str) -> None:
        live = self.children[Kind.DEPLOYMENT, name]
        same = live.body["spec"]["replicas"] == replicas
        body = {**live.body, "spec": {**live.body["spec"], "replicas": replicas}}
        owners = frozenset({manager}) | (live.replicas_owners if same else frozenset())
        self.children[Kind.DEPLOYMENT, name] = replace(
            live, body=body, generation=live.generation + (not same), replicas_owners=owners
        )

    def _delete_by(self, write: Delete) -> None:
        child = self.children[Kind(write.kind), write.name]
        assert child.uid == write.uid
        self._delete(child)

    def _delete(self, child: Child) -> None:
        del self.children[child.kind, child.name]
        if child.kind is Kind.DEPLOYMENT:
            self.pods = {n: pod for n, pod in self.pods.items() if pod.revision != child.labels[names.REVISION]}

    def _autoscale(self, scaler: Child) -> None:
        live = self.children.get((Kind.DEPLOYMENT, scaler.name))
        if live is None:
            return
        replicas = live.body["spec"]["replicas"]
        bounded = min(max(replicas, scaler.body["spec"]["minReplicas"]), scaler.body["spec"]["maxReplicas"])
        if bounded != replicas:
            self._own_replicas(scaler.name, bounded, HPA)

    def _run_pods(self, deployment: Child) -> None:
        revision, replicas = deployment.labels[names.REVISION], deployment.body["spec"]["replicas"]
        mine = [pod for pod in self.pods.values() if pod.revision == revision]
        for pod in sorted(mine, key=lambda pod: pod.ready)[: max(0, len(mine) - replicas)]:
            del self.pods[pod.name]
        uri = self.children[Kind.CONTROLLER_REVISION, deployment.name].body["data"]["model"]["uri"] if mine else ""
        for pod in mine:
            if pod.name in self.pods and "bad" not in uri:
                crashed = any(container.restarts for container in pod.containers)
                containers = pod.containers if crashed else fetched(uri)
                since = pod.ready_since or self.now
                self.pods[pod.name] = replace(pod, ready=True, ready_since=since, containers=containers)
        for _ in range(replicas - len(mine)):
            name = f"{deployment.name}-{self._uid()}"
            self.pods[name] = Pod(
                name, f"uid-{name}", revision, "Running", "node-1", False, False, self.now, None, address="10.0.0.1"
            )
        mine = [pod for pod in self.pods.values() if pod.revision == revision]
        status = {
            "observedGeneration": deployment.generation,
            "replicas": len(mine),
            "readyReplicas": sum(pod.ready for pod in mine),
        }
        self.children[deployment.kind, deployment.name] = replace(deployment, status=status)

    def _uid(self) -> str:
        self._serial += 1
        return f"u{self._serial:03d}"


def fetched(uri: str) -> tuple[ContainerState, ...]:
    """A pod's containers once the model was fetched; the digest is made of the address."""
    digest = "sha256:" + uri.encode().hex().ljust(64, "0")[:64]
    message = f'{{"digest": "{digest}", "bytes": 123}}'
    fetch = ContainerState("fetch", True, True, 0, exit_code=0, exit_reason="Completed", exit_message=message)
    return (fetch, ContainerState("server", False, True, 0))


def settled(spec: dict[str, Any]) -> Cluster:
    """A cluster in which that spec has come to rest."""
    cluster = Cluster(spec)
    cluster.settle()
    return cluster
