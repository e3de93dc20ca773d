"""A model that leans to one class is found out by the whole of its answers; and the spec goes back to a revision of the
history: both on the real cluster, under clients that never retry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from e2e.canary.test_canary import canary, ended, start
from e2e.cluster.commands import CommandFailed
from e2e.steps import Namespace, wait_until

SHADOW: list[dict[str, Any]] = [{"shadow": {"duration": "4s"}}]


def judged(*checks: dict[str, Any]) -> dict[str, Any]:
    """A rollout with one shadow step and these checks."""
    return {"steps": SHADOW, "analysis": {"interval": "1s", "checks": list(checks)}}


@pytest.mark.timeout(400)
def test_the_api_server_refuses_what_would_never_be_measured(namespace: Namespace) -> None:
    wrong = (
        ({"metric": "shadowAgreemnt", "min": 0.9}, "metric must be one of errorRate, "),
        ({"metric": "errorRate.probabilities", "max": 0.1}, "metric must be one of errorRate, "),
        ({"metric": "distributionShift", "min": 0.1}, "distributionShift takes a max and no min"),
    )
    for check, sentence in wrong:
        with pytest.raises(CommandFailed, match=sentence):
            namespace.apply(canary("1", **judged(check)))
    with pytest.raises(CommandFailed, match="toRevision"):
        namespace.apply({**canary("1"), "spec": {**canary("1")["spec"], "rollback": {"toRevision": 0}}})
    apart = [{"setWeight": 10}, {"analysis": {"checks": [{"metric": "classAgreement", "min": 0.9}]}}]
    with pytest.raises(CommandFailed, match="in an analysis step nothing is copied"):
        namespace.apply(canary("1", steps=apart, analysis={}))


@pytest.mark.timeout(500)
def test_a_leaning_model_is_rolled_back_and_the_history_is_returned_to(
    namespace: Namespace, say: Callable[[str], None]
) -> None:
    load = start(namespace)
    one = namespace.status()["stable"]["revision"]
    namespace.apply(canary("leaning", **judged({"metric": "distributionShift", "max": 0.05, "minSamples": 100})))
    status = ended(namespace)
    say(namespace.condition("Stalled").get("message", "not stalled"))
    (found,) = status["rollout"]["evidence"]
    assert (found["check"], found["state"]) == ("distributionShift", "Failed"), found
    assert found["value"] > 0.2

    unknown = {"metric": "shadowAgreement.logits", "min": 0.9}
    namespace.apply(canary("slow", **judged(unknown), progressDeadline="15s"))
    ended(namespace)
    stalled = namespace.condition("Stalled")["message"]
    say(stalled)
    assert "shadowAgreement.logits: there is no such output; the answers have" in stalled
    assert "probabilities" in stalled

    agrees = {"metric": "shadowAgreement.probabilities", "min": 0.9, "minSamples": 100}
    namespace.apply(canary("rounded", **judged(agrees)))
    wait_until(lambda: _serves(namespace, "rounded"), 150, lambda: f"rounded serves: {namespace.status()}")

    back = canary("rounded", **judged(agrees))
    namespace.apply({**back, "spec": {**back["spec"], "rollback": {"toRevision": one}}})
    took = wait_until(lambda: _serves(namespace, "1"), 150, lambda: f"version 1 serves: {namespace.status()}")
    told = namespace.status()["rollout"]["message"]
    say(f"{took:.1f} s: {told}")
    assert namespace.condition("Progressing")["reason"] == "RollbackInForce"
    assert f"spec.rollback.toRevision: {one} (revision" in told
    assert "Remove spec.rollback to go on with it." in told

    namespace.apply({**back, "spec": {**back["spec"], "rollback": {"toRevision": 99}}})
    wait_until(lambda: namespace.condition("Stalled").get("reason") == "RevisionNotFound", 30,
               lambda: f"nobody knows revision 99: {namespace.status()}")  # fmt: skip
    say(namespace.condition("Stalled")["message"])
    assert namespace.status()["stable"]["version"] == "1"

    namespace.kubectl("patch", "md/digits", "--type=json", "-p", '[{"op": "remove", "path": "/spec/rollback"}]')
    wait_until(lambda: _serves(namespace, "rounded"), 150, lambda: f"rounded serves again: {namespace.status()}")
    report = load.finish()
    say(report.sentence())
    assert report.failed == 0, report.document["failures"]


def _serves(namespace: Namespace, version: str) -> bool:
    """At rest, whatever the spec's model is called."""
    document = namespace.get("md", "digits")
    status = document.get("status", {})
    types = {c["type"] for c in status.get("conditions", []) if c["status"] == "True"}
    current = status.get("observedGeneration") == document["metadata"]["generation"]
    alone = len(namespace.items("deployments")) == 1
    return bool(current and alone and not {"Reconciling", "Stalled"} & types and status["stable"]["version"] == version)
