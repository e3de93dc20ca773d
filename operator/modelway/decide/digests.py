"""Every pod of a revision serves the same bytes: the first digest reported is recorded, another one is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from modelway.manifests import runtime
from modelway.world import Pod

REMEMBERED: Final = 1024  # messages: a decision asks some fourteen times, for each of a few pods


def reported(pod: Pod) -> str:
    """The digest that the pod's fetch container reported, or nothing."""
    for container in pod.containers:
        if container.name == runtime.FETCH_CONTAINER and container.exit_code == 0 and container.exit_message:
            return _digest(container.exit_message)
    return ""


def first_reported(pods: Iterable[Pod]) -> str:
    """The digest to record: that of the oldest pod that reports one, or nothing."""
    told = sorted((pod.created_at, pod.name, digest) for pod in pods if (digest := reported(pod)))
    return told[0][2] if told else ""


def strangers(pods: Iterable[Pod], recorded: str) -> tuple[Pod, ...]:
    """Pods that fetched other bytes than the recorded ones."""
    if not recorded:
        return ()
    return tuple(pod for pod in pods if (digest := reported(pod)) and digest != recorded)


@lru_cache(REMEMBERED)
def _digest(message: str) -> str:
    try:
        said = json.loads(message)
    except ValueError:
        return ""
    digest = said.get("digest") if isinstance(said, dict) else None
    return digest if isinstance(digest, str) else ""
