"""The status of a ModelDeployment at which ``decide`` itself failed: what it was, plus Stalled with the bug's name."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from modelway.world import Resource

REASON: Final = "InternalError"


def internal_error(resource: Resource, error: Exception, now: datetime) -> dict[str, Any] | None:
    """The status to write, or None if it says so already: a back-off of a poison object writes nothing."""
    conditions = {condition["type"]: condition for condition in resource.status.get("conditions") or ()}
    text = f"{type(error).__name__}: {error}"[:512]
    message = f"Modelway failed at this object: {text}. This is a bug in Modelway; its log has the details."
    stalled = conditions.get("Stalled", {})
    if (stalled.get("reason"), stalled.get("message")) == (REASON, message):
        return None
    conditions["Stalled"] = {
        "type": "Stalled",
        "status": "True",
        "reason": REASON,
        "message": message,
        "observedGeneration": resource.generation,
        "lastTransitionTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return {**resource.status, "conditions": list(conditions.values())}
