"""What a decision wants to be told before the next one: which pods are asked, and how often."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from modelway.world import Measure, Pod

from .gates import Gate, golden_requests, signature_of
from .judgement import queries, unseen
from .rollout import Stage
from .situation import Situation
from .traffic import recent, unconfirmed

SOON: Final = 0.25  # seconds, while a share is being confirmed: a kubelet refreshes a mount in 0.35 to 0.7 s
SIGNATURE: Final = 1.0
AFTERWARDS: Final = 10.0


def measure(
    situation: Situation, found: Stage, gate: Gate, document: Mapping[str, Any], leaving: bool
) -> Measure | None:
    """What is to be measured; ``leaving``: a revision waits until no stable pod calls it any more."""
    stable, candidate = situation.stable, situation.candidate
    if stable is None:
        calling = leaving and recent(situation, document)
        return Measure(SOON, _addresses(situation.pods(situation.front))) if calling else None
    wanted: list[tuple[float, tuple[Pod, ...]]] = []
    sharing = "stable" in document and candidate is not None
    if sharing or (leaving and recent(situation, document)):
        often = situation.spec.rollout.interval_seconds if sharing else AFTERWARDS
        every = SOON if unconfirmed(situation, document) or (sharing and unseen(situation)) else often
        wanted.append((every, situation.pods(stable.hash)))
    if sharing and candidate:
        wanted.append((wanted[0][0], situation.pods(candidate.hash)))
    asking = found is Stage.PROGRESSING and candidate is not None and gate.waiting and situation.ready(candidate)
    if asking and candidate:
        wanted.append((SIGNATURE, (*situation.pods(stable.hash), *situation.pods(candidate.hash))))
    keeping = _keeps(situation, found, gate)
    if keeping and candidate:  # what the gates rest on stays known, or they would be asked anew at each pod
        wanted.append((AFTERWARDS, (*situation.pods(stable.hash), *situation.pods(candidate.hash))))
    if not wanted:
        return None
    pods = {pod.uid: pod for _, some in wanted for pod in some}
    known = bool(candidate) and all(signature_of(situation, each) for each in (stable, candidate) if each)
    return Measure(
        every=min(every for every, _ in wanted),
        pods=_addresses(pods.values()),
        queries=queries(situation) if sharing else (),
        queries_every=situation.spec.rollout.interval_seconds,
        queries_since=situation.position.ends_at if sharing and unseen(situation) else None,
        golden=golden_requests(situation) if (asking or keeping) and known else None,
    )


def _keeps(situation: Situation, found: Stage, gate: Gate) -> bool:
    """Whether a revision without steps has passed its gates and waits for more pods, or for what crashed to stand."""
    gates, coming = situation.spec.rollout.gates, found is Stage.PROGRESSING and bool(situation.ready(situation.target))
    return (
        coming and gate.passed and not situation.position.steps and (gates.signature != "Ignore" or bool(gates.golden))
    )


def _addresses(pods: Iterable[Pod]) -> tuple[tuple[str, str, str], ...]:
    return tuple((pod.name, pod.uid, pod.address) for pod in pods if pod.ready and pod.address)
