"""A candidate's pods that others took away (a drained node, a lost one, an eviction, a hand) are no failure of the
candidate's.

While such a pod goes, stable pods may fail to reach it; what was counted until then is forgotten, by a new epoch in the
traffic document. A container that crashes keeps its pod, and so its counts. That a node is lost is known to Kubernetes
40 to 50 s later; until then its pods seem ready and can't be reached by anybody, so nothing is concluded while a
candidate's ready pod does not answer us either.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from modelway.world import Kind, Pod

from . import capacity
from .situation import Situation

TAKEN_AWAY: Final = "Pods of the candidate were taken away and are being replaced."
UNHEARD: Final = "A ready pod of the candidate does not answer: its node may be lost."

# A server that hangs is silent, too: it is judged when its node would be known to be lost (50 s, and a look each 5 s).
PATIENCE: Final = timedelta(seconds=60)
# Until every service proxy knows that a lost pod is none to call any more; it takes a second or two.
SPREAD: Final = timedelta(seconds=5)
ONE_ROUND: Final = timedelta(seconds=0.2)  # between the answers of pods that were asked at the same time


def excuse(situation: Situation) -> str:
    """Why nothing can be concluded now from what was counted; nothing if something can."""
    if disturbed(situation):
        return TAKEN_AWAY
    return UNHEARD if _unheard(situation) else ""


def counted_pods(situation: Situation) -> list[str]:
    """The candidate's pods whose answers count in this epoch, by the last part of their names, sorted: those that were
    ready once and are there still, or are called still."""
    here = _here(situation) | (_before(situation.document) if _called(situation) else set())
    ready = {_short(pod.name) for pod in _pods(situation) if pod.ready}
    return sorted(ready | (_before(situation.document) & here))


def disturbed(situation: Situation) -> bool:
    """Whether a pod whose answers count has been taken away since. One that goes because fewer are asked for has
    answered what it got: an autoscaler would take the evidence with every pod else."""
    before = _before(situation.document)
    return len(before - _here(situation)) > max(0, len(before) - _asked_for(situation, len(before)))


def _asked_for(situation: Situation, unknown: int) -> int:
    """How many pods the candidate's Deployment asks for."""
    deployment = situation.child(Kind.DEPLOYMENT, situation.candidate) if situation.candidate else None
    return unknown if deployment is None or deployment.deleting else capacity.asked_for(deployment)


def epoch(situation: Situation, steps: str) -> str:
    """The epoch's name: ``<steps>.<the step that said who gets what>.<a number>``, which rises whenever pods went or
    came anew. It begins with the document's generation, so that one that is tried again never meets its old counts in a
    pod that missed what was between."""
    now = f"{steps}.{situation.position.epoch}"
    name, _, number = str(situation.document.get("epoch", "")).rpartition(".")
    if name != now or not number.isdigit():
        generation = situation.document.get("generation")
        return f"{now}.{generation if isinstance(generation, int) else 0}"
    forgotten = disturbed(situation) and not _called(situation)
    return f"{now}.{int(number) + (forgotten or _anew(situation))}"


def settles_at(situation: Situation) -> datetime | None:
    """When nobody calls the pods of a lost node any more; None if none was lost."""
    lost = [pod for pod in _pods(situation) if _lost(pod) and _short(pod.name) in _before(situation.document)]
    since = [pod.unready_since for pod in lost if pod.unready_since]
    return max(since) + SPREAD if since else None


def _called(situation: Situation) -> bool:
    """Whether pods whose node is lost may be called still: what is counted meanwhile is to be forgotten, too."""
    settles = settles_at(situation)
    return settles is not None and situation.now < settles


def _anew(situation: Situation) -> bool:
    """Whether pods are ready after none was left. What was tried in between found nobody, and stable pods have to meet
    them as they met the first ones: a node's service proxy may know them later than we do."""
    none_left = situation.document.get("pods") == []
    return none_left and any(pod.ready for pod in _pods(situation))


def _unheard(situation: Situation) -> bool:
    """Whether a ready pod of the candidate did not answer when others did. One that never answered may have done so to
    a former leader."""
    reports = situation.world.measured.reports
    if not reports:
        return False  # and nothing was counted
    latest = max(report.taken_at for report in reports.values())
    for pod in _pods(situation):
        told = reports.get(pod.uid)
        silent = told is None or told.taken_at < latest - ONE_ROUND
        if pod.ready and pod.address and silent and (told is None or situation.now < told.taken_at + PATIENCE):
            return True
    return False


def _pods(situation: Situation) -> tuple[Pod, ...]:
    return situation.pods(situation.candidate.hash) if situation.candidate else ()


def _here(situation: Situation) -> set[str]:
    return {_short(pod.name) for pod in _pods(situation) if not _lost(pod)}


def _lost(pod: Pod) -> bool:
    """Whether the pod's node is lost: then the node controller says that the pod is not ready, while its containers are
    as ready as when the kubelet was heard last."""
    servers = [container for container in pod.containers if not container.init]
    return not pod.ready and bool(servers) and all(container.ready for container in servers)


def _before(document: Mapping[str, Any]) -> set[str]:
    told = document.get("pods")
    return {str(name) for name in told} if isinstance(told, list) else set()


def _short(name: str) -> str:
    return name.rpartition("-")[2]
