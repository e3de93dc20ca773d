"""Rollouts of mixed outcome on the real cluster, under load from clients that never retry: does every one of them end
as it must, and does a single request fail?

    python -m bench.rollouts [--rollouts 100] [--subjects 3] [--rate 30] [--seed 1]

The cluster of `make cluster-up` with the images of `make images`. Each subject is a ModelDeployment with two pods and
its own load; its rollouts follow one another, those of the subjects run side by side. Ends with 1 if one was wrong.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import statistics
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from bench.rollouts.confirmations import Confirmations
from bench.rollouts.faults import mend
from bench.rollouts.models import files
from bench.rollouts.outcomes import OUTCOMES, Outcome
from bench.rollouts.run import Result, Subject
from e2e.cluster import current
from e2e.pods import file_server
from e2e.steps import Namespace, install_chart, install_store

NAMESPACE = "bench-rollouts"


def main() -> None:
    parser = argparse.ArgumentParser(description="Rollouts of mixed outcome under load.")
    parser.add_argument("--rollouts", type=int, default=100, help="how many in all; default %(default)s")
    parser.add_argument("--subjects", type=int, default=3, help="ModelDeployments side by side; default %(default)s")
    parser.add_argument("--rate", type=float, default=30, help="requests a second at each; default %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="of the order and the moments; default %(default)s")
    arguments = parser.parse_args()
    cluster = current()
    install_chart(cluster)
    install_store(cluster)
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s", timeout=130)
    cluster.kubectl("create", "namespace", NAMESPACE)
    namespace = Namespace(cluster, NAMESPACE)

    def broken_off(*_: object) -> None:
        mend(cluster)
        os._exit(143)  # the rollouts' threads would go on

    signal.signal(signal.SIGTERM, broken_off)
    try:
        sys.exit(run(namespace, arguments))
    finally:
        mend(cluster)
        cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def run(namespace: Namespace, arguments: argparse.Namespace) -> int:
    """The exit code."""
    namespace.apply(*file_server("bad", namespace.name, namespace.cluster.image("runtime"), files()))
    namespace.kubectl("wait", "--for=condition=Ready", "pod/bad", "--timeout=60s")
    subjects = [Subject(namespace, f"digits-{number}", arguments.seed) for number in range(arguments.subjects)]
    for subject in subjects:
        subject.begin(arguments.rate, duration=3000)
    confirmations, begun = Confirmations(namespace.cluster, namespace.name), time.monotonic()
    left = order(arguments.rollouts, arguments.seed)
    with ThreadPoolExecutor(len(subjects)) as pool:
        list(pool.map(lambda subject: work(subject, left, begun), subjects))
    reports = [subject.end() for subject in subjects]
    results = [result for subject in subjects for result in subject.results]
    summary(results)
    failed, sent = sum(report.failed for report in reports), sum(report.sent for report in reports)
    print(f"\n{len(results)} rollouts in {time.monotonic() - begun:.0f} s; {sent} requests, {failed} failed")
    for report in reports:
        for failure in report.document["failures"][:5]:
            print(f"  {failure}")
    waits = confirmations.end()
    if waits:
        print(f"a share asked → every stable pod has it ({len(waits)}): p50 {statistics.median(waits):.2f} s,"
              f" p99 {waits[int(len(waits) * 0.99)]:.2f} s")  # fmt: skip
    return 1 if failed or any(result.wrong for result in results) else 0


def order(count: int, seed: int) -> list[Outcome]:
    """Every outcome as often as any other, in an order of chance."""
    chosen = list(itertools.islice(itertools.cycle(OUTCOMES), count))
    random.Random(seed).shuffle(chosen)
    return chosen


def work(subject: Subject, left: list[Outcome], begun: float) -> None:
    """Takes rollouts until none is left."""
    while left:
        try:
            outcome = left.pop()
        except IndexError:
            return
        result = subject.rollout(outcome)
        what = result.wrong or f"{result.reason or 'promoted'} {result.message[:160]}"
        sign = "WRONG" if result.wrong else "right"
        at = f"[{time.monotonic() - begun:6.1f} s] {subject.name}"
        print(f"{at} {outcome.name}: {sign}, {result.seconds:.1f} s: {what}", flush=True)


def summary(results: list[Result]) -> None:
    """A line an outcome."""
    by_outcome: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_outcome[result.outcome.name].append(result)
    print(f"\n{'outcome':<30} {'ended with':<18} right  of  median s")
    for name, some in sorted(by_outcome.items()):
        right = sum(not result.wrong for result in some)
        middle = statistics.median(result.seconds for result in some)
        print(f"{name:<30} {some[0].outcome.reason or 'promotion':<18} {right:5} {len(some):3} {middle:9.1f}")


if __name__ == "__main__":
    main()
