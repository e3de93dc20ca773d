"""The design's invariants as rules about decisions: each looks at one ``View`` and objects in a sentence, or not.

A pod that died a moment ago, of which the operator can't know, is nobody's fault: so they look at what it saw.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from modelway.api.status import Phase
from modelway.decide.steps import Position
from modelway.decide.verbs import VERBS
from modelway.manifests import names
from modelway.manifests.timestamps import parsed
from modelway.reconcile import Decide
from modelway.world import Apply, Delete, Kind
from tests.sim.view import View

Objections = Iterator[str]


def capacity_before_weight(view: View, decide: Decide) -> Objections:
    """1. No revision gets a share of traffic that its ready pods can't hold."""
    document = view.document_after
    weight = document.get("gateway", document.get("weight")) or 0  # whoever splits
    if not weight or any(step.set_canary_scale for step in view.spec.rollout.effective_steps):
        return  # with setCanaryScale it is the user who says how many pods are enough
    ready = view.ready(document["candidate"]["revision"])
    if 100 * ready < weight * view.full - 99:
        yield f"{weight}% of {view.full} pods' requests go to {ready} ready pods"


def serving_capacity(view: View, decide: Decide) -> Objections:
    """2. At least one ready serving revision's worth of capacity exists: nothing takes pods from who serves."""
    serving = names.revision(view.name, view.front)
    for write in view.plan.writes:
        gone = isinstance(write, Delete) and write.kind == "Deployment" and write.name == serving
        served = view.marked(view.front, names.PROMOTED_AT) or view.ready(view.front)
        if gone and served and view.front_after == view.front:
            yield f"the pods of {serving} are deleted, which serves"
        if isinstance(write, Apply) and write.manifest["metadata"]["name"] == serving:
            spec = write.manifest.get("spec", {})
            sent = spec.get("replicas" if write.manifest["kind"] == "Deployment" else "minReplicas")
            if sent is not None and sent < view.spec.scaling.lowest:
                yield f"{serving} serves and gets {sent} pods of {view.spec.scaling.lowest}"


def abort_wins(view: View, decide: Decide) -> Objections:
    """3. Abort always wins: stable answers everything from that decision on."""
    action = view.obeyed
    if not str(action.get("action", "")).startswith("abort@") or action["result"] != "Done":
        return
    if "stable" in view.document_after:
        yield "it was aborted and keeps a share"
    if view.front_after == view.target and view.front != view.target:
        yield "it was aborted and promoted"


def front_only_at_promotion(view: View, decide: Decide) -> Objections:
    """4. The front Service's selector changes only at promotion, once per rollout, and only to a ready revision."""
    before, after = view.front, view.front_after
    known = view.child(Kind.CONTROLLER_REVISION, before) or view.child(Kind.DEPLOYMENT, before)
    if not before or before == after or not known:
        return  # without one, or with one that somebody scribbled over, it is repaired
    if after != view.target:
        yield f"the front moves to {after}, but the spec asks for {view.target}"
    ready, least = view.ready(after), max(1, view.spec.scaling.lowest)
    if ready < least:
        yield f"the front moves to {after} with {ready} ready pods of {least}"
    marks = [w.manifest["metadata"]["annotations"] for w in view.applies(Kind.CONTROLLER_REVISION)]
    told = [mark for mark in marks if mark.get(names.PROMOTED_AT)]
    if not told and not view.marked(after, names.PROMOTED_AT):
        yield f"the front moves to {after}, which is not marked as promoted"
    if view.marked(after, names.FAILED_AT) and not _retried(view):
        yield f"the front moves to {after}, which failed"


def third_version(view: View, decide: Decide) -> Objections:
    """5. A third version replaces the candidate; the rollback target stays the last promoted revision."""
    document = view.document_after
    if "stable" in document:
        if document["stable"] != view.front_after:
            yield f"{document['stable']} is told to be stable, but users reach {view.front_after}"
        if document["candidate"]["revision"] != view.target:
            yield f"{document['candidate']['revision']} has a share, but the spec asks for {view.target}"
    for write in view.applies(Kind.DEPLOYMENT):
        revision = write.manifest["metadata"]["labels"][names.REVISION]
        if revision not in (view.front, view.target, view.front_after):
            yield f"{revision} gets pods, but {view.front} serves and the spec asks for {view.target}"
    stable = str((view.status.get("stable") or {}).get("name", ""))
    if stable and view.front_after and stable != names.revision(view.name, view.front_after):
        yield f"the status calls {stable} stable, but users reach {view.front_after}"


def verbs_need_their_precondition(view: View, decide: Decide) -> Objections:
    """8. A verb whose precondition does not hold changes nothing and says so."""
    value = view.seen.resource.annotations.get(names.ACTION, "")
    if not value or value == (view.rollout.get("lastAction") or {}).get("action"):
        return
    if (view.rollout_after.get("lastAction") or {}).get("action") != value:
        yield f"{value} is not answered"
        return
    action, found = view.obeyed, re.match(r"([a-z-]+)@([0-9a-f]{10})(:|$)", value)
    done, failed = action["result"] == "Done", bool(view.marked(view.target, names.FAILED_AT))
    if done and (found is None or found[2] != view.target or found[1] not in VERBS):
        yield f"{value} is obeyed, but the spec asks for {view.target}"
    if done and not failed and view.front == view.target and view.marked(view.target, names.PROMOTED_AT):
        yield f"{value} is obeyed by a revision that serves already"
    told = view.rollout.get("target") == names.revision(view.name, view.target)
    if done and failed and told and found and found[1] not in ("abort", "retry"):
        yield f"{value} is obeyed by a revision that failed"
    if action["result"] == "Ignored":
        silent = replace(view.seen, resource=replace(view.seen.resource, annotations={}))
        without = decide(silent, view.now)
        if without.writes != view.plan.writes:
            yield f"{value} is ignored, and yet changes what is written"


def one_step_at_a_time(view: View, decide: Decide) -> Objections:
    """10. One step forward per decision; each decision carries its why."""
    if not view.plan.why or not all(view.plan.why):
        yield "a decision without a why"
    before, after = _step(view.rollout), _step(view.rollout_after)
    same = view.rollout.get("target") == view.rollout_after.get("target")
    if not same or before[0] != after[0] or str(view.obeyed.get("action", "")).startswith(("promote-full@", "retry@")):
        return
    if after[1] > view.step_before + 1:
        yield f"from step {view.step_before} to step {after[1]} at once"


def steps_take_their_time(view: View, decide: Decide) -> Objections:
    """10. A step that lasts for a time lasts for that time, unless a person says otherwise."""
    before, after = _step(view.rollout), _step(view.rollout_after)
    promoted = view.front_after == view.target and view.front != view.target
    left = promoted or (before[0] == after[0] and after[1] > before[1])
    same = view.rollout.get("target") == names.revision(view.name, view.target)
    steps = view.spec.rollout.effective_steps
    if not left or not same or view.obeyed or not 0 < before[1] <= len(steps) or before[0] != _plan(view):
        return
    step, began = steps[before[1] - 1], parsed(view.rollout.get("stepStartedAt"))
    decided = parsed(view.marked(view.target, names.PROMOTED_AT))
    if promoted and decided and began and decided >= began:
        return  # a former decision, which was cut off when it had said so in the history
    if not view.marked(view.front, names.PROMOTED_AT) and not view.ready(view.front):
        return  # whoever answered before anything was promoted answers no more: what comes up is the first one now
    if step.duration_seconds and began and view.now < began + timedelta(seconds=step.duration_seconds):
        yield f"step {before[1]} began at {began} and is left at {view.now}, before its {step.duration_seconds} s"
    if step.pause is not None and step.duration_seconds is None:
        yield f"step {before[1]} waits for a person, and nobody said to go on"
    ready, least = view.ready(view.target), Position(steps, before[1] - 1, view.now).pods(view.full)
    decided_before = view.step_before >= after[1]  # by an operator that died before it told so in the status
    if ready < least and not promoted and not decided_before:
        yield f"step {before[1]} is left with {ready} ready pods of {least}"


def failures_are_remembered(view: View, decide: Decide) -> Objections:
    """A revision that failed is not tried again until the spec changes or ``retry`` says so."""
    same = view.rollout.get("target") == names.revision(view.name, view.target)
    if not same or not view.marked(view.target, names.FAILED_AT) or view.front == view.target or _retried(view):
        return
    if any(w.create and w.manifest["metadata"]["labels"][names.REVISION] == view.target for w in _pods(view)):
        yield f"{view.target} failed and is tried again"


def held_only_when_asked(view: View, decide: Decide) -> Objections:
    """A failed check ends the rollout, unless ``onFailure`` says that a person shall decide."""
    held, new = str(view.rollout_after.get("held") or ""), not view.rollout.get("held")
    asked = view.spec.rollout.on_failure == "Pause" or str(view.obeyed.get("action", "")).startswith("pause@")
    if held and new and not asked:
        yield f"nobody asked to hold it: {held}"


def held_until_told(view: View, decide: Decide) -> Objections:
    """One that is held takes over only when a person says so, whatever was counted since."""
    moves = view.front_after == view.target != view.front and bool(view.marked(view.front, names.PROMOTED_AT))
    before = parsed(view.marked(view.target, names.PROMOTED_AT)), parsed(view.rollout.get("stepStartedAt"))
    if not moves or not view.rollout.get("held") or (before[0] and before[1] and before[0] >= before[1]):
        return
    same = view.rollout.get("target") == names.revision(view.name, view.target)
    said = str((view.rollout_after.get("lastAction") or {}).get("action", "")).startswith("promote")
    if same and not said and view.ready(view.front) and view.rollout.get("plan") == _plan(view):
        yield f"{view.target} takes over, and nobody said so: it was held, for {view.rollout['held']}"


def time_to_look_again(view: View, decide: Decide) -> Objections:
    """10. Each decision carries the time to look again where time alone changes the next one."""
    if view.plan.recheck_after is not None and view.plan.recheck_after < 0:
        yield f"look again in {view.plan.recheck_after} s"
    ends: datetime | None = parsed(view.rollout_after.get("stepEndsAt"))
    timed = str(view.status.get("phase")) == Phase.PROGRESSING and ends is not None and ends > view.now
    if timed and view.plan.recheck_after is None:
        yield f"the step ends at {ends}, and nobody looks then"


def errors_are_noticed(view: View, decide: Decide) -> Objections:
    """A candidate that fails half of its requests does not get through a step in which that is watched."""
    uri, rollout = view.spec.model.uri, view.spec.rollout
    moves = view.front_after != view.front and bool(view.marked(view.front, names.PROMOTED_AT))
    if not moves or "erroring" not in uri or view.marked(view.target, names.PROMOTED_AT) or _told_by_a_person(view):
        return
    if any(check.metric == "errorRate" and not check.failure_limit for check in view.spec.effective_checks):
        weight, watched = 0, 0.0
        for step in rollout.effective_steps:
            weight = weight if step.set_weight is None else step.set_weight
            watched = max(watched, step.duration_seconds or 0.0) if weight else watched
        if watched >= 10:
            yield f"{uri} is promoted, and half of its requests fail"


def _told_by_a_person(view: View) -> bool:
    return bool(view.rollout.get("lastAction") or view.obeyed)


RULES: tuple[Callable[[View, Decide], Objections], ...] = (
    capacity_before_weight,
    serving_capacity,
    abort_wins,
    front_only_at_promotion,
    third_version,
    verbs_need_their_precondition,
    one_step_at_a_time,
    steps_take_their_time,
    failures_are_remembered,
    held_only_when_asked,
    held_until_told,
    time_to_look_again,
    errors_are_noticed,
)


def _step(rollout: dict[str, object]) -> tuple[str, int]:
    """The plan's fingerprint and the number of the step."""
    step = rollout.get("step")
    return str(rollout.get("plan") or ""), step if isinstance(step, int) else 0


def _plan(view: View) -> str:
    from modelway.decide.steps import fingerprint

    return fingerprint(view.spec.rollout.effective_steps)


def _retried(view: View) -> bool:
    new = view.rollout.get("target") != names.revision(view.name, view.target)
    return new or str(view.obeyed.get("action", "")).startswith("retry@")


def _pods(view: View) -> Iterator[Apply]:
    return view.applies(Kind.DEPLOYMENT)
