"""The checks of an analysis: reports of pods in, a verdict and its sentence out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.decide.checks import evaluate, judge_number, measurable
from modelway.decide.finding import Finding, Limit, State
from modelway.measurement import Answered, Forwarded, OutputAgreement, Report
from tests.decide.reports import CANDIDATE, STABLE, candidate, forwarded, latencies, look, report, shadow, stable

PASSED, FAILED, INCONCLUSIVE = State.PASSED, State.FAILED, State.INCONCLUSIVE


def split(failed: int, of: int, **own: int) -> tuple[Report, ...]:
    """A stable pod that forwarded ``of`` requests, of which ``failed`` failed, and the candidate's pod."""
    return stable(forwarded=forwarded(of, failed), **own), candidate(of)


STORIES = (
    ("a healthy one", split(1, 1000), {"max": 0.01}, PASSED,
     "errorRate 0.001 (1 of 1000) is within max 0.01"),
    ("a bad one", split(8, 100), {"max": 0.01}, FAILED,
     "errorRate 0.08 (8 of 100) is above max 0.01: 8 errors"),
    ("a bad one needs no minSamples", split(12, 12), {"max": 0.01, "min_samples": 200}, FAILED,
     "errorRate 1 (12 of 12) is above max 0.01: 12 errors"),
    ("chance or not", split(2, 100), {"max": 0.01}, INCONCLUSIVE,
     "errorRate 0.02 (2 of 100) is above max 0.01, though not beyond doubt yet: more requests will tell"),
    ("too few", split(0, 12), {"max": 0.01, "min_samples": 200}, INCONCLUSIVE,
     "errorRate 0 (0 of 12): 12 of 200 samples"),
    ("none, and none asked for", split(0, 0), {"max": 0.01}, PASSED,
     "errorRate unknown (nothing counted yet), and minSamples asks for none"),
    ("no failure at all is borne", split(1, 1000), {"max": 0.0}, FAILED,
     "errorRate 0.001 (1 of 1000) is above max 0: 1 errors"),
    ("worse than stable", split(50, 1000, errors=9), {"max_ratio_to_stable": 2.0}, FAILED,
     "errorRate 0.05 (50 of 1000), 50 times stable's 0.001 (9 of 9000), above maxRatioToStable 2: 50 errors"),
    ("as bad as stable", split(50, 1000, errors=450), {"max_ratio_to_stable": 2.0}, PASSED,
     "errorRate 0.05 (50 of 1000), 1 times stable's 0.05 (450 of 9000): within maxRatioToStable 2"),
    ("stable has none", split(50, 1000), {"max_ratio_to_stable": 2.0}, FAILED,
     "errorRate 0.05 (50 of 1000), against stable's 0 (0 of 9000), above maxRatioToStable 2: 50 errors"),
    ("a single failure more", split(1, 1000, errors=4), {"max_ratio_to_stable": 2.0}, PASSED,
     "errorRate 0.001 (1 of 1000), 2.25 times stable's 0.0004444 (4 of 9000), above maxRatioToStable 2,"
     " but by no more than chance explains"),
    ("many failures more, though not beyond doubt", split(9, 200, requests=900, errors=3), {"max_ratio_to_stable": 2.0},
     INCONCLUSIVE, "errorRate 0.045 (9 of 200), 13.5 times stable's 0.003333 (3 of 900), above maxRatioToStable 2,"
     " though not beyond doubt yet: more requests will tell"),
    ("stable has too few", split(0, 500, requests=20), {"max_ratio_to_stable": 2.0, "min_samples": 100}, INCONCLUSIVE,
     "errorRate 0 (0 of 500): 20 of 100 samples of the stable revision"),
    ("the worse bound is told", split(8, 100), {"max": 0.01, "max_ratio_to_stable": 1000.0}, FAILED,
     "errorRate 0.08 (8 of 100) is above max 0.01: 8 errors"),
)  # fmt: skip


@pytest.mark.parametrize(("story", "reports", "bounds", "state", "sentence"), STORIES, ids=[row[0] for row in STORIES])
def test_error_rates(
    story: str, reports: tuple[Report, ...], bounds: dict[str, float], state: State, sentence: str
) -> None:
    finding = look(reports, **bounds)
    assert (finding.state, finding.sentence) == (state, sentence)


LATENCIES = (
    ("as fast", 0.010, 1000, {"max_ratio_to_stable": 1.2, "min_samples": 200}, PASSED),
    ("half as fast", 0.020, 1000, {"max_ratio_to_stable": 1.2, "min_samples": 200}, FAILED),
    ("half as fast, but only begun", 0.020, 150, {"max_ratio_to_stable": 1.2, "min_samples": 200}, INCONCLUSIVE),
    ("below an absolute limit", 0.010, 1000, {"max": 0.025}, PASSED),
    ("above an absolute limit", 0.020, 1000, {"max": 0.025}, FAILED),
    ("in the limit's own bucket", 0.010, 1000, {"max": 0.0186}, PASSED),
    ("faster than allowed", 0.010, 1000, {"min": 0.025}, FAILED),
    ("a ratio that no histogram resolves", 0.0105, 5000, {"max_ratio_to_stable": 1.01}, PASSED),
)


@pytest.mark.parametrize(("story", "median", "count", "bounds", "state"), LATENCIES, ids=[row[0] for row in LATENCIES])
def test_latencies(story: str, median: float, count: int, bounds: dict[str, float], state: State) -> None:
    assert look((stable(), candidate(count, median=median)), "latencyP95", **bounds).state is state


def test_latencies_are_told_in_milliseconds() -> None:
    finding = look((stable(), candidate(median=0.020)), "latencyP95", max=0.025)
    assert finding.sentence == "latencyP95 37.3 ms (1000 requests) is above max 25 ms"
    assert finding.value == pytest.approx(0.0373, rel=0.05)
    assert finding.stable_value == pytest.approx(0.0187, rel=0.05)
    finding = look((stable(), candidate(median=0.020)), "latencyP95", max_ratio_to_stable=1.2)
    assert finding.sentence.startswith("latencyP95 37.3 ms (1000 requests), 2 times stable's 18.7 ms (9000 requests)")


def test_several_pods_are_one_revision() -> None:
    pods = (stable(forwarded=forwarded(50, 4)), stable(forwarded=forwarded(50, 4)), candidate(50), candidate(50))
    finding = look(pods, max=0.01)
    assert (finding.state, finding.samples) == (FAILED, 100)
    assert look(pods, "latencyP95", max=1.0).samples == 100


def test_reports_of_other_generations_and_revisions_do_not_count() -> None:
    bad = stable(forwarded=forwarded(100, 100))
    others = (replace(bad, generation=6), replace(bad, generation=8), replace(bad, revision="third"))
    assert look((*others, stable(forwarded=forwarded(100, 0))), max=0.01).state is PASSED


def test_without_forwarding_the_candidates_own_errors_count() -> None:
    """A gateway splits the traffic."""
    finding = look((stable(), candidate(1000, errors=100)), max=0.01)
    assert (finding.state, finding.value) == (FAILED, 0.1)


def test_it_is_told_how_requests_failed() -> None:
    sent = Forwarded(40, {"timeout": 2, "unreachable": 18, "overloaded": 0}, latencies(0.01, 20))
    copies = replace(shadow(0, 0, failed=3), failure="it closed the connection")
    finding = look((stable(forwarded=sent, shadow=copies),), max=0.05)
    assert finding.sentence.endswith(
        "above max 0.05: 18 unreachable, 2 timed out, 3 shadows without an answer (it closed the connection)"
    )


def test_shadows_that_fail_are_errors_before_a_caller_meets_them() -> None:
    finding = look((stable(shadow=shadow(0, 0, failed=20)),), max=0.05)
    assert finding.sentence == "errorRate 1 (20 of 20) is above max 0.05: 20 shadows without an answer"
    assert finding.state is FAILED


def test_rejected_requests() -> None:
    pods = (report(STABLE, own=Answered(1000, 0, 10)), report(CANDIDATE, own=Answered(1000, 0, 500)))
    assert look(pods, "rejectedRate", max_ratio_to_stable=2).state is FAILED
    assert look(pods, "rejectedRate", max=0.6).state is PASSED


def test_too_few_requests_are_waited_for_and_too_many_are_not() -> None:
    pods = (stable(), candidate(812))
    few = look(pods, "requests", min=1000)
    assert (few.state, few.sentence) == (INCONCLUSIVE, "requests 812 is below min 1000: waiting for more")
    assert look(pods, "requests", min=800).state is PASSED
    assert look(pods, "requests", max=800).state is FAILED


def test_a_subtly_worse_model_is_stopped_and_the_sentence_shows_where() -> None:
    example = "element [0, 3] was 0.98 from stable and 0.67 from the candidate"
    finding = look((stable(shadow=shadow(1000, 950, example=example)),), "shadowAgreement", min=0.995, min_samples=500)
    assert finding.state is FAILED
    assert (
        finding.sentence == f"shadowAgreement 0.95 (950 of 1000) is below min 0.995: output 'probabilities': {example}"
    )


def test_answers_that_did_not_come_do_not_agree() -> None:
    pods = (stable(shadow=replace(shadow(80, 80, failed=20), failure="it answers 500")),)
    finding = look(pods, "shadowAgreement", min=0.99)
    assert finding.sentence == "shadowAgreement 0.8 (80 of 100) is below min 0.99: no answer came: it answers 500"


def test_agreement_of_one_output_and_of_the_worst() -> None:
    good, bad = OutputAgreement(1000, 1000, 1000, 1000), OutputAgreement(1000, 900, 1000, 900)
    pods = (stable(shadow=shadow(1000, 900, good=good, bad=bad)),)
    assert look(pods, "shadowAgreement.good", min=0.995).state is PASSED
    assert look(pods, "shadowAgreement.bad", min=0.995).state is FAILED
    assert look(pods, "classAgreement.good", min=0.995).state is PASSED
    assert look(pods, "classAgreement", min=0.995).value == 0.9
    unknown = look(pods, "classAgreement.other", min=0.995)
    assert (unknown.state, unknown.error) == (INCONCLUSIVE, True)
    assert unknown.sentence == "classAgreement.other: there is no such output; the answers have bad, good."


def test_the_latency_of_shadows() -> None:
    pods = (stable(shadow=shadow(1000, 1000)),)
    assert look(pods, "shadowLatencyRatio", max=1.7).state is PASSED
    finding = look(pods, "shadowLatencyRatio", max=1.2)
    assert finding.state is FAILED
    assert finding.value == pytest.approx(1.5, rel=0.05)


def test_numbers_from_elsewhere() -> None:
    limit = Limit("prometheus", min=0.9, name="accuracy", dry_run=True)
    good = Finding("prometheus", PASSED, "accuracy 0.95 is within min 0.9", 0.95, None, 0, True, "accuracy")
    assert judge_number(limit, 0.95) == good
    assert judge_number(limit, 0.5).state is FAILED
    assert judge_number(limit, float("nan")).error
    silent = judge_number(limit, "Prometheus does not answer.")
    assert (silent.state, silent.sentence, silent.error) == (INCONCLUSIVE, "Prometheus does not answer.", True)


def test_a_metric_that_is_none() -> None:
    finding = look((stable(),), "errorsRate", max=1)
    assert finding.error
    assert finding.sentence.startswith("There is no metric 'errorsRate'; there are errorRate, ")


@pytest.mark.parametrize(
    ("metric", "weight", "shadowed", "ratio", "is_measured"),
    [
        ("errorRate", 10, 0, False, True),
        ("errorRate", 0, 100, False, True),
        ("errorRate", 0, 0, False, False),
        ("errorRate", 100, 0, True, False),
        ("latencyP95", 0, 100, False, False),
        ("latencyP95", 10, 0, True, True),
        ("latencyP95", 100, 0, True, False),
        ("latencyP95", 100, 0, False, True),
        ("shadowAgreement.probabilities", 10, 0, False, False),
        ("shadowAgreement.probabilities", 10, 1, False, True),
        ("prometheus", 0, 0, False, True),
    ],
)
def test_what_a_step_measures(metric: str, weight: float, shadowed: float, ratio: bool, is_measured: bool) -> None:
    limit = Limit(metric, max_ratio_to_stable=1.2) if ratio else Limit(metric, max=0.1)
    assert measurable(limit, weight, shadowed) is is_measured


ORDER = (PASSED, INCONCLUSIVE, FAILED)
COUNTS = st.integers(0, 2000)


@settings(deadline=None)
@given(COUNTS, COUNTS, st.integers(1, 300), st.floats(0.001, 0.5), st.sampled_from([0, 100]))
def test_more_errors_never_turn_a_failure_into_a_pass(
    good: int, failed: int, more: int, limit: float, samples: int
) -> None:
    before = look(split(failed, good + failed), max=limit, min_samples=samples)
    after = look(split(failed + more, good + failed + more), max=limit, min_samples=samples)
    if before.state is FAILED:
        assert after.state is FAILED
    if before.state is INCONCLUSIVE and after.state is PASSED:
        assert before.samples < samples or limit >= 0.5  # only samples were missing


@settings(deadline=None)
@given(COUNTS, COUNTS, st.integers(1, 9000), st.floats(1.0, 5.0), st.integers(1, 300))
def test_the_same_requests_with_more_errors_are_never_judged_better(
    good: int, failed: int, stables: int, ratio: float, more: int
) -> None:
    more = min(more, good)
    for bounds in ({"max": 0.05}, {"max_ratio_to_stable": ratio}):
        pods = split(failed, good + failed, requests=stables, errors=stables // 100)
        worse = split(failed + more, good + failed, requests=stables, errors=stables // 100)
        assert ORDER.index(look(worse, **bounds).state) >= ORDER.index(look(pods, **bounds).state)


@settings(deadline=None)
@given(st.floats(0.001, 1.0), st.integers(0, 500), st.floats(1.0, 3.0))
def test_a_slower_candidate_is_never_judged_better(median: float, count: int, times: float) -> None:
    for bounds in ({"max": 0.020}, {"max_ratio_to_stable": 1.3}):
        one = look((stable(500), candidate(count, median=median)), "latencyP95", **bounds)
        slower = look((stable(500), candidate(count, median=median * times)), "latencyP95", **bounds)
        assert ORDER.index(slower.state) >= ORDER.index(one.state)


def test_findings_come_in_the_order_of_their_limits() -> None:
    limits = [Limit(metric, max=1, name=str(place)) for place, metric in enumerate(("requests", "errorRate", "x"))]
    found = evaluate(limits, (stable(), candidate()), STABLE, CANDIDATE, 7)
    assert [finding.name for finding in found] == ["0", "1", "2"]


@pytest.mark.parametrize("metric", ["latencyP95", "errorRate", "rejectedRate"])
def test_a_ratio_without_requests_of_stable_is_not_passed(metric: str) -> None:
    """A candidate that was ten times as slow passed, for there was nothing to compare it with."""
    found = look([candidate(1000, 400, median=0.1), report(STABLE)], metric, max_ratio_to_stable=1.2)
    assert found.state is State.INCONCLUSIVE
    assert "the stable revision has answered nothing yet" in found.sentence
