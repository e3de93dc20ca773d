"""The verdict on a candidate in its steps: which checks apply now, what they find, and how often they may fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from modelway.api.analysis import Check, Prometheus
from modelway.manifests.timestamps import parsed, precise
from modelway.world import Number

from . import crashes, diagnosis, verbs
from .checks import evaluate, judge_number, measurable
from .disturbance import excuse
from .finding import Finding, Limit, State
from .situation import Situation


@dataclass(frozen=True, slots=True)
class Judgement:
    """``failed`` is the finding that ends the rollout, ``waiting`` what a step waits for beyond its own time."""

    findings: tuple[Finding, ...] = ()
    failed: Finding | None = None
    waiting: tuple[str, ...] = ()
    failures: tuple[dict[str, Any], ...] = ()  # as in status.rollout.failures


_SHARELESS: Final = "it needs a share of the requests, and a ratio leaves stable some. Set setWeight before it."
UNREAD: Final = "The shares have just changed."

NONE: Final = Judgement()


def judge(situation: Situation) -> Judgement:
    """Evaluates the checks that apply in this step. What was measured under other shares does not count."""
    stable, candidate, step = situation.stable, situation.candidate, situation.position.step
    if stable is None or candidate is None or candidate.failure or situation.position.began is None:
        return NONE
    rollout: Any = situation.resource.status.get("rollout") or {}
    before = Judgement(failures=tuple(rollout.get("failures") or ()))
    done = situation.position.done and not verbs.insisted(situation.resource, situation.obeyed, candidate.hash)
    if (step is None and not done) or situation.position.began == situation.now:
        return before  # a step's first moment shows nothing of it, however often one decides then
    if why := excuse(situation):
        return replace(before, failed=_crashes(situation), waiting=(why,))
    if parsed(situation.document.get("at")) == situation.now:  # the shares are of this moment: nobody has read them
        return replace(before, waiting=(UNREAD,))
    checks = tuple(_applying(situation))
    generation = int(situation.document.get("generation") or 0)
    reports = tuple(situation.world.measured.reports.values())
    findings = []
    for check in checks:
        limit = _limit(check, checks)
        if check.prometheus:
            asked = situation.world.measured.numbers.get(_query(situation, check.prometheus))
            findings.append(_of_number(limit, check, asked))
        elif not _measured(situation, check):
            text = f"{limit.name} can't be measured in this step: {_SHARELESS}"
            findings.append(judge_number(limit, text))
        else:
            findings += evaluate((limit,), reports, stable.hash, candidate.hash, generation)
    return _weighed(situation, tuple(zip(checks, findings, strict=True)))


def _crashes(situation: Situation) -> Finding | None:
    """A candidate whose server crashes again and again has failed, whatever its answers in between are."""
    assert situation.candidate
    times, pods = crashes.count(situation), situation.pods(situation.candidate.hash)
    if times < crashes.MOST:
        return None
    cause = diagnosis.trouble(situation, situation.candidate)
    text = f"its server crashed {times} times{f': {cause.message}' if cause else ''}".removesuffix(".")
    return Finding("restarts", State.FAILED, text, value=float(times), samples=len(pods), name="restarts")


def unseen(situation: Situation) -> bool:
    """Whether the step's time is over and nobody has looked since: with an interval as long as the step it would end
    with what was counted in its first second. Stable pods know most; where none is ready, the candidate's tell."""
    ends, stable, candidate = situation.position.ends_at, situation.stable, situation.candidate
    if ends is None or stable is None or candidate is None or situation.now < ends:
        return False
    checks, measured = tuple(_applying(situation)), situation.world.measured
    asked = (stable if situation.ready(stable) else candidate).hash
    looks = [report.taken_at for report in measured.reports.values() if report.revision == asked]
    if any(check.metric for check in checks) and (not looks or max(looks) < ends):
        return True
    numbers = [measured.numbers.get(query) for query in queries(situation)]
    return any(number is None or number.at < ends for number in numbers)


def queries(situation: Situation) -> tuple[tuple[str, str], ...]:
    """What Prometheus is to be asked in this step."""
    asked = (check.prometheus for check in _applying(situation))
    return tuple(_query(situation, each) for each in asked if each)


def _query(situation: Situation, asked: Prometheus) -> tuple[str, str]:
    """(address, query), where the query may name the two revisions: nobody knows their hashes beforehand."""
    query = asked.query
    for word, revision in (("$candidate", situation.candidate), ("$stable", situation.stable)):
        query = query.replace(word, revision.hash if revision else "")
    return asked.address, query


def _applying(situation: Situation) -> Iterator[Check]:
    """The checks that can be measured in this step, and those of the step itself; after the last one, too, while the
    candidate's other pods come up."""
    position = situation.position
    if position.step is None and not position.done:
        return
    yield from (check for check in situation.spec.effective_checks if _measured(situation, check))
    yield from position.step.analysis.checks if position.step and position.step.analysis else ()


def _measured(situation: Situation, check: Check) -> bool:
    """Whether this step feeds a check. One of the step itself that it does not feed is inconclusive, and says so: asked
    for here, it can't be passed over."""
    position = situation.position
    copied = position.shadow.percent if position.shadow else 0
    return measurable(_limit(check, ()), position.weight, copied)


def _weighed(situation: Situation, pairs: tuple[tuple[Check, Finding], ...]) -> Judgement:
    rollout: Any = situation.resource.status.get("rollout") or {}
    before = {each.get("check"): each for each in rollout.get("failures") or ()}
    failed, failures, unrest = _crashes(situation), [], crashes.restless(situation)
    waiting = [unrest] if unrest else []
    for check, finding in pairs:
        told = before.get(finding.name)
        if finding.dry_run:
            continue
        if finding.state is State.FAILED:
            told = _another(situation, finding, told, check.failure_limit)
            if told["count"] > check.failure_limit:
                failed = failed or finding
        if told:
            failures.append(told)
        if finding.state is State.INCONCLUSIVE:
            waiting.append(finding.sentence)
    return Judgement(tuple(finding for _, finding in pairs), failed, tuple(waiting), tuple(failures))


def _another(situation: Situation, finding: Finding, told: Mapping[str, Any] | None, limit: int) -> dict[str, Any]:
    """One more failed measurement, unless the last one was less than an interval ago, or there were too many before:
    a rollout that is held since writes nothing while a person is waited for."""
    last = parsed(told.get("at")) if told else None
    count = int(told.get("count") or 0) if told else 0
    interval = timedelta(seconds=situation.spec.rollout.interval_seconds)
    if told and last and (situation.now < last + interval or count > limit):
        return dict(told)
    return {"check": finding.name, "count": count + 1, "at": precise(situation.now)}


def _limit(check: Check, among: tuple[Check, ...]) -> Limit:
    """The check as a limit, named so that two checks of the same metric are told apart."""
    name = check.metric or (f"prometheus {check.prometheus.query[:80]!r}" if check.prometheus else "")
    alike = [other for other in among if (other.metric, other.prometheus) == (check.metric, check.prometheus)]
    number = f" #{alike.index(check) + 1}" if len(alike) > 1 else ""
    return Limit(
        metric=check.metric or "prometheus",
        min=check.min,
        max=check.max,
        max_ratio_to_stable=check.max_ratio_to_stable,
        min_samples=check.min_samples,
        dry_run=check.dry_run,
        name=f"{name}{number}",
    )


def _of_number(limit: Limit, check: Check, asked: Number | None) -> Finding:
    """The finding of a Prometheus check; how many samples there are is Prometheus's business."""
    if asked is None:
        return judge_number(limit, f"{limit.name} has not been asked for yet.")
    if asked.value is not None:
        return judge_number(limit, asked.value)
    finding = judge_number(limit, f"{limit.name} gave no number {asked.errors} times in a row: {asked.error}")
    over = asked.errors > check.consecutive_error_limit
    return replace(finding, state=State.FAILED) if over else finding
