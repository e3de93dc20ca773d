"""What a person is told to do while something hinders a candidate, and when it was given up."""

from __future__ import annotations

from dataclasses import replace

from modelway.cli.view.why import why
from modelway.world import ContainerState, Measured, Proof
from tests.cli.documents import seen
from tests.decide.cluster import Cluster, settled, spec_of

MISSING = "There is no ConfigMap golden in namespace ml, which spec.rollout.gates.golden names. Create it."
BROKEN = ContainerState("server", False, False, 3, exit_code=1, exit_reason="Error", exit_message="no such thing")


def without_golden_requests() -> Cluster:
    """A candidate that is ready, and golden requests that can't be sent."""
    cluster = settled(spec_of())
    cluster.change(spec_of("s3://models/2/", rollout={"gates": {"golden": {"configMap": "golden"}}}))
    for _ in range(8):
        cluster.look()
        cluster.run_controllers()
        proof = Proof("Inconclusive", MISSING, cluster.now)
        target = cluster.resource.status["rollout"]["target"].rpartition("-")[2]
        cluster.measured = replace(cluster.measured, golden={(target, "golden"): proof})
    return cluster


def test_a_gate_that_waiting_does_not_open_is_a_reason_of_its_own() -> None:
    cluster = without_golden_requests()
    progressing = cluster.condition("Progressing")
    assert (progressing["status"], progressing["reason"]) == ("True", "GateNotPassed")
    assert progressing["message"].endswith(MISSING)
    told = why(seen(cluster))
    assert MISSING in told and "Nothing needs to be done" not in told
    assert told.endswith("It is tried until spec.rollout.progressDeadline has passed; `modelway abort digits` ends it.")


def test_a_gate_that_is_being_asked_is_no_trouble() -> None:
    cluster = without_golden_requests()
    cluster.measured = Measured(cluster.measured.reports)
    cluster.look()
    assert cluster.condition("Progressing")["reason"] == "RevisionProgressing"


def failing(cluster: Cluster) -> Cluster:
    """Its newest revision's pods crash until the deadline."""
    cluster.look()
    cluster.run_controllers()
    for name, pod in list(cluster.pods.items()):
        if not pod.ready:
            cluster.pods[name] = replace(pod, containers=(BROKEN,))
    cluster.look()
    return cluster


def test_why_does_not_call_for_patience_while_pods_crash() -> None:
    told = why(seen(failing(Cluster(spec_of()))))
    assert "no such thing" in told and "Nothing needs to be done" not in told
    assert "spec.rollout.progressDeadline" in told


def test_a_first_revision_that_failed_has_no_former_spec_to_return_to() -> None:
    cluster = failing(Cluster(spec_of()))
    cluster.wait(601)
    cluster.look()
    message = cluster.condition("Stalled")["message"]
    assert "kubectl modelway retry digits" in message and "former spec" not in message
    assert why(seen(cluster)).endswith("`modelway retry digits` tries the same revision again.")


def test_an_update_that_failed_has_one() -> None:
    cluster = settled(spec_of())
    cluster.change(spec_of("s3://models/2/"))
    failing(cluster).wait(601)
    cluster.look()
    message = cluster.condition("Stalled")["message"]
    assert "return to the former spec" in message and "kubectl modelway retry digits" in message
