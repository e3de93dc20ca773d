"""A candidate's pods that others took away (a drained node, an eviction, a hand) are no failure of the candidate's.

While such a pod goes, stable pods may fail to reach it; what was counted until then is forgotten, by a new epoch in the
traffic document. A container that crashes keeps its pod, and so its counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .situation import Situation


def counted_pods(situation: Situation) -> list[str]:
    """The candidate's pods whose answers count in this epoch, by the last part of their names, sorted: those that were
    ready once and are there still."""
    here = _here(situation)
    ready = {_short(pod.name) for pod in _pods(situation) if pod.ready}
    return sorted(ready | (_before(situation.document) & here))


def disturbed(situation: Situation) -> bool:
    """Whether a pod whose answers count has been taken away since."""
    return bool(_before(situation.document) - _here(situation))


def epoch(situation: Situation, steps: str) -> str:
    """The epoch's name: ``<steps>.<the step that said who gets what>.<how often pods were taken away since>``."""
    now = f"{steps}.{situation.position.epoch}"
    name, _, times = str(situation.document.get("epoch", "")).rpartition(".")
    if name != now or not times.isdigit():
        return f"{now}.0"
    return f"{now}.{int(times) + disturbed(situation)}"


def _pods(situation: Situation) -> tuple[Any, ...]:
    return situation.pods(situation.candidate.hash) if situation.candidate else ()


def _here(situation: Situation) -> set[str]:
    return {_short(pod.name) for pod in _pods(situation)}


def _before(document: Mapping[str, Any]) -> set[str]:
    told = document.get("pods")
    return {str(name) for name in told} if isinstance(told, list) else set()


def _short(name: str) -> str:
    return name.rpartition("-")[2]
