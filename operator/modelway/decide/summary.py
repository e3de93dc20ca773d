"""What a decision means for people and programs: the phase, one message, and the conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from modelway.api.status import Phase

from . import crashes, diagnosis, gateway, rollback
from .advance import told
from .conditions import Condition, State, state
from .desired import Aim, afterwards, front_serving
from .diagnosis import Trouble
from .gates import NOT_PASSED, gate
from .naming import named
from .refusal import explained
from .rollout import Stage
from .situation import Situation

HOW_TO_GO_ON: Final = (
    "Change the spec to go on, return to the former spec to stay with it, or try the same again: kubectl modelway retry"
    " {name}, or a new label in spec.model.version."
)
HOW_TO_BEGIN: Final = (
    "Change the spec, or try the same again when the cause is gone: kubectl modelway retry {name}, or a new label in"
    " spec.model.version."
)

# Where the revision that is asked for stands: (phase beside a serving revision, phase alone, Progressing, its reason).
_STAGES: Final[dict[Stage, tuple[Phase, Phase, State, str]]] = {
    Stage.SETTLED: (Phase.READY, Phase.PENDING, "False", "Complete"),
    Stage.STARTING: (Phase.PROGRESSING, Phase.PENDING, "True", "RevisionProgressing"),
    Stage.PROGRESSING: (Phase.PROGRESSING, Phase.PENDING, "True", "RevisionProgressing"),
    Stage.STEPPING: (Phase.PROGRESSING, Phase.PENDING, "True", "RevisionProgressing"),
    Stage.HELD: (Phase.PAUSED, Phase.PAUSED, "True", "WaitsForPerson"),
    Stage.PAUSED: (Phase.PAUSED, Phase.PAUSED, "False", "Paused"),
    Stage.SCALED_TO_ZERO: (Phase.SCALED_TO_ZERO, Phase.SCALED_TO_ZERO, "False", "ScaledToZero"),
    Stage.FAILED: (Phase.FAILED, Phase.FAILED, "False", "Failed"),
    Stage.GIVING_UP: (Phase.FAILED, Phase.FAILED, "False", "Failed"),
}


@dataclass(frozen=True, slots=True)
class Summary:
    """What is told; ``stalled`` is why only a person can help, ``working`` that the spec is not what serves yet."""

    phase: Phase
    message: str
    ready: Condition
    available: Condition
    progressing: Condition
    loaded: Condition
    working: bool
    stalled: Trouble | None
    routed: Condition | None  # what gateways say of our routes; None where there are none

    def conditions(self) -> Iterator[Condition]:
        """The conditions, in the order in which they are shown."""
        yield from (self.ready, self.available, self.progressing, self.loaded)
        if self.routed:
            yield self.routed
        if self.working and not self.stalled:
            yield Condition("Reconciling", "True", self.progressing.reason, self.message)
        elif self.routed and self.routed.status != "True" and not self.stalled:
            yield Condition("Reconciling", "True", self.routed.reason, self.routed.message)
        if self.stalled:
            yield Condition("Stalled", "True", self.stalled.reason, self.stalled.message)


@dataclass(frozen=True, slots=True)
class _Facts:
    stage: Stage
    serving: int  # ready pods of the stable revision
    short: bool  # stable has fewer ready pods than it shall have
    zero: bool
    trouble: Trouble | None  # what keeps the revision that is waited for from being ready
    failure: Trouble | None  # why the candidate was given up
    refused: Trouble | None  # what the API server refused, or the history does not have


def summarize(situation: Situation, found: Stage, target: Aim, trouble: Trouble | None) -> Summary:
    """Tells the decision."""
    facts = _facts(situation, found, target, trouble)
    phase, state_of_progress, reason = _progress(situation, facts, target)
    message = _joined(_message(situation, facts, target), rollback.told(situation.asked, situation.target))
    routed = gateway.condition(afterwards(situation, target), front_serving(situation, target))
    if routed and routed.status != "True":
        message = _joined(message, routed.message)
    stalled = facts.refused or (Trouble(facts.failure.reason, message) if facts.failure else None)
    if routed and routed.reason in gateway.HOPELESS:
        stalled = stalled or Trouble(routed.reason, routed.message)
    why = facts.refused or facts.failure or facts.trouble
    moving = state_of_progress == "True" or (why is not None and not facts.zero and found is not Stage.PAUSED)
    return Summary(
        phase=Phase.FAILED if facts.refused else phase,
        message=message,
        ready=_ready(facts, target, message),
        available=_available(facts),
        progressing=Condition("Progressing", state_of_progress, why.reason if why and moving else reason, message),
        loaded=_loaded(situation, facts, target),
        working=state_of_progress == "True" or found is Stage.PAUSED,
        stalled=stalled,
        routed=routed,
    )


def _facts(situation: Situation, found: Stage, target: Aim, trouble: Trouble | None) -> _Facts:
    stable, zero = target.stable, situation.spec.scaling.highest == 0
    serving = situation.ready(stable) if stable else 0
    short = stable is not None and serving < situation.needed(stable)
    failure = target.candidate.failure if target.candidate and found in (Stage.FAILED, Stage.GIVING_UP) else None
    if found is Stage.SETTLED and not short:
        trouble = None  # of a pod that is not needed, such as one that was evicted and replaced
    elif short and stable and not trouble:
        trouble = diagnosis.trouble(situation, stable)
    refused = next(
        (Trouble(*explained(refusal, situation.resource.namespace)) for refusal in situation.world.refusals), None
    )
    lost = Trouble(rollback.NOT_FOUND, situation.asked.lost) if situation.asked.lost else None
    return _Facts(
        stage=found,
        serving=serving,
        short=short,
        zero=zero,
        trouble=None if zero or failure else trouble,
        failure=Trouble(failure.reason, failure.message) if failure else None,
        refused=refused or lost,
    )


def _progress(situation: Situation, facts: _Facts, target: Aim) -> tuple[Phase, State, str]:
    beside, alone, progressing, reason = _STAGES[facts.stage]
    phase = beside if target.stable else alone
    if facts.zero and facts.stage is Stage.SETTLED:
        return Phase.SCALED_TO_ZERO, "False", "ScaledToZero"
    if situation.spec.rollout.paused and facts.stage is Stage.SETTLED and not facts.short:
        return Phase.PAUSED, "False", "Paused"
    if facts.short and facts.stage is Stage.SETTLED:
        degraded = facts.trouble is not None or facts.serving == 0
        return Phase.DEGRADED if degraded else Phase.PROGRESSING, "True", "Scaling" if facts.serving else "NoReadyPods"
    if facts.stage is Stage.STEPPING and situation.position.waits_for_a_person:
        return Phase.PAUSED, "True", "WaitsForPerson"
    if facts.stage is Stage.SETTLED and situation.asked.in_force:
        return phase, progressing, rollback.IN_FORCE
    if facts.stage is Stage.PROGRESSING and gate(situation).hindered:
        return phase, progressing, NOT_PASSED
    return phase, progressing, reason


def _message(situation: Situation, facts: _Facts, target: Aim) -> str:
    stable, wanted = target.stable, situation.target
    serves = _serves(facts, target)
    if facts.refused:
        return _joined(facts.refused.message, serves)
    if facts.failure:
        ended = f"Revision {named(wanted)} was given up: {facts.failure.message}"
        return _joined(ended, serves, _way_out(situation, target))
    if facts.stage is Stage.PAUSED:
        return _joined(serves, f"Revision {named(wanted)} waits until spec.rollout.paused is false.", _said(facts))
    if facts.zero:
        waiting = (
            ""
            if stable and stable.hash == wanted.hash
            else f"Revision {named(wanted)} takes over when they are raised."
        )
        return _joined(
            "Scaled to zero: nothing answers until spec.scaling.replicas is raised.",
            waiting.replace("they are", "it is"),
        )
    if facts.stage is Stage.SETTLED:
        return _joined(serves, _said(facts))
    unrest = crashes.restless(situation) if stable else ""
    if situation.position.began is not None:
        return _joined(f"Revision {named(wanted)} goes its steps.", told(situation), serves, _said(facts) or unrest)
    return _joined(f"Revision {named(wanted)} comes up.", serves, _said(facts) or gate(situation).waiting or unrest)


def _way_out(situation: Situation, target: Aim) -> str:
    """What a person can do about a revision that was given up."""
    if situation.asked.in_force:
        return rollback.HOW_TO_GO_ON
    return (HOW_TO_GO_ON if target.stable else HOW_TO_BEGIN).format(name=situation.resource.name)


def _serves(facts: _Facts, target: Aim) -> str:
    if target.stable is None:
        return ""
    if facts.zero:
        return f"Revision {named(target.stable)} is scaled to zero."
    return (
        f"Revision {named(target.stable)} serves."
        if facts.serving
        else f"Revision {named(target.stable)} has no ready pod."
    )


def _said(facts: _Facts) -> str:
    return facts.trouble.message if facts.trouble else ""


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _ready(facts: _Facts, target: Aim, message: str) -> Condition:
    if facts.zero:
        return Condition("Ready", "True", "ScaledToZero", message)
    if facts.serving:
        return Condition("Ready", "True", "Serving", _serves(facts, target))
    why = facts.refused or facts.failure or facts.trouble
    reason = (
        why.reason
        if why
        else "NoReadyPods"
        if target.stable
        else "Paused"
        if facts.stage is Stage.PAUSED
        else "Loading"
    )
    return Condition("Ready", "False", reason, message)


def _available(facts: _Facts) -> Condition:
    if facts.zero:
        return Condition("Available", "False", "ScaledToZero", "No pods are asked for.")
    text = "At least one pod answers." if facts.serving else "No pod of a promoted revision is ready."
    return Condition("Available", state(facts.serving > 0), "ReadyPods" if facts.serving else "NoReadyPods", text)


def _loaded(situation: Situation, facts: _Facts, target: Aim) -> Condition:
    wanted = situation.target
    if facts.failure:
        return Condition("ModelLoaded", "False", facts.failure.reason, facts.failure.message)
    if situation.ready(wanted):
        return Condition("ModelLoaded", "True", "Loaded", f"Revision {named(wanted)} is loaded and warm.")
    if facts.trouble:
        return Condition("ModelLoaded", "False", facts.trouble.reason, facts.trouble.message)
    reason = "ScaledToZero" if facts.zero else "Paused" if facts.stage is Stage.PAUSED else "Loading"
    return Condition(
        "ModelLoaded", "Unknown", reason, f"No pod of revision {named(wanted)} has said yet that it is ready."
    )
