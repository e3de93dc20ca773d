"""Events: few, each about a turn in a revision's life. A creation tells one, a successful update two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelway.manifests import names
from modelway.world import Event, Failure

from . import rollback
from .advance import Advance, told
from .desired import Aim
from .naming import named
from .rollout import UP, Stage
from .situation import Situation


def events(situation: Situation, found: Stage, target: Aim, failure: Failure | None, step: Advance) -> Iterator[Event]:
    """What is worth telling about this decision."""
    action = situation.obeyed
    if action.action:
        how, reason = ("Normal", "ActionDone") if action.done else ("Warning", "ActionIgnored")
        yield Event(how, reason, "Obey", f"{action.action}: {action.message}")  # type: ignore[arg-type]
    wanted, stable = situation.target, situation.stable
    if found in (Stage.STEPPING, Stage.HELD) and step.moved and (text := told(situation)):
        failed = step.judgement.failed is not None and bool(step.position.held) and not action.action
        how, reason = ("Warning", "RolloutPaused") if failed else ("Normal", "StepStarted")
        yield Event(how, reason, "Step", f"Revision {named(wanted)}: {text}")  # type: ignore[arg-type]
    if situation.newly_targeted and stable and target.candidate and found in UP:
        text = f"Revision {named(wanted)} comes up beside revision {named(stable)}."
        force = rollback.told(situation.asked, wanted)
        yield Event("Normal", "RevisionStarted", "Start", f"{text} {force}".strip())
    if found is Stage.PROMOTING and target.stable:
        after = f" instead of revision {named(stable)}" if stable else ""
        yield Event(
            "Normal",
            "RevisionPromoted",
            "Promote",
            f"Revision {named(target.stable)} is ready and takes the traffic{after}.{_proof(situation)}",
        )
    if failure:
        yield Event("Warning", "RevisionFailed", "GiveUp", f"Revision {named(wanted)} was given up: {failure.message}")
    for revision in target.up:
        for pod in situation.strangers(revision):
            yield Event(
                "Warning",
                "DigestMismatch",
                "DeletePod",
                f"Pod {pod.name} fetched other bytes than revision"
                f" {names.revision(situation.resource.name, revision.hash)} serves"
                f" ({revision.digest}): the content at spec.model.uri has changed. The pod is deleted.",
            )


def _proof(situation: Situation) -> str:
    """What the checks found of a candidate that is promoted, with the numbers; the status has them, too."""
    rollout: Any = {} if situation.newly_targeted else situation.resource.status.get("rollout") or {}
    found = [str(each["message"]).removesuffix(".") for each in rollout.get("evidence") or ()]
    return f" Its checks: {'; '.join(found)}." if found else ""
