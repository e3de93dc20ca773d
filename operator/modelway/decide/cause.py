"""Why a candidate is given up: the surest cause first."""

from __future__ import annotations

from modelway.world import Failure

from . import diagnosis, gateway, verbs
from .advance import told
from .diagnosis import Trouble
from .gates import NOT_PASSED, gate
from .judgement import judge
from .situation import Situation

ROLLED_BACK = "RolledBack"


def failure(situation: Situation, trouble: Trouble | None) -> Failure:
    """What is remembered of a revision that is given up now."""
    found = _cause(situation, trouble)
    return Failure(situation.now, found.reason, found.message)


def _cause(situation: Situation, trouble: Trouble | None) -> Trouble:
    if situation.obeyed.abort:
        return Trouble(verbs.ABORTED, "A person aborted it.")
    refused = gate(situation).refused
    if refused:
        return refused
    verdict = judge(situation)
    if verdict.failed:
        return Trouble(ROLLED_BACK, f"{verdict.failed.sentence}.")
    if trouble or situation.position.began is None:
        return trouble or _late(situation)
    routed = gateway.condition(situation, (situation.stable or situation.target).serving)
    unrouted = routed.message if routed and routed.status != "True" else ""
    why = unrouted or " ".join(verdict.waiting) or told(situation)
    deadline = situation.spec.rollout.progress_deadline
    return Trouble(ROLLED_BACK, f"It came no further within spec.rollout.progressDeadline ({deadline}). {why}")


def _late(situation: Situation) -> Trouble:
    waiting = gate(situation).waiting
    if waiting and situation.ready(situation.target):
        deadline = situation.spec.rollout.progress_deadline
        text = f"Its gates were not passed within spec.rollout.progressDeadline ({deadline}). {waiting}"
        return Trouble(NOT_PASSED, text)
    return diagnosis.no_cause(situation)
