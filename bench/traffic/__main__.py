"""`python -m bench.traffic`: what splitting costs. A stable and a candidate server of the same model, on this machine.

One kept-alive client asks the stable server, one request at a time; the phases take turns, so that what the machine
does in the meantime meets them all. Latencies are the client's; CPU per request is both servers' together, from /proc.
The last lines are the shares that were measured, and how soon both servers used a new document.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.runtime.figures import cpu_seconds, tree
from bench.traffic.callers import Grpc, Rest
from bench.traffic.pair import CANDIDATE, Pair, pair

ROOT = Path(__file__).parents[2]
MODEL, NAME, PIXELS = ROOT / "examples/digits/1/model.onnx", "digits", 64
WEIGHTS = (0, 1, 5, 25, 50, 100)
SHARE_REQUESTS = 2000

# What is in the document; the first is what the others are compared with.
PHASES: dict[str, dict[str, Any]] = {
    "no candidate": {"named": False},
    "candidate, weight 0": {"weight": 0},
    "forwarded (weight 100)": {"weight": 100},
    "weight 0, all shadowed": {"weight": 0, "shadow": {"percent": 100}},
}


@dataclass
class Measured:
    """Of one phase: each request's seconds, and CPU seconds of both servers."""

    seconds: list[float] = field(default_factory=list)
    cpu: float = 0.0

    def quantile(self, part: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def measure(both: Pair, ask: Callable[[], str], rounds: int, seconds: float) -> dict[str, Measured]:
    """All phases, `rounds` times."""
    found = {phase: Measured() for phase in PHASES}
    pids = [*tree(both.stable.process.pid), *tree(both.candidate.process.pid)]
    for _ in range(rounds):
        for phase, parts in PHASES.items():
            both.apply(**parts)
            for _ in range(20):
                ask()
            began, cpu = time.perf_counter(), cpu_seconds(pids)
            while (start := time.perf_counter()) - began < seconds:
                ask()
                found[phase].seconds.append(time.perf_counter() - start)
            found[phase].cpu += cpu_seconds(pids) - cpu
    return found


def table(title: str, found: dict[str, Measured]) -> list[str]:
    """A row a phase, with what it adds to the first one."""
    first = next(iter(found.values()))
    lines = [f"{title:26} requests   p50 ms   p99 ms   added p50   added p99   CPU µs a request"]
    for phase, one in found.items():
        p50, p99 = one.quantile(0.5) * 1e3, one.quantile(0.99) * 1e3
        added = p50 - first.quantile(0.5) * 1e3, p99 - first.quantile(0.99) * 1e3
        cpu = one.cpu / len(one.seconds) * 1e6
        lines.append(
            f"{phase:26} {len(one.seconds):8} {p50:8.3f} {p99:8.3f} {added[0]:11.3f} {added[1]:11.3f} {cpu:18.1f}"
        )
    return lines


def shares(both: Pair, ask: Callable[[], str]) -> str:
    """Asked and measured."""
    told = []
    for weight in WEIGHTS:
        both.apply(weight=weight)
        got = sum(ask() == CANDIDATE for _ in range(SHARE_REQUESTS))
        told.append(f"{weight}% → {100 * got / SHARE_REQUESTS:g}%")
    return ", ".join(told)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.traffic", description="What splitting costs.")
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all phases (%(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="one phase in one round (%(default)s)")
    told = parser.parse_args()
    image = {"name": "x", "shape": [1, PIXELS], "datatype": "FP32", "data": [0.5] * PIXELS}
    body = json.dumps({"inputs": [image]}).encode()
    with tempfile.TemporaryDirectory(prefix="modelway-bench-") as folder, pair(MODEL, NAME, Path(folder)) as both:
        rest, calls = Rest(both.stable.http, NAME, body), Grpc(both.stable.grpc, NAME, PIXELS)
        callers: dict[str, Callable[[], str]] = {"REST, digits": rest.ask, "gRPC, digits": calls.ask}
        for title, ask in callers.items():
            print("\n".join(table(title, measure(both, ask, told.rounds, told.seconds))) + "\n", flush=True)
        for title, ask in callers.items():
            print(f"{title}, {SHARE_REQUESTS} requests each: {shares(both, ask)}", flush=True)
        taken = sorted(both.taken)
        print(f"documents in use by both after {taken[len(taken) // 2]:.2f} s (median), {taken[-1]:.2f} s (longest)")


if __name__ == "__main__":
    main()
