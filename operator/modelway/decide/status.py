"""The status: what is told about a decision. Nothing in it changes by itself, so that each phase is one write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from modelway.api.status import Phase
from modelway.manifests import names, runtime
from modelway.manifests.pod import model_name
from modelway.manifests.timestamps import rfc3339
from modelway.world import Resource, Revision

from .advance import Advance
from .conditions import Condition, stamped, state
from .desired import Aim
from .diagnosis import Trouble
from .progress import progress
from .rollback import NOT_FOUND
from .rollout import TIMED, Stage, deadline_at
from .situation import Situation
from .steps import FULL
from .summary import summarize
from .traffic import told_weight


def invalid(resource: Resource, message: str, now: datetime, reason: str = "InvalidSpec") -> dict[str, Any] | None:
    """The status while the spec can't be read or followed: what serves goes on serving."""
    before = resource.status
    kept = [c for c in before.get("conditions") or () if c.get("type") in ("Available", "ModelLoaded")]
    ready: Mapping[str, Any] = next((c for c in before.get("conditions") or () if c.get("type") == "Ready"), {})
    serving = ready.get("status") == "True"
    told = [
        Condition(
            "Ready",
            state(serving),
            str(ready.get("reason")) if serving else reason,
            str(ready.get("message")) if serving else message,
        ),
        *(Condition(c["type"], c["status"], c["reason"], c["message"]) for c in kept),
        Condition("Progressing", "False", reason, message),
        Condition("Stalled", "True", reason, message),
    ]
    after = {**before, "observedGeneration": resource.generation, "phase": str(Phase.FAILED)}
    after["conditions"] = stamped(told, before, resource.generation, now)
    if before.get("rollout"):
        after["rollout"] = {**before["rollout"], "message": message}
    return None if after == before else after


def lost(situation: Situation) -> dict[str, Any] | None:
    """The status while the history can't give what spec.rollback names, and nothing serves that could be looked after:
    nobody brings anything up, and a verb is answered."""
    resource, message = situation.resource, situation.asked.lost
    before: dict[str, Any] = resource.status.get("rollout") or {}
    ignored = replace(situation.obeyed, done=False, message=message)
    rollout = {"target": names.revision(resource.name, situation.asked.own), **before, "message": message}
    if action := ignored.acknowledged(before.get("lastAction"), situation.now):
        rollout["lastAction"] = action
    after = invalid(resource, message, situation.now, NOT_FOUND) or dict(resource.status)
    after["rollout"] = rollout
    return None if after == resource.status else after


def status(
    situation: Situation, found: Stage, target: Aim, trouble: Trouble | None, step: Advance
) -> tuple[dict[str, Any] | None, str]:
    """The whole status, None if it stands as it should; and what is going on, in a sentence."""
    resource = situation.resource
    view = summarize(situation, found, target, trouble)
    serving = target.stable or target.candidate
    rollout: dict[str, Any] = {"target": names.revision(resource.name, situation.target.hash), "message": view.message}
    if found in TIMED and not situation.world.refusals:  # the deadline waits for what only a person can remove
        rollout["startedAt"] = rfc3339(situation.started_at)
        if due := deadline_at(situation):
            rollout["deadlineAt"] = rfc3339(due)
    rollout |= progress(situation, found, target, step)
    after: dict[str, Any] = {
        "observedGeneration": resource.generation,
        "phase": str(view.phase),
        "conditions": stamped(view.conditions(), resource.status, resource.generation, situation.now),
        "rollout": rollout,
        "replicas": situation.needed(serving) if serving else 0,
        "selector": f"{names.DEPLOYMENT}={resource.name},{names.REVISION}={(serving or situation.target).hash}",
        "endpoints": {"http": _endpoint(resource, serving or situation.target)},
    }
    share = told_weight(target.document)
    if target.stable:
        after["stable"] = _revision(situation, target.stable, None if share is None else FULL - share)
    if target.candidate:
        after["candidate"] = _revision(situation, target.candidate, share)
    return (None if after == resource.status else after), view.message


def _endpoint(resource: Resource, revision: Revision) -> str:
    return f"http://{names.front_service(resource.name)}.{resource.namespace}.svc{runtime.MODELS_PATH}/{model_name(revision)}"


def _revision(situation: Situation, revision: Revision, weight: int | None) -> dict[str, Any]:
    gone = revision.failure is not None  # what failed goes in the same plan
    shall, ready = (0, 0) if gone else (situation.needed(revision), situation.ready(revision))
    told: dict[str, Any] = {"revision": revision.number, "name": names.revision(situation.resource.name, revision.hash)}
    if revision.model.version:
        told["version"] = revision.model.version
    if revision.digest and (ready or revision.promoted_at):
        told["digest"] = revision.digest
    told |= {"replicas": shall, "ready": ready}
    return told if weight is None else told | {"weight": weight}
