"""The pods of the simulation as they are asked for their state, and the kubelets that bring them the traffic document.

What a model does is said by its address, as in ``tests/decide/pods.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from modelway.cluster.records import Key
from modelway.manifests import names
from modelway.measurement import Answered, Forwarded, Histogram, OutputAgreement, Report, Shadow, Signature, Tensor
from modelway.world import Measure, Measured
from tests.sim.api import FakeApi

REQUESTS = 1000
FAST, SLOW = 20, 60


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())


def model(pod: dict[str, Any]) -> str:
    """The address of a pod's model."""
    environment = pod["spec"]["initContainers"][0]["env"]
    return str(next(entry["value"] for entry in environment if entry["name"] == "MODELSERVER_MODEL_URI"))


@dataclass
class Pods:
    """Implements ``modelway.measurements.Measurer``; lives as long as the cluster, its measurements as the operator."""

    api: FakeApi
    read: dict[str, dict[str, Any]] = field(default_factory=dict)  # pod's uid → the traffic document that it has read
    wanted: dict[Key, Measure] = field(default_factory=dict)
    latest: dict[Key, Measured] = field(default_factory=dict)
    wake: Callable[[Key], None] = lambda key: None

    def of(self, key: Key) -> Measured:
        return self.latest.get(key, Measured())

    def want(self, key: Key, measure: Measure | None) -> None:
        if measure is None:
            self.wanted.pop(key, None)
            self.latest.pop(key, None)
        else:
            self.wanted[key] = measure

    def restart(self, wake: Callable[[Key], None]) -> None:
        """Another process of the operator: what was measured is lost."""
        self.wanted.clear()
        self.latest.clear()
        self.wake = wake

    def document(self, pod: dict[str, Any]) -> dict[str, Any]:
        """The traffic document as the API server has it."""
        meta = pod["metadata"]
        found = self.api.get("ConfigMap", meta["namespace"], f"{meta['labels'][names.DEPLOYMENT]}-traffic")
        return dict(json.loads(found["data"]["traffic.json"])) if found else {}

    def steps(self) -> list[Callable[[], None]]:
        """Mounts that are refreshed, and answers that arrive."""
        found: list[Callable[[], None]] = []
        for pod in self.api.all("Pod"):
            uid, document = pod["metadata"]["uid"], self.document(pod)
            touched = (pod["metadata"].get("annotations") or {}).get(names.TRAFFIC, "").partition(".")[0]
            late = self.read.get(uid, {}).get("generation") != document.get("generation")
            if _is_ready(pod) and late and (uid not in self.read or touched == str(document.get("generation"))):
                found.append(partial(self.read.__setitem__, uid, document))
        for key, measure in self.wanted.items():
            if (now := self._asked(key, measure)) != self.of(key):
                found.append(partial(self._answered, key, now))
        return found

    def _answered(self, key: Key, now: Measured) -> None:
        if key in self.wanted:
            self.latest[key] = now
            self.wake(key)

    def _asked(self, key: Key, measure: Measure) -> Measured:
        uids = {uid for _, uid, _ in measure.pods}
        pods = [pod for pod in self.api.all("Pod") if pod["metadata"]["uid"] in uids and _is_ready(pod)]
        return Measured({pod["metadata"]["uid"]: self._report(pod) for pod in pods})

    def _report(self, pod: dict[str, Any]) -> Report:
        meta, mine = pod["metadata"], model(pod)
        revision, document = meta["labels"][names.REVISION], self.read.get(meta["uid"], {})
        signature = Signature((Tensor("x", "FP32", (-1, 2 if "wide" in mine else 1)),), ())
        latency = Histogram(REQUESTS, 1.0, {SLOW if "slow" in mine else FAST: REQUESTS})
        forwarded, shadow = Forwarded(), Shadow()
        if document.get("stable") == revision:
            theirs = self._model_of(document["candidate"]["revision"])
            if document["weight"]:
                forwarded = Forwarded(REQUESTS, {"error": REQUESTS // 2} if "erroring" in theirs else {}, latency)
            if "shadow" in document:
                agreed = REQUESTS // 2 if "wrong" in theirs else REQUESTS
                outputs = {"y": OutputAgreement(REQUESTS, agreed, 0, 0, 0.3, 0.5, 1.0, "it differs")}
                shadow = Shadow(REQUESTS, 0, 0, REQUESTS, agreed, outputs, latency, latency)
        return Report(
            pod=meta["name"],
            uid=meta["uid"],
            revision=revision,
            digest="",
            generation=int(document.get("generation") or 0),
            ready=True,
            since=1.0,
            taken_at=self.api.now(),
            signature=signature,
            own=Answered(REQUESTS, 0, 0, latency),
            forwarded=forwarded,
            shadow=shadow,
        )

    def _model_of(self, revision: str) -> str:
        records = self.api.all("ControllerRevision")
        found = (r for r in records if r["metadata"]["labels"].get(names.REVISION) == revision)
        return next((str(r["data"]["model"]["uri"]) for r in found), "")
