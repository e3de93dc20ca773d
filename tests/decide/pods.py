"""What the pods of the tests' cluster report. What a model does is said by its address: "slow", "erroring",
"rejecting", "wide" (another signature) and "wrong" (other answers than stable's) do as they are called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from modelway.measurement import Answered, Forwarded, Histogram, OutputAgreement, Report, Shadow, Signature, Tensor
from modelway.world import Child, ContainerState, Kind, Pod

if TYPE_CHECKING:
    from tests.decide.cluster import Cluster

REQUESTS = 1000  # that each pod has answered, and that each stable pod has forwarded and copied
FAST, SLOW = 20, 60  # buckets


def document(children: Mapping[tuple[Kind, str], Child]) -> dict[str, Any]:
    """The traffic document, or nothing."""
    live = next((child for (kind, _), child in children.items() if kind is Kind.CONFIG_MAP), None)
    found: dict[str, Any] = json.loads(live.body["data"]["traffic.json"]) if live else {}
    return found


def uri(children: Mapping[tuple[Kind, str], Child], revision: str) -> str:
    """The address of a revision's model."""
    records = (child for (kind, _), child in children.items() if kind is Kind.CONTROLLER_REVISION)
    return next((str(r.body["data"]["model"]["uri"]) for r in records if r.name.endswith(revision)), "")


def report(children: Mapping[tuple[Kind, str], Child], pod: Pod, generation: int, at: datetime) -> Report:
    """What a ready pod says now, which has read that generation of the traffic document."""
    model, traffic = uri(children, pod.revision), document(children)
    width = 128 if "wide" in model else 64
    signature = Signature((Tensor("image", "FP32", (-1, width)),), (Tensor("probabilities", "FP32", (-1, 10)),))
    latency = Histogram(REQUESTS, 1.0, {SLOW if "slow" in model else FAST: REQUESTS})
    forwarded, shadow = Forwarded(), Shadow()
    if traffic.get("stable") == pod.revision and generation == traffic["generation"]:
        candidate = uri(children, traffic["candidate"]["revision"])
        if traffic["weight"]:
            forwarded = Forwarded(REQUESTS, {"error": REQUESTS // 2} if "erroring" in candidate else {}, latency)
        if "shadow" in traffic:
            shadow = _shadow(REQUESTS // 2 if "wrong" in candidate else REQUESTS, latency)
    own = Answered(REQUESTS, 0, REQUESTS // 2 if "rejecting" in model else 0, latency)
    return Report(pod.name, pod.uid, pod.revision, "", generation, True, 10.0, at, signature, own, forwarded, shadow)


def _shadow(agreed: int, latency: Histogram) -> Shadow:
    outputs = {"probabilities": OutputAgreement(REQUESTS, agreed, REQUESTS, agreed, 0.3, 0.5, 1.0, "it differs")}
    return Shadow(REQUESTS, 0, 0, REQUESTS, agreed, outputs, latency, latency)


def crash(cluster: Cluster, times: int) -> datetime:
    """One of its pods crashed so often, and is ready again from now on."""
    victim = next(pod for pod in cluster.pods.values() if pod.revision == cluster.candidate)
    server = ContainerState("server", False, True, times, exit_code=137, exit_reason="OOMKilled")
    containers = (victim.containers[0], server)
    cluster.pods[victim.name] = replace(victim, containers=containers, ready=True, ready_since=cluster.now)
    return cluster.now
