"""What a person reads when a new revision does not come up: pods and Deployments in, reason and sentences out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from modelway.decide.plan import decide
from modelway.decide.remedies import SAID_BY_CONTAINERS
from modelway.decide.scheduling import plain
from modelway.manifests import names, runtime
from modelway.world import ContainerState, Kind, Refusal
from tests.decide.cluster import Cluster, spec_of

BAD = spec_of("s3://models/bad/", serving={"resources": {"limits": {"memory": "64Mi"}}})


def beside_a_good_one(*containers: ContainerState, **pod: object) -> Cluster:
    """Revision 1 serves; revision 2's only pod looks as given."""
    cluster = Cluster(spec_of())
    cluster.settle()
    cluster.change(BAD)
    cluster.look()
    cluster.run_controllers()
    name = next(name for name, found in cluster.pods.items() if found.revision != cluster.serving)
    cluster.pods[name] = replace(cluster.pods[name], name="digits-x", containers=containers, **pod)  # type: ignore[arg-type]
    cluster.look()
    return cluster


def fetch(message: str = "", **state: object) -> ContainerState:
    """The init container after it failed."""
    return ContainerState("fetch", True, False, 3, exit_code=1, exit_reason="Error", exit_message=message, **state)  # type: ignore[arg-type]


def server(message: str = "", reason: str = "Error", code: int = 1, **state: object) -> ContainerState:
    """The server after it failed."""
    return ContainerState("server", False, False, 3, exit_code=code, exit_reason=reason, exit_message=message, **state)  # type: ignore[arg-type]


def said(reason: str, message: str) -> str:
    """A termination message of the contract."""
    return json.dumps({"reason": reason, "message": message})


CASES = {
    "a wrong address": (
        [fetch(said("ModelNotFound", "http://h/m.onnx answered 404 Not Found. Check spec.model.uri."))],
        "ModelNotFound",
        "The model was not found. Pod digits-x says: http://h/m.onnx answered 404 Not Found. Check spec.model.uri.",
    ),
    "a remedy is added where the container gave none": (
        [fetch(said("ModelSourceUnreachable", "h:80 refused the connection"))],
        "ModelSourceUnreachable",
        "The model's source can't be reached. Check the host in spec.model.uri, and that pods may reach it."
        " Pod digits-x says: h:80 refused the connection.",
    ),
    "more memory than allowed": (
        [server("loading model.onnx\n", "OOMKilled", 137)],
        "OOMKilled",
        "Pod digits-x: container server needed more than its memory limit of 64Mi and was ended."
        " Raise spec.serving.resources.limits.memory. It said last: loading model.onnx.",
    ),
    "a crash that only the log tells of": (
        [server("Traceback (most recent call last):\n  …\nValueError: no\n", waiting_reason="CrashLoopBackOff")],
        "ServerCrashed",
        "Pod digits-x: container server ended with exit code 1 while serving it."
        " See `kubectl logs digits-x -c server --previous`. It said last: ValueError: no.",
    ),
    "an image that is not there": (
        [ContainerState("fetch", True, False, 0, waiting_reason="ImagePullBackOff", waiting_message="Back-off 10s")],
        "ImageUnavailable",
        "Pod digits-x: node node-1 can't get the server's image modelserver:1. Check that the image exists (the"
        " operator's runtime image setting) and that the node may pull it (spec.serving.pod.imagePullSecrets).",
    ),
    "a reference to nothing": (
        [
            ContainerState(
                "server", False, False, 0, waiting_reason="CreateContainerConfigError", waiting_message="no x"
            )
        ],
        "ContainerConfigError",
        "Pod digits-x: container server can't be created: no x. Check spec.serving.pod.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_trouble_is_told_while_what_serves_stays_ready(case: str) -> None:
    containers, reason, message = CASES[case]
    cluster = beside_a_good_one(*containers)
    progressing, loaded = cluster.condition("Progressing"), cluster.condition("ModelLoaded")
    assert (progressing["status"], progressing["reason"]) == ("True", reason)
    assert progressing["message"].endswith(message)
    assert (loaded["status"], loaded["reason"], loaded["message"]) == ("False", reason, message)
    assert cluster.condition("Ready")["status"] == "True"
    assert not cluster.condition("Stalled")


@pytest.mark.parametrize("case", CASES)
def test_after_the_deadline_the_trouble_is_why_it_stalled(case: str) -> None:
    containers, reason, message = CASES[case]
    cluster = beside_a_good_one(*containers)
    cluster.wait(600)
    plan = cluster.look()
    stalled = cluster.condition("Stalled")
    assert stalled["reason"] == reason
    assert message in stalled["message"]
    assert "revision 1" in stalled["message"].lower()
    assert [event.reason for event in plan.events] == ["RevisionFailed"]
    failed = next(c for c in cluster.children.values() if names.FAILED_AT in c.annotations)
    assert failed.annotations[names.FAILED_MESSAGE] == message
    assert len(cluster.deployments) == 1


def test_a_pod_that_finds_no_node() -> None:
    text = "0/3 nodes are available: 1 node(s) had untolerated taint {gpu: yes}, 2 Insufficient cpu. preemption: 0/3 …"
    cluster = beside_a_good_one(unschedulable=text)
    assert cluster.condition("Progressing")["reason"] == "Unschedulable"
    assert "2 of 3 nodes have too little cpu free" in cluster.condition("Progressing")["message"]


SCHEDULER = {
    "0/2 nodes are available: 2 Insufficient memory. preemption: 0/2 nodes are available: 2 No preemption victims.": (
        "2 of 2 nodes have too little memory free. Lower spec.serving.resources.requests, or add a larger node."
    ),
    "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate": (
        "1 of 1 nodes lack the labels asked for. Change spec.serving.pod.nodeSelector."
    ),
    '0/2 nodes are available: persistentvolumeclaim "models" not found. preemption: …': (
        "there is no PersistentVolumeClaim models. Create it, or change spec.model.uri."
    ),
    "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s).": (
        "1 of 2 nodes have too little cpu free; 1 of 2 nodes have a taint that the pod does not bear."
        " Lower spec.serving.resources.requests, or add a larger node. Let spec.serving.pod.tolerations bear the taint."
    ),
    "something new": "the scheduler says: something new.",
}


@pytest.mark.parametrize("message", SCHEDULER)
def test_the_scheduler_made_plain(message: str) -> None:
    assert plain(message) == SCHEDULER[message]


def test_pods_that_the_api_server_refuses_never_name_a_pod_that_never_was() -> None:
    cluster = beside_a_good_one()
    cluster.pods = {name: pod for name, pod in cluster.pods.items() if pod.revision == cluster.serving}
    key = next(k for k in cluster.children if k[0] is Kind.DEPLOYMENT and cluster.serving not in k[1])
    text = (
        'pods "digits-81ab-x2v" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1'
    )
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": text}
    cluster.children[key] = replace(cluster.children[key], status={"conditions": [condition]})
    cluster.look()
    progressing = cluster.condition("Progressing")
    assert progressing["reason"] == "QuotaExceeded"
    assert "x2v" not in progressing["message"]
    assert "exceeded quota: small" in progressing["message"]


def test_a_container_that_restarts_does_not_make_the_status_change() -> None:
    text = said("ModelFailed", "the warm-up request failed")
    cluster = beside_a_good_one(server(text, waiting_reason="CrashLoopBackOff"))
    for state in (server(text), replace(server(text, waiting_reason="CrashLoopBackOff"), restarts=9)):
        cluster.pods = {
            n: replace(p, containers=(state,)) if p.name == "digits-x" else p for n, p in cluster.pods.items()
        }
        assert cluster.decide().status is None


REFUSALS = {
    "somebody else's Service": (
        Refusal("Service", "digits", 409, "conflict"),
        "NameTaken",
        "A Service named digits exists in namespace ml that is not Modelway's. Delete or rename it,",
    ),
    "a quota on objects": (
        Refusal("Deployment", "digits-x", 403, "exceeded quota: few"),
        "QuotaExceeded",
        "Deployment digits-x does not fit into the namespace's quota.",
    ),
    "missing rights": (Refusal("PodDisruptionBudget", "digits-x", 403, "no"), "Forbidden", "Modelway may not write"),
    "an invalid object": (Refusal("Deployment", "digits-x", 422, "labels: no"), "Rejected", "It says: labels: no."),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refused_write_is_told_and_nothing_else_changes(case: str) -> None:
    refusal, reason, text = REFUSALS[case]
    cluster = Cluster(spec_of())
    cluster.settle()
    cluster.change(spec_of("s3://models/2/"))
    plan = decide(replace(cluster.world, refusals=(refusal,)), cluster.now)
    assert plan.status is not None
    told = {condition["type"]: condition for condition in plan.status["conditions"]}
    assert told["Stalled"]["reason"] == reason
    assert text in told["Stalled"]["message"]
    assert told["Ready"]["status"] == "True"
    assert "Reconciling" not in told
    assert plan.events == ()


def test_every_reason_of_the_contract_has_a_remedy() -> None:
    assert set(SAID_BY_CONTAINERS) == set(runtime.FAILURES)


def test_the_deadline_does_not_run_while_a_write_is_refused() -> None:
    cluster = Cluster(spec_of())
    taken = Refusal("Service", "digits", 409, "conflict")
    for _ in range(3):
        status = decide(replace(cluster.world, refusals=(taken,)), cluster.now).status
        cluster.resource = replace(cluster.resource, status=status or cluster.resource.status)
        cluster.wait(601)
    cluster.settle()
    assert cluster.condition("Ready")["status"] == "True"


def test_an_evicted_pod_of_what_serves_is_no_news() -> None:
    cluster = Cluster(spec_of())
    cluster.settle()
    (pod,) = cluster.pods.values()
    evicted = replace(pod, name="digits-evicted", phase="Failed", ready=False, containers=(server("", "Error", 137),))
    cluster.pods["digits-evicted"] = evicted
    plan = cluster.decide()
    assert (plan.writes, plan.status) == ((), None)
