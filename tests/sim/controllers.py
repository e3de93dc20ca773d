"""The rest of the cluster: the Deployment controller and its pods, one small step at a time, so that a schedule can
stop between any two of them. How a pod ends up is scripted by its model's URI."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any

from tests.sim.api import FakeApi

CONTROLLER = "kube-controller-manager"
KUBELET = "kubelet"
AUTOSCALER = "horizontal-pod-autoscaler"


class Fate(StrEnum):
    """What becomes of a pod."""

    SERVES = "serves"
    NO_MODEL = "no model"  # the fetch container fails
    CRASHES = "crashes"  # the server container does
    UNSCHEDULABLE = "unschedulable"


@dataclass(slots=True)
class Cluster:
    """Deployments become pods, pods become ready or not, autoscalers keep within their bounds. ``fates`` by model URI,
    ``loads`` by Deployment: the pods that its load needs."""

    api: FakeApi
    fates: dict[str, Fate] = field(default_factory=dict)
    loads: dict[str, int] = field(default_factory=dict)
    born: int = 0
    lost: set[str] = field(default_factory=set)  # uids of pods whose node is gone

    def steps(self) -> list[Callable[[], None]]:
        """Everything that could happen next."""
        found: list[Callable[[], None]] = []
        by_owner: dict[str, list[dict[str, Any]]] = {}
        for pod in self.api.all("Pod"):
            by_owner.setdefault(pod["metadata"]["ownerReferences"][0]["uid"], []).append(pod)
        for deployment in self.api.all("Deployment"):
            meta = deployment["metadata"]
            pods = by_owner.get(meta["uid"], [])
            alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
            wanted = deployment["spec"]["replicas"]
            if len(alive) < wanted:
                found.append(partial(self._bear, deployment))
            if len(alive) > wanted:
                victim = sorted(alive, key=lambda p: (_ready(p), p["metadata"]["name"]))[0]["metadata"]
                found.append(partial(self.api.delete, "Pod", victim["namespace"], victim["name"]))
            for pod in pods:
                found += self._of_pod(pod)
            status = self._status(deployment, alive)
            if status != deployment.get("status"):
                found.append(partial(self.api.report, "Deployment", meta["namespace"], meta["name"], status))
        return [*found, *self._autoscalers()]

    def _of_pod(self, pod: dict[str, Any]) -> list[Callable[[], None]]:
        meta = pod["metadata"]
        if "deletionTimestamp" in meta or meta["uid"] in self.lost:
            return [partial(self.api.delete, "Pod", meta["namespace"], meta["name"])]
        status = self._next(pod)
        return [partial(self.api.report, "Pod", meta["namespace"], meta["name"], status)] if status else []

    def _autoscalers(self) -> list[Callable[[], None]]:
        found = []
        for scaler in self.api.all("HorizontalPodAutoscaler"):
            meta, spec = scaler["metadata"], scaler["spec"]
            deployment = self.api.get("Deployment", meta["namespace"], meta["name"])
            if deployment is None:
                continue
            asked = self.loads.get(meta["name"], deployment["spec"]["replicas"])
            bounded = min(max(asked, spec["minReplicas"]), spec["maxReplicas"])
            if bounded != deployment["spec"]["replicas"]:
                found.append(partial(self.scale, meta, bounded))
        return found

    def scale(self, meta: dict[str, Any], replicas: int) -> None:
        """The autoscaler writes the number of pods."""
        self.api.update(
            "Deployment", meta["namespace"], meta["name"], AUTOSCALER, lambda d: d["spec"].update(replicas=replicas)
        )

    def _bear(self, deployment: dict[str, Any]) -> None:
        self.born += 1
        meta, template = deployment["metadata"], deployment["spec"]["template"]
        owner = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": meta["name"],
            "uid": meta["uid"],
            "controller": True,
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "namespace": meta["namespace"],
                "name": f"{meta['name']}-{self.born:05d}",
                "labels": template["metadata"]["labels"],
                "ownerReferences": [owner],
            },
            "spec": template["spec"],
            "status": {"phase": "Pending"},
        }
        self.api.create(pod, CONTROLLER)

    # What happens to pods by nobody's doing.

    def unready(self, pod: dict[str, Any]) -> None:
        """Its server does not answer for a while; it becomes ready again by itself."""
        meta, status = pod["metadata"], _at(self.fate(pod), 1, self._moment())
        self.api.report("Pod", meta["namespace"], meta["name"], status)

    def lose(self, pod: dict[str, Any]) -> None:
        """Its node is gone: it is not ready from now on, does nothing, and is deleted a while later."""
        meta, status = pod["metadata"], pod["status"]
        self.lost.add(meta["uid"])
        kept = [each for each in status.get("conditions") or () if each["type"] != "Ready"]
        down = {"type": "Ready", "status": "False", "lastTransitionTime": self._moment()}
        self.api.report("Pod", meta["namespace"], meta["name"], {**status, "conditions": [*kept, down]})

    def drain(self, pod: dict[str, Any]) -> None:
        """It is told to go, and gone a while later."""
        meta = pod["metadata"]
        self.api.update(
            "Pod",
            meta["namespace"],
            meta["name"],
            KUBELET,
            lambda obj: obj["metadata"].update(deletionTimestamp=self._moment()),
        )

    def fate(self, pod: dict[str, Any]) -> Fate:
        """What shall become of a pod."""
        return self.fates.get(uri(pod), Fate.SERVES)

    def _next(self, pod: dict[str, Any]) -> dict[str, Any] | None:
        """The pod's next status, or None when it stays as it is."""
        fate, now = self.fate(pod), pod["status"].get("step", 0)
        return _at(fate, now, self._moment()) if now < len(PATHS[fate]) else None

    def _moment(self) -> str:
        return self.api.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def _status(self, deployment: dict[str, Any], pods: list[dict[str, Any]]) -> dict[str, Any]:
        ready = sum(_ready(pod) for pod in pods)
        counts = {
            "replicas": len(pods),
            "updatedReplicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        status = {name: count for name, count in counts.items() if count}
        return {"observedGeneration": deployment["metadata"]["generation"], **status}


@lru_cache(1024)
def _at(fate: Fate, index: int, moment: str) -> dict[str, Any]:
    """A place on a fate's path, at that moment."""
    filled: dict[str, Any] = json.loads(json.dumps(PATHS[fate][index]).replace("NOW", moment))
    return filled | {"step": index + 1}


def uri(pod: dict[str, Any]) -> str:
    """The address of a pod's model."""
    environment = pod["spec"]["initContainers"][0]["env"]
    return str(next(entry["value"] for entry in environment if entry["name"] == "MODELSERVER_MODEL_URI"))


def _ready(pod: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())


def _waiting(name: str, reason: str, code: int, message: str) -> dict[str, Any]:
    ended = {"exitCode": code, "reason": "Error", "message": message}
    state = {"waiting": {"reason": reason, "message": "back-off"}}
    return {"name": name, "ready": False, "restartCount": 3, "state": state, "lastState": {"terminated": ended}}


_FETCHED = {
    "name": "fetch",
    "ready": True,
    "restartCount": 0,
    "state": {
        "terminated": {
            "exitCode": 0,
            "reason": "Completed",
            "message": '{"digest": "sha256:' + "a" * 64 + '", "bytes": 9}',
        }
    },
}
_SERVING = {"name": "server", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": "NOW"}}}
_READY = {"type": "Ready", "status": "True", "lastTransitionTime": "NOW"}
_NOT_READY = {"type": "Ready", "status": "False", "lastTransitionTime": "NOW"}
_SCHEDULED = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "NOW"}

_FETCHING = {"phase": "Pending", "conditions": [_SCHEDULED, _NOT_READY]}
_LOADING = {"phase": "Running", "conditions": [_SCHEDULED, _NOT_READY], "initContainerStatuses": [_FETCHED]}
_NO_MODEL = _waiting("fetch", "CrashLoopBackOff", 1, '{"reason": "ModelNotFound", "message": "404 Not Found."}')
_CRASHED = _waiting("server", "CrashLoopBackOff", 1, '{"reason": "ModelCorrupt", "message": "not a model."}')

PATHS: dict[Fate, tuple[dict[str, Any], ...]] = {
    Fate.SERVES: (
        _FETCHING,
        _LOADING,
        {**_LOADING, "conditions": [_SCHEDULED, _READY], "containerStatuses": [_SERVING], "podIP": "10.0.0.1"},
    ),
    Fate.NO_MODEL: (_FETCHING, {**_FETCHING, "initContainerStatuses": [_NO_MODEL]}),
    Fate.CRASHES: (_FETCHING, _LOADING, {**_LOADING, "containerStatuses": [_CRASHED]}),
    Fate.UNSCHEDULABLE: (
        {
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/2 nodes are available."}],
        },
    ),
}
