"""Why a candidate is given up: the surest cause first."""

from __future__ import annotations

from modelway.world import Failure

from . import diagnosis, gateway, verbs
from .advance import told
from .diagnosis import Trouble
from .gates import NOT_PASSED, gate
from .judgement import judge
from .situation import Situation
from .traffic import unconfirmed

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
    why = unrouted or _unread(situation) or " ".join(verdict.waiting) or told(situation)
    deadline = situation.spec.rollout.progress_deadline
    return Trouble(ROLLED_BACK, f"It came no further within spec.rollout.progressDeadline ({deadline}). {why}")


def _unread(situation: Situation) -> str:
    """Which pods never said that they have read who gets what; empty if all did, or nothing is shared."""
    silent = [pod.name for pod in unconfirmed(situation, situation.document)] if "stable" in situation.document else []
    if not silent:
        return ""
    who = f"Pod {silent[0]}" + (f" and {len(silent) - 1} more" if len(silent) > 1 else "")
    return (
        f"{who} never reported the share: the operator must reach the pods at port 8080, and the kubelets must refresh"
        " their ConfigMap."
    )


def _late(situation: Situation) -> Trouble:
    waiting = gate(situation).waiting
    if waiting and situation.ready(situation.target):
        deadline = situation.spec.rollout.progress_deadline
        text = f"Its gates were not passed within spec.rollout.progressDeadline ({deadline}). {waiting}"
        return Trouble(NOT_PASSED, text)
    return diagnosis.no_cause(situation)
