"""What a candidate must pass before it meets traffic, once its first pods are ready."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from modelway.manifests.pod import model_name
from modelway.manifests.timestamps import rfc3339
from modelway.measurement import Signature
from modelway.world import Golden, Pod, Revision

from . import diagnosis, signature
from .diagnosis import Trouble
from .naming import named
from .situation import Situation

NOT_PASSED: Final = "GateNotPassed"
AWAY: Final = timedelta(seconds=60)
HOW_TO_PASS: Final = "Set spec.rollout.gates.signature: Ignore if that is meant."


@dataclass(frozen=True, slots=True)
class Gate:
    """Open, or why not: what is still to be learnt, or the trouble that keeps the candidate out. ``hindered`` says that
    waiting alone does not help."""

    waiting: str = ""
    hindered: bool = False
    refused: Trouble | None = None

    @property
    def passed(self) -> bool:
        """Whether the candidate may meet traffic."""
        return not self.waiting and self.refused is None


OPEN: Final = Gate()


def gate(situation: Situation) -> Gate:
    """All gates. They are asked only before the first step; whoever is in the steps has passed them."""
    stable, candidate = situation.stable, situation.candidate
    if stable is None or candidate is None or candidate.failure or situation.position.began is not None:
        return OPEN
    if situation.returning:
        return OPEN  # proven before
    if not situation.ready(candidate):
        return Gate(waiting="Its first pod is waited for.") if situation.ready(stable) else OPEN
    if not situation.ready(stable):
        return _nobody_to_compare_with(situation, stable)
    found = _signature(situation, stable, candidate)
    return found if not found.passed else _golden(situation, candidate)


def alone_at(situation: Situation) -> datetime | None:
    """When a ready candidate goes on although no pod of the stable revision is ready; None if that is no question.
    A drained node takes a lone pod for some seconds: that is no reason to let anything pass. One that is known to be
    broken is not waited for."""
    stable, candidate = situation.stable, situation.candidate
    gates = situation.spec.rollout.gates
    if stable is None or candidate is None or situation.ready(stable) or not situation.ready(candidate):
        return None
    if (gates.signature == "Ignore" and gates.golden is None) or diagnosis.trouble(situation, stable):
        return None
    since = [pod.ready_since for pod in situation.pods(candidate.hash) if pod.ready and pod.ready_since]
    return min(since) + AWAY if since else None


def _nobody_to_compare_with(situation: Situation, stable: Revision) -> Gate:
    until = alone_at(situation)
    if until is None or situation.now >= until:
        return OPEN
    text = f"No pod of revision {named(stable)} is ready to compare it with; it goes on without at {rfc3339(until)}."
    return Gate(waiting=text)


def _signature(situation: Situation, stable: Revision, candidate: Revision) -> Gate:
    if situation.spec.rollout.gates.signature == "Ignore":
        return OPEN
    before, after = signature_of(situation, stable), signature_of(situation, candidate)
    if before is None or after is None:
        missing = stable if before is None else candidate
        pods = sum(pod.ready for pod in situation.pods(missing.hash))
        text = (
            f"The signature of revision {named(missing)} is asked for ({pods} ready pods). The operator must reach the"
            " pods at port 8080; spec.rollout.gates.signature: Ignore goes on without."
        )
        return Gate(waiting=text)
    verdict = signature.compare(before, after)
    if verdict.compatible:
        return OPEN
    text = f"Its signature is not compatible with revision {named(stable)}: {'; '.join(verdict.differences)}."
    return Gate(refused=Trouble("SignatureChanged", f"{text} {HOW_TO_PASS}"))


def _golden(situation: Situation, candidate: Revision) -> Gate:
    wanted = situation.spec.rollout.gates.golden
    if wanted is None:
        return OPEN
    proof = situation.world.measured.golden.get((candidate.hash, wanted.config_map))
    if proof is None:
        return Gate(waiting=f"The golden requests of ConfigMap {wanted.config_map} are being sent.")
    if proof.state == "Passed":
        return OPEN
    if proof.state == "Failed":
        return Gate(refused=Trouble("GoldenRequestsFailed", proof.sentence))
    return Gate(waiting=proof.sentence, hindered=True)


def signature_of(situation: Situation, revision: Revision) -> Signature | None:
    """The signature that a ready pod of the revision reports, if any has been asked."""
    reports = situation.world.measured.reports
    told = (reports[pod.uid].signature for pod in situation.pods(revision.hash) if pod.ready and pod.uid in reports)
    return next((found for found in told if found), None)


def golden_requests(situation: Situation) -> Golden | None:
    """The golden requests to be sent now."""
    wanted, stable, candidate = situation.spec.rollout.gates.golden, situation.stable, situation.candidate
    if wanted is None or stable is None or candidate is None:
        return None
    one, other = _ready_pod(situation, candidate), _ready_pod(situation, stable)
    if one is None or other is None:
        return None
    return Golden(
        wanted.config_map,
        candidate.hash,
        model_name(candidate),
        model_name(stable),
        one.address,
        other.address,
        wanted.absolute_tolerance,
        wanted.relative_tolerance,
    )


def _ready_pod(situation: Situation, revision: Revision) -> Pod | None:
    return next((pod for pod in situation.pods(revision.hash) if pod.ready and pod.address), None)
