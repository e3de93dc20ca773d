"""A canary behind Envoy, led by Envoy Gateway: its share of the requests is what was asked for, over HTTP and gRPC; no
client notices a rollout; a bad candidate goes back; and a cluster without the Gateway API is told so and served on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from e2e.canary.models import files
from e2e.cluster import Cluster
from e2e.gateway import programs
from e2e.gateway.install import HOST, PORT, SYSTEM, install, install_definitions, remove
from e2e.pods import file_server
from e2e.steps import ROOT, Namespace, model_deployment, wait_until

pytestmark = pytest.mark.skipif(bool(programs.missing()), reason=programs.missing() or "it can be told")

REQUESTS = (
    4000  # Envoy draws lots for some requests: over 2,000 an exact half would be off by 2 points once in 14 tests
)
POINTS = 2.0
ADDRESS = f"{HOST}:{PORT}"
KINDS = ("http", "grpc")
GATEWAY = {"parentRefs": [{"name": "public", "namespace": SYSTEM}], "hostnames": [HOST]}
WAIT: dict[str, Any] = {"pause": {}}
STEPS = [{"setWeight": 25}, WAIT, {"setWeight": 50}, WAIT, {"setWeight": 100}, WAIT]
# A model that fails on some inputs answers 400, as to a caller's mistake: behind a gateway a check of its own finds it.
CHECKS = [
    {"metric": "errorRate", "max": 0.05, "minSamples": 50},
    {"metric": "rejectedRate", "max": 0.05, "minSamples": 50},
]


def behind(version: str, **rollout: Any) -> dict[str, Any]:
    """The digits' version 1 or 2, or the model that fails on bright ones, behind the Gateway."""
    how = {"strategy": "Canary", "steps": STEPS, "analysis": {"interval": "1s", "checks": CHECKS}} | rollout
    return model_deployment(
        version=version,
        scaling={"replicas": 2},
        rollout=how | {"progressDeadline": "90s"},
        serving={"grpc": True},
        traffic={"gateway": GATEWAY},
        model={"uri": "http://bad/erroring.onnx"} if version == "erroring" else {},
    )


def ask(cluster: Cluster, kind: str, count: int, pause: float = 0.0) -> subprocess.Popen[str]:
    """Clients in the cluster's network."""
    argv = [sys.executable, "-m", "e2e.gateway.clients", kind, ADDRESS, "digits", str(count), str(pause)]
    return cluster.popen_inside(argv, cwd=ROOT, stdout=subprocess.PIPE)


def answers(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the clients saw, when they have ended."""
    told, _ = process.communicate(timeout=120)
    document: dict[str, Any] = json.loads(told)
    return document


@contextmanager
def asked_all_the_time(cluster: Cluster) -> Iterator[dict[str, dict[str, Any]]]:
    """Clients of both kinds that ask until the end; what they saw by kind, afterwards."""
    processes = {kind: ask(cluster, kind, 10**9, pause=0.1) for kind in KINDS}
    seen: dict[str, dict[str, Any]] = {}
    try:
        yield seen
    finally:
        for process in processes.values():
            process.terminate()
        seen |= {kind: answers(process) for kind, process in processes.items()}


@pytest.fixture
def gateway(modelway: Cluster) -> Iterator[Cluster]:
    """The cluster, which loses the Gateway API again whatever happens."""
    remove(modelway)
    yield modelway
    remove(modelway)


def promote(namespace: Namespace) -> None:
    target = namespace.status()["rollout"]["target"].rpartition("-")[2]
    action = f"modelway.io/action=promote@{target}:{time.time_ns()}"
    namespace.kubectl("annotate", "md", "digits", action, "--overwrite")


def told(namespace: Namespace, kind: str, reason: str, within: float) -> None:
    """Until a condition has that reason."""
    wait_until(
        lambda: namespace.condition(kind).get("reason") == reason,
        within,
        lambda: f"{kind} says {reason}: {namespace.status()}",
    )


def shared(namespace: Namespace, weight: int, step: int, say: Callable[[str], None]) -> None:
    """The share that is confirmed is the one that clients get; then the next step may begin."""
    wait_until(
        lambda: namespace.status()["rollout"].get("step") == step,
        60,
        lambda: f"step {step} has come: {namespace.status()} {namespace.get('httproute', 'digits')}",
    )
    for kind in KINDS:
        seen = answers(ask(namespace.cluster, kind, REQUESTS))
        share = 100 * seen["answered"].get("2", 0) / REQUESTS
        say(f"{kind} at {weight}%: {share:.2f}% of {REQUESTS} requests, {seen['failed']} failed")
        assert not seen["failed"], seen
        assert abs(share - weight) <= POINTS, (kind, weight, seen)
    promote(namespace)


@pytest.mark.timeout(900)
def test_a_rollout_behind_envoy(gateway: Cluster, namespace: Namespace, say: Callable[[str], None]) -> None:
    namespace.apply(*file_server("bad", namespace.name, gateway.image("runtime"), files()))
    namespace.apply(behind("1"))
    namespace.wait_ready()
    told(namespace, "Stalled", "GatewayApiMissing", 30)
    install_definitions(gateway)
    begun = time.monotonic()
    install(gateway)
    say(f"Envoy Gateway and Envoy came up in {time.monotonic() - begun:.0f} s")
    told(namespace, "RouteAccepted", "Accepted", 60)
    wait_until(lambda: not answers(ask(gateway, "http", 4))["failed"], 30, lambda: "Envoy answers")

    with asked_all_the_time(gateway) as seen:
        namespace.apply(behind("2"))
        for weight, step in ((25, 2), (50, 4), (100, 6)):
            shared(namespace, weight, step, say)
        namespace.wait_serving("2")
    say(f"all the time: {seen}")
    assert all(not each["failed"] and each["answered"]["1"] and each["answered"]["2"] for each in seen.values())

    with asked_all_the_time(gateway) as seen:
        namespace.apply(behind("erroring", steps=[{"setWeight": 25}, {"pause": {"duration": "60s"}}]))
        told(namespace, "Stalled", "RolledBack", 90)
        assert "rejectedRate" in namespace.condition("Stalled")["message"]
        wait_until(lambda: len(namespace.items("deployments")) == 1, 60, lambda: "the bad candidate goes")
    say(f"while a bad candidate was found out: {seen}")
    others = [why for each in seen.values() for why in each["failures"] if "could not be run on this input" not in why]
    assert not others, "nothing failed but what the bad model itself refused"
