"""The pods of the simulation as they are asked for their state, and the kubelets that bring them the traffic document.

What a model does is said by its address, as in ``tests/decide/pods.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from modelway.cluster.records import Key
from modelway.manifests import names
from modelway.measurement import Answered, Forwarded, Histogram, OutputAgreement, Report, Shadow, Signature, Tensor
from modelway.world import Measure, Measured, Proof
from tests.sim.api import FakeApi
from tests.sim.controllers import uri

REQUESTS = 1000
FAST, SLOW = 20, 60
REFRESH = 100.0  # seconds after which every kubelet has refreshed a mount by itself
ENOUGH = 6


@lru_cache(1024)
def parsed(text: str) -> dict[str, Any]:
    """A traffic document; nobody changes it. Empty if somebody scribbled over it."""
    try:
        return dict(json.loads(text))
    except ValueError:
        return {}


def _shares(document: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(document.get(key) for key in ("stable", "candidate", "weight", "shadow"))


def _touched(pod: dict[str, Any]) -> str:
    return str((pod["metadata"].get("annotations") or {}).get(names.TRAFFIC, ""))


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())


State = tuple[tuple[str, int], ...]  # what answers depend on: each pod's uid and the generation that it has read


@dataclass
class Pods:
    """Implements ``modelway.measurements.Measurer``; lives as long as the cluster, its measurements as the operator.

    A kubelet refreshes a pod's mount when an annotation of the pod changes, and by itself ``REFRESH`` seconds after the
    document did. It may look too early: then it has seen the annotation, but not the document.
    """

    api: FakeApi
    read: dict[str, dict[str, Any]] = field(default_factory=dict)  # pod's uid → the traffic document that it has read
    looked: dict[str, str] = field(default_factory=dict)  # pod's uid → the annotation at which its kubelet looked last
    since: dict[tuple[str, str, int], float] = field(default_factory=dict)  # when a document's generation appeared
    slow: set[str] = field(default_factory=set)  # pods whose kubelets heed no annotation
    hasty: bool = False  # each kubelet looks too early when a document is new
    hurried: set[tuple[str, int]] = field(default_factory=set)
    attended: float = float("inf")  # from then on the operator sees to it that documents are read soon
    overdue: list[str] = field(default_factory=list)  # pods that read a share only when their kubelets got round to it
    mute: set[str] = field(default_factory=set)  # pods that can't be asked
    routed: Callable[[str], list[str]] = lambda service: []  # the gateways that send requests to a Service
    doubtful: bool = False  # the golden requests fail on the stable revision, too
    wanted: dict[Key, Measure] = field(default_factory=dict)
    latest: dict[Key, Measured] = field(default_factory=dict)
    asked: dict[Key, tuple[Measure, State]] = field(default_factory=dict)
    idle: dict[Key, int] = field(default_factory=dict)  # how often in a row an answer was no news
    polled: dict[Key, float] = field(default_factory=dict)
    wake: Callable[[Key], None] = lambda key: None
    clock: Callable[[], float] = lambda: 0.0

    def of(self, key: Key) -> Measured:
        return self.latest.get(key, Measured())

    def want(self, key: Key, measure: Measure | None) -> None:
        if measure is None:
            for known in (self.wanted, self.latest, self.asked, self.idle, self.polled):
                known.pop(key, None)
        else:
            self.wanted[key] = measure

    def restart(self, wake: Callable[[Key], None]) -> None:
        """Another process of the operator: what was measured is lost."""
        for known in (self.wanted, self.latest, self.asked, self.idle, self.polled):
            known.clear()
        self.wake = wake

    def document(self, pod: dict[str, Any]) -> dict[str, Any]:
        """The traffic document as the API server has it."""
        meta = pod["metadata"]
        found = self.api.get("ConfigMap", meta["namespace"], f"{meta['labels'][names.DEPLOYMENT]}-traffic")
        text = (found.get("data") or {}).get("traffic.json") if found else None
        return parsed(text) if text else {}

    def steps(self) -> list[Callable[[], None]]:
        """Mounts that are refreshed, and answers that arrive."""
        found: list[Callable[[], None]] = []
        for pod in self.api.all("Pod"):
            meta, document = pod["metadata"], self.document(pod)
            uid, generation = meta["uid"], int(document.get("generation") or 0)
            self.since.setdefault((meta["namespace"], meta["labels"][names.DEPLOYMENT], generation), self.clock())
            if uid not in self.read and pod["status"].get("step", 0) > 1:  # a container that starts has its mounts
                self.read[uid] = document
                self.looked[uid] = _touched(pod)
            late = uid in self.read and self.read[uid].get("generation") != generation
            if late and uid not in self.slow and _touched(pod) != self.looked[uid]:
                found.append(partial(self.look, pod))
        for key, measure in self.wanted.items():
            if self.asked.get(key) != (measure, self._state(measure)):
                found.append(partial(self.answer, key))
        return found

    def look(self, pod: dict[str, Any]) -> None:
        """A kubelet looks, because an annotation has changed."""
        uid, document = pod["metadata"]["uid"], self.document(pod)
        self.looked[uid] = _touched(pod)
        first = (uid, int(document.get("generation") or 0))
        if not self.hasty or first in self.hurried:
            self.read[uid] = document
        self.hurried.add(first)

    def pass_time(self) -> None:
        """What kubelets do by themselves."""
        for pod in self.api.all("Pod"):
            meta, document = pod["metadata"], self.document(pod)
            uid, generation = meta["uid"], int(document.get("generation") or 0)
            since = self.since.get((meta["namespace"], meta["labels"][names.DEPLOYMENT], generation), self.clock())
            if uid in self.read and self.read[uid] != document and self.clock() >= since + REFRESH:
                mine = document.get("stable") == meta["labels"][names.REVISION] and _is_ready(pod)
                if since > self.attended and mine and _shares(self.read[uid]) != _shares(document):
                    self.overdue.append(meta["name"])
                self.read[uid] = document

    def next_poll(self) -> float | None:
        """When answers come again that are no news to us, but another look; ever more rarely, and not for ever."""
        due = []
        for key, measure in self.wanted.items():
            idle = self.idle.get(key, 0)
            if idle < ENOUGH:
                due.append(self.polled.get(key, 0.0) + max(measure.every, 0.05) * 2**idle)
        return max(min(due), self.clock()) if due else None

    def poll(self) -> None:
        """All answers come again."""
        for key in list(self.wanted):
            self.idle[key] = self.idle.get(key, 0) + 1
            self.answer(key, news=False)

    def answer(self, key: Key, news: bool = True) -> None:
        """The pods' answers arrive."""
        if measure := self.wanted.get(key):
            state = self._state(measure)
            self.asked[key] = (measure, state)
            self.polled[key] = self.clock()
            if news:
                self.idle[key] = 0
            ready = {pod["metadata"]["uid"]: pod for pod in self.api.all("Pod")}
            reports = {uid: self._report(ready[uid]) for uid, _ in state}
            self.latest[key] = Measured(reports, golden=self._golden(measure))
            self.wake(key)

    def _state(self, measure: Measure) -> State:
        uids = {uid for _, uid, _ in measure.pods} - self.mute
        pods = (pod for pod in self.api.all("Pod") if pod["metadata"]["uid"] in uids and _is_ready(pod))
        return tuple(
            (uid, int(self.read.get(uid, {}).get("generation") or 0)) for uid in (p["metadata"]["uid"] for p in pods)
        )

    def _golden(self, measure: Measure) -> dict[tuple[str, str], Proof]:
        golden = measure.golden
        if golden is None:
            return {}
        failed = "inaccurate" in self._model_of(golden.candidate)
        proof = Proof(
            "Failed" if failed else "Passed", "probabilities differ" if failed else "all agree", self.api.now()
        )
        if self.doubtful:
            proof = Proof("Inconclusive", "Stable does not answer as expected, either.", self.api.now())
        return {(golden.candidate, golden.config_map): proof}

    def _report(self, pod: dict[str, Any]) -> Report:
        counted = REQUESTS + 2 * int(self.clock())  # pods go on answering
        meta, mine = pod["metadata"], uri(pod)
        revision, document = meta["labels"][names.REVISION], self.read.get(meta["uid"], {})
        signature = Signature((Tensor("x", "FP32", (-1, 2 if "wide" in mine else 1)),), ())
        latency = Histogram(counted, 1.0, {SLOW if "slow" in mine else FAST: counted})
        forwarded, shadow = Forwarded(), Shadow()
        if document.get("stable") == revision:
            theirs = self._model_of(document["candidate"]["revision"])
            if document["weight"]:
                forwarded = Forwarded(counted, {"error": counted // 2} if "erroring" in theirs else {}, latency)
            if "shadow" in document:
                agreed = counted // 2 if "wrong" in theirs else counted
                outputs = {"y": OutputAgreement(counted, agreed, 0, 0, 0.3, 0.5, 1.0, "it differs")}
                shadow = Shadow(counted, 0, 0, counted, agreed, outputs, latency, latency)
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
            own=self._own(meta, document, counted, latency, mine),
            forwarded=forwarded,
            shadow=shadow,
        )

    def _own(self, meta: Any, document: Any, counted: int, latency: Histogram, mine: str) -> Answered:
        """What a pod answered itself. A candidate that only gateways send to counts nothing unless they do."""
        if "gateway" not in document or document["candidate"]["revision"] != meta["labels"][names.REVISION]:
            return Answered(counted, 0, 0, latency)
        if not self.routed(names.revision(meta["labels"][names.DEPLOYMENT], meta["labels"][names.REVISION])):
            return Answered(0, 0, 0, Histogram(0, 0.0, {}))
        return Answered(counted, counted // 2 if "erroring" in mine else 0, 0, latency)

    def _model_of(self, revision: str) -> str:
        records = self.api.all("ControllerRevision")
        found = (r for r in records if r["metadata"]["labels"].get(names.REVISION) == revision)
        return next((str(r["data"]["model"]["uri"]) for r in found), "")
