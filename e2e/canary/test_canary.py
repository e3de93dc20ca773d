"""Canaries on the real cluster, under clients that never retry: a good one is promoted by itself, and whatever a model
does wrong, users are answered, the rollout ends as it should, and says why with numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from e2e.canary.models import files
from e2e.load import Load, probabilities
from e2e.pods import file_server
from e2e.steps import Namespace, model_deployment, wait_until

STEPS: list[dict[str, Any]] = [
    {"shadow": {"percent": 100, "duration": "6s"}},
    {"setWeight": 25},
    {"pause": {"duration": "5s"}},
    {"setWeight": 50},
    {"pause": {"duration": "5s"}},
]
CHECKS: list[dict[str, Any]] = [
    {"metric": "errorRate", "max": 0.05},
    {"metric": "latencyP95", "maxRatioToStable": 3, "minSamples": 100},
    {"metric": "shadowAgreement", "min": 0.98, "minSamples": 100},
]
CANARY: dict[str, Any] = {
    "strategy": "Canary",
    "steps": STEPS,
    "analysis": {"interval": "1s", "checks": CHECKS},
    "progressDeadline": "90s",
}
NAMES = ("erroring", "slow", "perturbed", "rounded", "wide", "leaning")


def canary(version: str, **rollout: Any) -> dict[str, Any]:
    """The digits' version 1 or 2, or one of the bad models."""
    model = {"uri": f"http://bad/{version}.onnx"} if version in NAMES else {}
    return model_deployment(version=version, scaling={"replicas": 2}, rollout=CANARY | rollout, model=model)


def start(namespace: Namespace, rate: float = 100) -> Load:
    """The bad models' server, version 1, and the load."""
    namespace.apply(*file_server("bad", namespace.name, namespace.cluster.image("runtime"), files()))
    namespace.kubectl("wait", "--for=condition=Ready", "pod/bad", "--timeout=60s")
    namespace.apply(canary("1"))
    namespace.wait_serving("1")
    answers = {name: probabilities("1", 40) for name in ("erroring", "slow", "rounded")}
    return Load(namespace.cluster, namespace.name).start(
        "http://digits/v2/models/digits/infer", duration=800, rate=rate, keep_alive=4, new=4, answers=answers
    )


def ended(namespace: Namespace) -> dict[str, Any]:
    """The status, once the latest change was taken or refused and what went is gone."""

    def over() -> bool:
        document = namespace.get("md", "digits")
        status = document.get("status", {})
        types = {c["type"] for c in status.get("conditions", []) if c["status"] == "True"}
        current = status.get("observedGeneration") == document["metadata"]["generation"]
        return current and "Reconciling" not in types and len(namespace.items("deployments")) == 1

    wait_until(over, 150, lambda: f"the rollout is over: {namespace.status()}")
    return namespace.status()


@pytest.mark.timeout(400)
def test_a_good_canary_takes_the_traffic_in_steps_and_is_promoted(
    namespace: Namespace, say: Callable[[str], None]
) -> None:
    load = start(namespace)
    # Version 2 is a better model, and so another one: its answers differ from version 1's on purpose.
    checks = [check for check in CHECKS if check["metric"] != "shadowAgreement"]
    namespace.apply(canary("2", analysis={"interval": "1s", "checks": checks}))
    weights: list[int] = []

    def promoted() -> bool:
        status = namespace.status()
        if (weight := status.get("candidate", {}).get("weight", 0)) not in weights[-1:]:
            weights.append(weight)
        return bool(status["stable"].get("version") == "2")

    took = wait_until(promoted, 150, lambda: f"version 2 serves: {namespace.status()}")
    ended(namespace)
    report = load.finish()
    say(f"weights {weights}, {took:.1f} s; {report.sentence()}")
    assert [weight for weight in weights if weight] == [25, 50]
    assert report.failed == 0, report.document["failures"]
    assert set(report.by_version) == {"1", "2"}


@pytest.mark.timeout(700)
def test_what_a_bad_canary_does_wrong_is_found_and_nobody_notices(
    namespace: Namespace, say: Callable[[str], None]
) -> None:
    load = start(namespace)
    straight = {"steps": STEPS[1:], "analysis": {"interval": "1s", "checks": CHECKS[:2]}}  # nobody looks before
    for version, how, reason, words in (
        ("erroring", straight, "RolledBack", ("errorRate",)),
        ("slow", straight, "RolledBack", ("latencyP95",)),
        ("erroring", {}, "RolledBack", ()),
        ("perturbed", {}, "RolledBack", ("shadowAgreement", "probabilities")),
        ("wide", {}, "SignatureChanged", ("x", "100")),
    ):
        namespace.apply(canary(version, **how))
        begun = time.monotonic()
        status = ended(namespace)
        stalled = namespace.condition("Stalled")
        say(f"{version}: {time.monotonic() - begun:.1f} s: {stalled.get('reason')}: {stalled.get('message')}")
        assert stalled["reason"] == reason, status
        assert not [word for word in words if word not in stalled["message"]], stalled
        assert status["stable"]["version"] == "1"
    namespace.apply(canary("rounded"))
    wait_until(lambda: namespace.status()["stable"].get("version") == "rounded", 150,
               lambda: f"what is merely different within the tolerance passes: {namespace.status()}")  # fmt: skip
    report = load.finish()
    say(report.sentence())
    assert report.failed == 0, report.document["failures"]
