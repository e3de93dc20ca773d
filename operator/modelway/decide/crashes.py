"""A candidate whose server crashes: how often it may, and how long it has to stand before it goes on.

A crash takes a share away from it, so few requests count against it; and a pod that came up again is as ready as
before. So what crashed has to stand for a while under its share before a step ends or users get to it for good.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from modelway.world import Pod

from .situation import Situation

MOST: Final = 3  # one may be the node's; Kubernetes backs off from the third on
CALM: Final = timedelta(seconds=30)
# What a kubelet says of containers that were gone when it came back: their machine was started anew, and three pods on
# it are no three crashes of the model.
_NODES: Final = "Unknown"  # and ContainerStatusUnknown


def count(situation: Situation) -> int:
    """How often the servers of the candidate's pods crashed."""
    return sum(_crashes(pod) for pod in _pods(situation))


def calm_at(situation: Situation) -> datetime | None:
    """When every pod that crashed will have stood for long enough; None if one is not ready, or none crashed."""
    since = [pod.ready_since if pod.ready else None for pod in _pods(situation) if _crashes(pod)]
    known = [moment for moment in since if moment]
    return max(known) + CALM if known and len(known) == len(since) else None


def restless(situation: Situation) -> str:
    """Why the candidate does not go on; nothing if no pod of it crashed lately."""
    crashes, calm = count(situation), calm_at(situation)
    if not crashes or (calm and situation.now >= calm):
        return ""
    times = "once" if crashes == 1 else f"{crashes} times"
    return f"Its server crashed {times}: it goes on when it has stood for {CALM.seconds} s."


def _pods(situation: Situation) -> tuple[Pod, ...]:
    return situation.pods(situation.candidate.hash) if situation.candidate else ()


def _crashes(pod: Pod) -> int:
    servers = (container for container in pod.containers if not container.init and container.exit_code)
    return sum(server.restarts for server in servers if not server.exit_reason.endswith(_NODES))
