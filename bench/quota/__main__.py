"""`python -m bench.quota`: the server under a CPU quota, its defaults against settings chosen by hand.

Each server runs in a cgroup of its own; the clients run outside it. What counts is the default's throughput as a share
of the best hand setting's, both as medians over rounds that go through all settings in turn; and CPU a request, which
other work on the machine shifts less: under a quota that is used up, throughput is the quota divided by it. Needs root.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.quota.group import NoQuota
from bench.quota.models import FORMS, QUOTA_MODELS, written
from bench.quota.serving import SETTINGS, Load, Measured, measured
from bench.runtime.wire import request

COLUMNS = ("setting", "runs", "req/s", "of best", "p50 ms", "p99 ms", "CPU µs", "of least", "throttled")
WIDTHS = "{:18} {:9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}"


def arguments(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.quota", description="Defaults against hand settings.")
    parser.add_argument("--quotas", default="0.5,1,1.5,2", help="CPUs, with commas between (%(default)s)")
    parser.add_argument("--models", default=",".join(QUOTA_MODELS), help="names with commas between (%(default)s)")
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


def main() -> None:
    told = arguments(sys.argv[1:])
    with tempfile.TemporaryDirectory() as place:
        for name in told.models.split(","):
            model = QUOTA_MODELS[name]
            sent = Path(place) / name
            sent.write_bytes(request(model, FORMS[name]))
            for quota in map(float, told.quotas.split(",")):
                rounds: dict[str, list[Measured]] = {setting: [] for setting in told.settings.split(",")}
                for _ in range(told.rounds):
                    for setting, several in rounds.items():
                        load = Load(written(model), name, sent, told.connections, told.seconds)
                        several.append(measured(load, SETTINGS[setting], quota))
                print(f"\n{model.name} ({model.what}), {quota:g} CPUs, {told.connections} connections")
                print("\n".join(lines(rounds)), flush=True)


if __name__ == "__main__":
    try:
        main()
    except NoQuota as problem:
        sys.exit(f"bench.quota: {problem}")
