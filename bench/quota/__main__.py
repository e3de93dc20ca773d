"""`python -m bench.quota`: the server under a CPU quota, its defaults against settings chosen by hand.

Each server runs in a cgroup of its own; the clients run outside it. What counts is the default's throughput as a share
of the best hand setting's, both as medians over rounds that go through all settings in turn; and CPU a request, which
other work on the machine shifts less: under a quota that is used up, throughput is the quota divided by it. Needs root.

`python -m bench.quota --cluster` does the same with pods on the cluster of `make cluster-up` and the images of `make
images`, loaded from a pod.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from bench.quota.cluster import compared
from bench.quota.group import NoQuota
from bench.quota.models import FORMS, QUOTA_MODELS, USUAL, written
from bench.quota.serving import SETTINGS, Load, Measured, Plan, measured
from bench.runtime.wire import request
from e2e.cluster import ClusterError, current

COLUMNS = ("setting", "runs", "req/s", "of best", "p50 ms", "p99 ms", "CPU µs", "of least", "throttled")
WIDTHS = "{:18} {:9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}"


def arguments(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.quota", description="Defaults against hand settings.")
    parser.add_argument("--cluster", action="store_true", help="pods with CPU limits on the running cluster")
    parser.add_argument("--quotas", default="0.5,1,1.5,2", help="CPUs, with commas between (%(default)s)")
    parser.add_argument("--models", default=",".join(USUAL), help=f"of {', '.join(QUOTA_MODELS)} (%(default)s)")
    parser.add_argument("--settings", default=",".join(SETTINGS), help="with commas between (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="one server's load in one round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=1, help="rounds over all settings (%(default)s)")
    parser.add_argument("--connections", type=int, default=8, help="callers at a time (%(default)s)")
    return parser.parse_args(words)


def lines(rounds: dict[str, list[Measured]]) -> list[str]:
    """The table of one model at one quota: medians over rounds."""
    speeds, costs = (
        {name: median(getattr(one, field) for one in several) for name, several in rounds.items()}
        for field in ("per_second", "cpu")
    )
    rows = [WIDTHS.format(*COLUMNS)]
    for name, several in rounds.items():
        p50, p99, throttled = (median(getattr(one, field) for one in several) for field in ("p50", "p99", "throttled"))
        ratios = f"{speeds[name] / max(speeds.values()):.0%}", f"{min(costs.values()) / costs[name]:.0%}"
        rows.append(
            WIDTHS.format(
                *(name, several[-1].execution, f"{speeds[name]:.1f}", ratios[0], f"{p50:.2f}", f"{p99:.2f}"),
                *(f"{costs[name]:.1f}", ratios[1], f"{throttled:.0%}"),
            )
        )
    return rows


def here(plan: Plan, models: Sequence[str], quotas: Sequence[float]) -> Iterator[tuple[str, dict[str, list[Measured]]]]:
    """Each model under each quota in groups of this machine: a title, and what each setting did in each round."""
    with tempfile.TemporaryDirectory() as place:
        for name in models:
            model = QUOTA_MODELS[name]
            sent = Path(place) / name
            sent.write_bytes(request(model, FORMS[name]))
            load = Load(written(model), name, sent, plan.connections, plan.seconds)
            for quota in quotas:
                rounds: dict[str, list[Measured]] = {setting: [] for setting in plan.settings}
                for _ in range(plan.rounds):
                    for setting, several in rounds.items():
                        several.append(measured(load, SETTINGS[setting], quota))
                yield f"{name} ({model.what}), {quota:g} CPUs, {plan.connections} connections", rounds


def main() -> None:
    told = arguments(sys.argv[1:])
    plan = Plan(tuple(told.settings.split(",")), told.connections, told.seconds, told.rounds)
    models, quotas = told.models.split(","), [float(quota) for quota in told.quotas.split(",")]
    tables = compared(current(), plan, models, quotas) if told.cluster else here(plan, models, quotas)
    for title, rounds in tables:
        print(f"\n{title}")
        print("\n".join(lines(rounds)), flush=True)


if __name__ == "__main__":
    try:
        main()
    except (NoQuota, ClusterError) as problem:
        sys.exit(f"bench.quota: {problem}")
