"""The conditions, as kstatus reads them: Ready says whether the model answers, Reconciling that the
spec is not what serves yet, Stalled that only another spec or a retry helps. The last two are there only while True."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from modelway.manifests.timestamps import rfc3339

State = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One aspect of the state, without its times."""

    type: str
    status: State
    reason: str
    message: str


def state(holds: bool) -> State:
    """A truth as Kubernetes writes it."""
    return "True" if holds else "False"


def stamped(
    wanted: Iterable[Condition], before: Mapping[str, Any], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """The conditions as the API has them; a transition time is kept for as long as the status does not change."""
    past = {condition.get("type"): condition for condition in before.get("conditions") or ()}
    return [
        {
            "type": condition.type,
            "status": condition.status,
            "observedGeneration": generation,
            "lastTransitionTime": _since(condition, past.get(condition.type), now),
            "reason": condition.reason,
            "message": condition.message,
        }
        for condition in wanted
    ]


def _since(condition: Condition, before: Mapping[str, Any] | None, now: datetime) -> str:
    if before and before.get("status") == condition.status and before.get("lastTransitionTime"):
        return str(before["lastTransitionTime"])
    return rfc3339(now)
