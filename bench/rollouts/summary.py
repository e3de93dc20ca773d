"""What a run says at its end."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bench.rollouts.confirmations import Confirmation
from bench.rollouts.node_loss import Loss, with_the_machine
from bench.rollouts.run import Result
from e2e.load import Report

SHOWN = 5  # failures a load


def outcomes(results: Sequence[Result]) -> None:
    """A line an outcome."""
    by_outcome: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_outcome[result.outcome.name].append(result)
    print(f"\n{'outcome':<30} {'ended with':<18} right  of  median s")
    for name, some in sorted(by_outcome.items()):
        right = sum(not result.wrong for result in some)
        middle = statistics.median(result.seconds for result in some)
        print(f"{name:<30} {some[0].outcome.reason or 'promotion':<18} {right:5} {len(some):3} {middle:9.1f}")


def requests(reports: Mapping[str, Report], losses: Sequence[Loss], begun: float) -> int:
    """Tells of the requests to each ModelDeployment; returns how many failed but for those that were lost together
    with a machine. ``begun`` is when the rollouts began, by the wall clock."""
    failed, sent = sum(report.failed for report in reports.values()), sum(report.sent for report in reports.values())
    gone = sum(len(report.document["failures"]) - len(_others(report, losses)) for report in reports.values())
    print(f"{sent} requests, {failed} failed")
    if losses:
        known = ", ".join(f"{loss.left - loss.cut:.0f}" for loss in losses)
        print(f"  {gone} of these were led to a machine that was lost, before the cluster knew ({known} s)")
    for name, report in reports.items():
        for failure in _others(report, losses)[:SHOWN]:
            at = report.document["started_at"] + failure["at"] - begun
            took = failure["at"] - failure["begun"]
            print(f"  [{at:6.1f} s] {name}, {failure['client']}, after {took:.1f} s: {failure['error']}")
    return failed - gone


def shares(found: Sequence[Confirmation], silences: Sequence[tuple[float, float]]) -> None:
    """How long a new share takes to all stable pods: where every node and a leader listen, and where one does not."""
    beside = [each.beside(silences) for each in found]
    for when, silent in (("all nodes and a leader listening", False), ("a node silent or no leader meanwhile", True)):
        waits = sorted(each.seconds for each, was in zip(found, beside, strict=True) if was is silent)
        if waits:
            p50, p99 = statistics.median(waits), waits[int(len(waits) * 0.99)]
            print(f"a share asked → every stable pod has it, {when} ({len(waits)}): p50 {p50:.2f} s, p99 {p99:.2f} s")


def _others(report: Report, losses: Sequence[Loss]) -> list[dict[str, Any]]:
    """The failures that no lost machine explains."""
    began = report.document["started_at"]
    return [each for each in report.document["failures"] if not with_the_machine(each, began, losses)]
