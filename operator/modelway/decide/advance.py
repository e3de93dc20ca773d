"""One step forward: whether the step that the candidate is in is over, and what is said while it is not."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modelway.manifests.timestamps import parsed, rfc3339

from . import gateway
from .judgement import Judgement, judge, unseen
from .rollout import Stage
from .situation import Situation
from .steps import FULL, Position
from .traffic import routing, settled


@dataclass(frozen=True, slots=True)
class Advance:
    """Where the candidate is after this decision, and the verdict on which that rests."""

    position: Position
    judgement: Judgement
    moved: bool  # a step began, or a person is waited for from now on
    confirmed_after: float | None = None  # seconds that a share took, if the step that is over asked for one

    def after(self, situation: Situation) -> Situation:
        """The situation once this was decided."""
        same = self.position is situation.position  # as most often; what was worked out of it is still good then
        return situation if same else replace(situation, position=self.position)


def advance(situation: Situation, found: Stage) -> Advance:
    """At most one step. A step lasts for longer than a moment, so that deciding twice is deciding once."""
    position, verdict = situation.position, judge(situation)
    if found is not Stage.STEPPING:
        moved = position != situation.obeyed.position or bool(situation.obeyed.action)
        return Advance(position, verdict, moved)
    if position.began is None:
        return Advance(replace(position, began=situation.now), verdict, True)
    if verdict.failed:  # and spec.rollout.onFailure says that a person shall decide
        return Advance(replace(position, held=verdict.failed.sentence), verdict, True)
    shared = parsed(situation.document.get("at"))  # shares of this very moment were read by nobody
    if situation.now > position.began and situation.now != shared and _over(situation, verdict):
        return Advance(position.next(situation.now), verdict, True, _confirmed_after(situation))
    return Advance(position, verdict, bool(situation.obeyed.action))


def _confirmed_after(situation: Situation) -> float | None:
    at, step = parsed(situation.document.get("at")), situation.position.step
    shared = step is not None and step.set_weight is not None and _watched_afterwards(situation.position)
    return max(0.0, (situation.now - at).total_seconds()) if at and shared else None


def due(situation: Situation) -> bool:
    """Whether the step is over already, in the moment in which it began, or all of them are: the next look goes on."""
    position = situation.position
    return position.began == situation.now and (position.done or _over(situation, judge(situation)))


def _over(situation: Situation, verdict: Judgement) -> bool:
    position = situation.position
    step = position.step
    if step is None or position.waits_for_a_person or situation.ready(situation.target) < position.pods(situation.full):
        return False  # without its pods nothing is known of how it went
    if step.set_weight is not None:
        return _settled(situation) and (_watched_afterwards(position) or not verdict.waiting)
    if step.set_canary_scale is not None:
        return True
    over = position.ends_at is not None and situation.now >= position.ends_at
    known = not verdict.waiting and not unseen(situation)
    return over and known and _settled(situation)  # unsettled, nothing is known of how it went


def _watched_afterwards(position: Position) -> bool:
    """Whether a step that lasts follows before the share changes again: there the checks are waited for. Else they are
    waited for here, or two shares in a row, or one at the end, would ask for no samples at all."""
    following = (step for step in position.steps[position.index + 1 :] if step.set_canary_scale is None)
    step = next(following, None)
    return step is not None and step.set_weight is None


def _settled(situation: Situation) -> bool:
    """Whether requests are shared as the step asks, as every pod and every gateway says."""
    serving = (situation.stable or situation.target).serving
    return settled(situation) and gateway.confirmed(situation, serving, routing(situation))


def told(situation: Situation) -> str:
    """The step in a sentence that stays the same for as long as the step does."""
    position = situation.position
    step = position.step
    if position.done and not position.held:
        return "Every step is done; it takes over as soon as all of its pods are ready."
    where = "Every step is done:" if position.done else f"Step {position.index + 1} of {len(position.steps)}:"
    if position.held:
        return f"{where} held. {position.held.rstrip('.')}."  # a check's sentence has no full stop
    if step is None:
        return ""
    share = f"{position.weight}% of the requests" if position.weight else "no requests"
    until = f" until {rfc3339(position.ends_at)}" if position.ends_at else ""
    if step.set_weight is not None:
        whose = "every stable pod has read so"
        if situation.spec.traffic.gateway:
            whose += " and every gateway has accepted the route"
        if not _watched_afterwards(position):
            whose += "; it is over when the checks have what they need"
        return f"{where} {step.set_weight}% of the requests go to it as soon as {whose}."
    if step.set_canary_scale is not None:
        return f"{where} it is scaled to {position.pods(situation.full)} pods."
    if step.shadow is not None:
        return f"{where} {step.shadow.percent}% of the requests are copied to it{until} and the answers compared."
    if step.analysis is not None:
        return f"{where} {share} go to it and its checks are watched{until}."
    if until:
        return f"{where} {share} go to it{until}." if position.weight != FULL else f"{where} it answers all{until}."
    return f"{where} {share} go to it; it waits for a person: kubectl modelway promote {situation.resource.name}."
