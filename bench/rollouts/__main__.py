"""Rollouts of mixed outcome on the real cluster, under load from clients that never retry: does every one of them end
as it must, and does a single request fail?

    python -m bench.rollouts [--rollouts 100] [--subjects 3] [--rate 30] [--seed 1] [--kinds 'node lost,node drained']

The cluster of `make cluster-up` with the images of `make images`. Each subject is a ModelDeployment with two pods and
its own load; its rollouts follow one another, those of the subjects run side by side. Ends with 1 if one was wrong.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from bench.rollouts import summary
from bench.rollouts.confirmations import Confirmations
from bench.rollouts.faults import mend, silences
from bench.rollouts.models import files
from bench.rollouts.node_loss import anchor, losses, restore
from bench.rollouts.outcomes import OUTCOMES, Outcome
from bench.rollouts.run import Subject
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
    names = ", ".join(outcome.name for outcome in OUTCOMES)
    parser.add_argument("--kinds", type=kinds, default=OUTCOMES, help=f"only these, by commas, of: {names}")
    arguments = parser.parse_args()
    cluster = current()
    install_chart(cluster)
    install_store(cluster)
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=400s", timeout=410)
    cluster.kubectl("create", "namespace", NAMESPACE)
    namespace = Namespace(cluster, NAMESPACE)

    def mended() -> None:
        for node in cluster.nodes:
            restore(cluster, node)
        mend(cluster)

    def broken_off(*_: object) -> None:
        mended()
        os._exit(143)  # the rollouts' threads would go on

    signal.signal(signal.SIGTERM, broken_off)
    try:
        sys.exit(run(namespace, arguments))
    finally:
        mended()
        cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def run(namespace: Namespace, arguments: argparse.Namespace) -> int:
    """The exit code."""
    node = anchor(namespace.cluster)
    namespace.apply(*file_server("bad", namespace.name, namespace.cluster.image("runtime"), files(), node))
    namespace.kubectl("wait", "--for=condition=Ready", "pod/bad", "--timeout=60s")
    subjects = [Subject(namespace, f"digits-{number}", arguments.seed) for number in range(arguments.subjects)]
    for subject in subjects:
        subject.begin(arguments.rate, 3000, node)
    confirmations, begun, at = Confirmations(namespace.cluster, namespace.name), time.monotonic(), time.time()
    left = order(arguments.kinds, arguments.rollouts, arguments.seed)
    with ThreadPoolExecutor(len(subjects)) as pool:
        list(pool.map(lambda subject: work(subject, left, begun), subjects))
    reports = {subject.name: subject.end() for subject in subjects}
    results = [result for subject in subjects for result in subject.results]
    summary.outcomes(results)
    print(f"\n{len(results)} rollouts in {time.monotonic() - begun:.0f} s; ", end="")
    failed = summary.requests(reports, losses, at)
    summary.shares(confirmations.end(), silences)
    return 1 if failed or any(result.wrong for result in results) else 0


def kinds(names: str) -> tuple[Outcome, ...]:
    """The outcomes of these names."""
    by_name = {outcome.name: outcome for outcome in OUTCOMES}
    chosen = [name.strip() for name in names.split(",")]
    if unknown := [name for name in chosen if name not in by_name]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(by_name)}")
    return tuple(by_name[name] for name in chosen)


def order(chosen: tuple[Outcome, ...], count: int, seed: int) -> list[Outcome]:
    """Every outcome as often as any other, the rare ones every fourth time, in an order of chance."""
    rounds = (
        outcome
        for turn in itertools.count()
        for outcome in chosen
        if not outcome.rare or turn % 4 == 0 or all(each.rare for each in chosen)
    )
    some = list(itertools.islice(rounds, count))
    random.Random(seed).shuffle(some)
    return some


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


if __name__ == "__main__":
    main()
