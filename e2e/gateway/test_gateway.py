"""A canary behind Envoy, led by Envoy Gateway: its share of the requests is what was asked for, over HTTP and gRPC; no
client notices a rollout; a bad candidate goes back; and a cluster without the Gateway API is told so and served on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e.canary.models import files
from e2e.cluster import Cluster
from e2e.gateway import programs
from e2e.gateway.install import HOST, PORT, SYSTEM, install, install_definitions, remove
from e2e.pods import file_server
from e2e.steps import ROOT, Namespace, model_deployment, wait_until

pytestmark = pytest.mark.skipif(bool(programs.missing()), reason=programs.missing() or "it can be told")

REQUESTS = 2000
ADDRESS = f"{HOST}:{PORT}"
GATEWAY = {"parentRefs": [{"name": "public", "namespace": SYSTEM}], "hostnames": [HOST]}
WAIT: dict[str, Any] = {"pause": {}}
STEPS = [{"setWeight": 25}, WAIT, {"setWeight": 50}, WAIT, {"setWeight": 100}, WAIT]
CHECKS = [{"metric": "errorRate", "max": 0.05, "minSamples": 50}]


def behind(version: str, **rollout: Any) -> dict[str, Any]:
    how = {"strategy": "Canary", "steps": STEPS, "analysis": {"interval": "1s", "checks": CHECKS}} | rollout
    model = {"uri": "http://bad/erroring.onnx"} if version == "erroring" else {}
    return model_deployment(
        version=version,
        scaling={"replicas": 2},
        rollout=how | {"progressDeadline": "90s"},
        serving={"grpc": True},
        traffic={"gateway": GATEWAY},
        model=model,
    )


def clients(cluster: Cluster, kind: str, count: int) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "e2e.gateway.clients", kind, ADDRESS, "digits", str(count)]
    return cluster.popen_inside(argv, cwd=ROOT, stdout=subprocess.PIPE)


def answers(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the clients saw, when they have ended or are told to."""
    told, _ = process.communicate(timeout=120)
    document: dict[str, Any] = json.loads(told)
    return document


@pytest.fixture
def gateway(modelway: Cluster) -> Iterator[Cluster]:
    """The cluster, which loses the Gateway API again whatever happens."""
    remove(modelway)
    yield modelway
    remove(modelway)


def promote(namespace: Namespace) -> None:
    target = namespace.status()["rollout"]["target"].rpartition("-")[2]
    namespace.kubectl(
        "annotate", "md", "digits", f"modelway.io/action=promote@{target}:{time.time_ns()}", "--overwrite"
    )


def stalled(namespace: Namespace, reason: str) -> Callable[[], bool]:
    return lambda: namespace.condition("Stalled").get("reason") == reason


def at_pause(namespace: Namespace, step: int) -> None:
    """Until the share of the step before this one was confirmed."""
    wait_until(
        lambda: namespace.status()["rollout"].get("step") == step,
        60,
        lambda: (
            f"step {step} has come: {json.dumps(namespace.status(), indent=1)} {namespace.get('httproute', 'digits')}"
        ),
    )


@pytest.mark.timeout(900)
def test_a_rollout_behind_envoy(gateway: Cluster, namespace: Namespace, say: Callable[[str], None]) -> None:
    namespace.apply(*file_server("bad", namespace.name, gateway.image("runtime"), files()))
    namespace.apply(behind("1"))
    namespace.wait_ready()
    wait_until(stalled(namespace, "GatewayApiMissing"), 30, lambda: f"it says so: {namespace.status()}")
    install_definitions(gateway)
    begun = time.monotonic()
    install(gateway)
    say(f"Envoy Gateway and Envoy came up in {time.monotonic() - begun:.0f} s")
    wait_until(
        lambda: namespace.condition("RouteAccepted").get("status") == "True",
        60,
        lambda: f"the routes are accepted: {namespace.status()['conditions']}",
    )
    wait_until(lambda: not answers(clients(gateway, "http", 4))["failed"], 30, lambda: "Envoy answers")

    always = [clients(gateway, kind, 10**9) for kind in ("http", "grpc")]
    namespace.apply(behind("2"))
    for weight, step in ((25, 2), (50, 4), (100, 6)):
        at_pause(namespace, step)
        for kind in ("http", "grpc"):
            seen = answers(clients(gateway, kind, REQUESTS))
            share = 100 * seen["answered"].get("2", 0) / REQUESTS
            say(f"{kind} at {weight}%: {share:.2f}% of {REQUESTS} requests, {seen['failed']} failed")
            assert not seen["failed"], seen
            assert abs(share - weight) <= 2, (kind, weight, seen)
        promote(namespace)
    namespace.wait_serving("2")

    namespace.apply(behind("erroring", steps=[{"setWeight": 25}, {"pause": {"duration": "60s"}}]))
    wait_until(
        lambda: namespace.condition("Stalled").get("reason") == "RolledBack", 90, lambda: str(namespace.status())
    )
    assert "errorRate" in namespace.condition("Stalled")["message"]
    wait_until(lambda: len(namespace.items("deployments")) == 1, 60, lambda: "the bad candidate goes")
    for kind, process in zip(("http", "grpc"), always, strict=True):
        process.terminate()
        seen = answers(process)
        say(f"{kind} all the time: {seen}")
        wrong = [each for each in seen["failures"] if "500" not in each and "INTERNAL" not in each]
        assert not wrong, "only what the bad model itself answered is missing"
        assert seen["answered"]["1"] and seen["answered"]["2"]
