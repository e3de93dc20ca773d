"""Why a revision's pods are not ready, in words to act on: which pod, the cause, the remedy, the last line said.

Texts hold nothing that changes by itself (counts of restarts, back-off times, generated names of pods that never
were), so that one trouble is one status write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from modelway.manifests import names
from modelway.manifests.pod import claim, memory_limit
from modelway.world import ContainerState, Kind, Pod, Revision

from .remedies import OTHERWISE_REFUSED, SAID_BY_CONTAINERS, SAID_OF_REFUSED_PODS
from .scheduling import plain
from .situation import Situation

LONGEST_LINE: Final = 500

_OVER: Final = frozenset({"Failed", "Succeeded"})  # evicted, say: another pod took its place, and knows better

# The name of a pod that never was is another one at each attempt.
_REFUSED_POD: Final = re.compile(r'^pods "[^"]*" is forbidden: |^Pod "[^"]*" is invalid: ')


@dataclass(frozen=True, slots=True)
class Trouble:
    """A cause: one word for programs, sentences for people."""

    reason: str
    message: str


def trouble(situation: Situation, revision: Revision) -> Trouble | None:
    """What keeps the revision's pods from being ready; None if nothing is known to."""
    found = [
        (pod.phase in _OVER, rank, pod.created_at, pod.name, said)
        for pod in situation.pods(revision.hash)
        if not pod.ready
        for rank, check in enumerate(_CHECKS)
        if (said := check(pod, revision))
    ]
    if found:
        return min(found, key=lambda item: item[:4])[4]
    return _refused_pods(situation, revision)


def no_cause(situation: Situation) -> Trouble:
    """The deadline passed and no pod says why."""
    name = names.revision(situation.resource.name, situation.target.hash)
    return Trouble(
        "ProgressDeadlineExceeded",
        f"{situation.ready(situation.target)} of {situation.needed(situation.target)} pods were ready when"
        " spec.rollout.progressDeadline"
        f" ({situation.spec.rollout.progress_deadline}) had passed, and no pod says why. See `kubectl describe"
        f" deployment {name}`,"
        " or give a large model more time.",
    )


def _out_of_memory(pod: Pod, revision: Revision) -> Trouble | None:
    container = next((c for c in pod.containers if c.exit_reason == "OOMKilled" and not c.ready), None)
    if container is None:
        return None
    limit = memory_limit(revision)
    what = f"its memory limit of {limit}" if limit else "the memory of its node"
    return Trouble(
        "OOMKilled",
        f"Pod {pod.name}: container {container.name} needed more than {what} and was ended."
        f" Raise spec.serving.resources.limits.memory.{_last_line(container)}",
    )


def _told_by_container(pod: Pod, revision: Revision) -> Trouble | None:
    for container in _failing(pod):
        reason, message = _structured(container.exit_message)
        if reason in SAID_BY_CONTAINERS:
            cause, remedy = SAID_BY_CONTAINERS[reason]
            advice = "" if "spec." in message else f" {remedy}"
            return Trouble(reason, f"{cause}.{advice} Pod {pod.name} says: {_sentence(message)}")
    return None


def _image_unavailable(pod: Pod, revision: Revision) -> Trouble | None:
    waiting = next((c for c in pod.containers if c.waiting_reason in _IMAGE_REASONS), None)
    if waiting is None:
        return None
    return Trouble(
        "ImageUnavailable",
        f"Pod {pod.name}: node {pod.node or 'unknown'} can't get the server's image {revision.image}. Check that"
        " the image exists"
        " (the operator's runtime image setting) and that the node may pull it (spec.serving.pod.imagePullSecrets).",
    )


def _container_config(pod: Pod, revision: Revision) -> Trouble | None:
    waiting = next((c for c in pod.containers if c.waiting_reason in _CONFIG_REASONS), None)
    if waiting is None:
        return None
    return Trouble(
        "ContainerConfigError",
        f"Pod {pod.name}: container {waiting.name} can't be created: {_sentence(waiting.waiting_message)} Check"
        " spec.serving.pod.",
    )


def _unschedulable(pod: Pod, revision: Revision) -> Trouble | None:
    return (
        Trouble("Unschedulable", f"Pod {pod.name} finds no node: {plain(pod.unschedulable, claim(revision))}")
        if pod.unschedulable
        else None
    )


def _crashed(pod: Pod, revision: Revision) -> Trouble | None:
    container = next(iter(_failing(pod)), None)
    if container is None:
        return None
    what, reason = ("fetching the model", "FetchCrashed") if container.init else ("serving it", "ServerCrashed")
    return Trouble(
        reason,
        f"Pod {pod.name}: container {container.name} ended with exit code {container.exit_code} while {what}."
        f" See `kubectl logs {pod.name} -c {container.name} --previous`.{_last_line(container)}",
    )


# The surest cause first.
_CHECKS: Final[tuple[Callable[[Pod, Revision], Trouble | None], ...]] = (
    _out_of_memory,
    _told_by_container,
    _image_unavailable,
    _container_config,
    _crashed,
    _unschedulable,
)
_IMAGE_REASONS: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
    }
)
_CONFIG_REASONS: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


def _refused_pods(situation: Situation, revision: Revision) -> Trouble | None:
    live = situation.child(Kind.DEPLOYMENT, revision)
    for condition in (live.status.get("conditions") or ()) if live else ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            said = _REFUSED_POD.sub("", str(condition.get("message", "")))
            known = ((reason, remedy) for pattern, reason, remedy in SAID_OF_REFUSED_PODS if pattern.search(said))
            reason, remedy = next(known, OTHERWISE_REFUSED)
            text = f"The API server refuses revision {revision.number}'s pods. {remedy} It says: {_sentence(said)}"
            return Trouble(reason, text)
    return None


def _failing(pod: Pod) -> list[ContainerState]:
    """Containers that ended badly and have not recovered; the init container, which is first, first."""
    return [c for c in sorted(pod.containers, key=lambda c: not c.init) if not c.ready and c.exit_code]


def _structured(message: str) -> tuple[str, str]:
    try:
        said = json.loads(_line(message))
    except ValueError:
        return "", ""
    if not isinstance(said, dict):
        return "", ""
    return str(said.get("reason", "")), str(said.get("message", ""))


def _last_line(container: ContainerState) -> str:
    line = _structured(container.exit_message)[1] or _line(container.exit_message)
    return f" It said last: {_sentence(line)}" if line else ""


def _line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][-LONGEST_LINE * 4 :] if lines else ""


def _sentence(text: str) -> str:
    text = text.strip()[:LONGEST_LINE]
    return text if text.endswith((".", "!", "?")) else f"{text}."
