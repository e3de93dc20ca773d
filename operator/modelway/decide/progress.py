"""What ``status.rollout`` tells of the steps: enough to go on from after a crash, and the evidence for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from modelway.manifests.timestamps import precise, rfc3339

from .advance import Advance
from .desired import Aim
from .finding import Finding
from .rollout import Stage
from .situation import Situation
from .steps import fingerprint

_IN_STEPS: Final = frozenset({Stage.STEPPING, Stage.HELD, Stage.PAUSED, Stage.PROGRESSING, Stage.STARTING})
LONGEST: Final = 2048


def progress(situation: Situation, found: Stage, target: Aim, step: Advance) -> dict[str, Any]:
    """The part of ``status.rollout`` that is about steps, checks and verbs."""
    before: Any = situation.resource.status.get("rollout") or {}
    told: dict[str, Any] = {}
    if step.position.began is not None and target.candidate and found in _IN_STEPS:
        told |= _position(step)
        if step.judgement.failures:
            told["failures"] = list(step.judgement.failures)
    evidence = _evidence({} if situation.newly_targeted else before, step, ends=found is Stage.GIVING_UP)
    if evidence:
        told["evidence"] = evidence
    acknowledged = situation.obeyed.acknowledged(before.get("lastAction"), situation.now)
    if acknowledged:
        told["lastAction"] = acknowledged
    return told


def _position(step: Advance) -> dict[str, Any]:
    position = step.position
    assert position.began is not None
    told: dict[str, Any] = {
        "step": position.index + 1,
        "steps": len(position.steps),
        "plan": fingerprint(position.steps),
        "stepStartedAt": precise(position.began),
    }
    if position.ends_at:
        told["stepEndsAt"] = rfc3339(position.ends_at)
    if position.held:
        told["held"] = position.held[:LONGEST]
    return told


def _evidence(before: Mapping[str, Any], step: Advance, *, ends: bool) -> list[dict[str, Any]]:
    """The findings; as they were told if no verdict changed and none ends the rollout, for a number that changes is no
    news: a rollout that is held or paused writes nothing, whatever is measured meanwhile."""
    former: Sequence[dict[str, Any]] = before.get("evidence") or ()
    latest = [_told(finding) for finding in step.judgement.findings]
    if step.position.held and not step.moved and not any("value" in told for told in latest):
        return list(
            former
        )  # shares changed while it is held: that nothing was counted since is no reason to forget why
    if not latest or (_verdicts(former) == _verdicts(latest) and not step.moved and not ends):
        return list(former)
    return latest


def _verdicts(told: Sequence[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    return [(each.get("check"), each.get("state")) for each in told]


def _told(finding: Finding) -> dict[str, Any]:
    told: dict[str, Any] = {
        "check": finding.name[:256],
        "state": str(finding.state),
        "samples": finding.samples,
        "message": finding.sentence[:LONGEST],
    }
    if finding.value is not None:
        told["value"] = finding.value
    if finding.stable_value is not None:
        told["stableValue"] = finding.stable_value
    return told
