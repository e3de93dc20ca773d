"""What is valid and probably not meant: a table of questions about a spec, each with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from modelway.api.analysis import LATENCY_METRICS, Check, of_shadows
from modelway.api.field import seconds
from modelway.api.resource import Spec

Path = tuple[str | int, ...]
_Advice = Iterator[tuple[Path, str]]
_STEPS: Final[Path] = ("rollout", "steps")
_CHECKS: Final[Path] = ("rollout", "analysis", "checks")


def advice(spec: Spec) -> _Advice:
    """(path below spec, sentence) of everything to think about."""
    for question in QUESTIONS:
        yield from question(spec)


def _checks(spec: Spec) -> Iterator[tuple[Path, Check]]:
    for place, check in enumerate(spec.rollout.analysis.checks if spec.rollout.analysis else ()):
        yield (*_CHECKS, place), check
    for number, step in enumerate(spec.rollout.steps):
        for place, check in enumerate(step.analysis.checks if step.analysis else ()):
            yield (*_STEPS, number, "analysis", "checks", place), check


def _without_samples(spec: Spec) -> _Advice:
    for path, check in _checks(spec):
        if check.min_samples or check.metric is None:
            continue
        if of_shadows(check.metric):
            yield path, f"{check.metric} without minSamples passes when nothing was compared; set it, such as to 500."
        elif check.metric in LATENCY_METRICS:
            yield path, f"{check.metric} without minSamples judges the first, slow requests; set it, such as to 200."


def _never_measured(spec: Spec) -> _Advice:
    if spec.rollout.strategy != "Canary":
        return
    compared = any(of_shadows(check.metric) for _, check in _checks(spec))
    shadowed = next((place for place, step in enumerate(spec.rollout.steps) if step.shadow), None)
    if shadowed is not None and not compared:
        told = "answers are compared here and no check looks at that; add one of shadowAgreement or classAgreement."
        yield (*_STEPS, shadowed, "shadow"), told


def _weights_that_nobody_watches(spec: Spec) -> _Advice:
    steps = spec.rollout.steps
    for place, step in enumerate(steps):
        following = steps[place + 1] if place + 1 < len(steps) else None
        if step.set_weight and (following is None or not (following.pause or following.analysis or following.shadow)):
            told = "no pause or analysis follows this weight: it is over when pods know it and checks have enough."
            yield (*_STEPS, place, "setWeight"), told


def _weights_that_fall(spec: Spec) -> _Advice:
    highest = 0
    for place, step in enumerate(spec.rollout.steps):
        if step.set_weight is not None and step.set_weight < highest:
            yield (*_STEPS, place, "setWeight"), f"{step.set_weight}% is less than the {highest}% before it."
        highest = max(highest, step.set_weight or 0)


def _interval_longer_than_steps(spec: Spec) -> _Advice:
    if spec.rollout.analysis is None:
        return
    interval = spec.rollout.interval_seconds
    short = [step.duration_seconds for step in spec.rollout.steps if step.duration_seconds]
    if short and min(short) < interval:
        told = f"checks are looked at every {interval:g} s, and a step lasts only {min(short):g} s."
        yield ("rollout", "analysis", "interval"), told


def _one_pod(spec: Spec) -> _Advice:
    if spec.rollout.strategy == "Canary" and spec.scaling.highest == 1:
        told = "with one pod each, stable and candidate; a node that goes takes all of one side. Think of replicas: 2."
        yield ("scaling",), told


def _rejections_behind_a_gateway(spec: Spec) -> _Advice:
    """Without checks of their own, rejectedRate is among the default ones."""
    asked = spec.rollout.analysis.checks if spec.rollout.analysis else ()
    if spec.traffic.gateway and asked and not any(check.metric == "rejectedRate" for _, check in _checks(spec)):
        told = (
            "behind traffic.gateway what a candidate rejects (4xx) goes to the caller, and errorRate counts 5xx alone"
        )
        yield _CHECKS, f"{told}; add - {{metric: rejectedRate, max: 0.05}}."


def _rolled_back(spec: Spec) -> _Advice:
    if spec.rollback:
        told = "while this is there, spec.model and spec.serving have no effect; remove it to go on with them."
        yield ("rollback",), told


def _deadline(spec: Spec) -> _Advice:
    if seconds(spec.rollout.progress_deadline) < 60:
        told = f"progressDeadline {spec.rollout.progress_deadline} is little time to pull an image and load a model."
        yield ("rollout", "progressDeadline"), told


QUESTIONS: Final[tuple[Callable[[Spec], _Advice], ...]] = (
    _without_samples,
    _never_measured,
    _weights_that_nobody_watches,
    _weights_that_fall,
    _interval_longer_than_steps,
    _one_pod,
    _rejections_behind_a_gateway,
    _rolled_back,
    _deadline,
)
