"""`python -m bench.traffic`: what splitting costs. A stable and a candidate server of the same model, on this machine.

One kept-alive client asks the stable server, one request at a time; the phases take turns, so that what the machine
does in the meantime meets them all. Latencies are the client's; CPU per request is both servers' together, from /proc.
Then the shares that were measured, as a table in Markdown (`--shares`: nothing else; the exit code tells whether all
are within a point), and how soon both servers used a new document.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.runtime.figures import cpu_seconds, tree
from bench.traffic import shares
from bench.traffic.callers import Caller, Grpc, Rest
from bench.traffic.pair import Pair, pair

ROOT = Path(__file__).parents[2]
MODEL, NAME, PIXELS = ROOT / "examples/digits/1/model.onnx", "digits", 64

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


def costs(both: Pair, callers: dict[str, Callable[[], Caller]], rounds: int, seconds: float) -> None:
    for name, connect in callers.items():
        one = connect()
        print("\n".join(table(f"{name}, digits", measure(both, one.ask, rounds, seconds))) + "\n", flush=True)
        one.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.traffic", description="What splitting costs.")
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all phases (%(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="one phase in one round (%(default)s)")
    parser.add_argument("--shares", action="store_true", help="measure the shares only")
    told = parser.parse_args()
    image = {"name": "x", "shape": [1, PIXELS], "datatype": "FP32", "data": [0.5] * PIXELS}
    body = json.dumps({"inputs": [image]}).encode()
    with tempfile.TemporaryDirectory(prefix="modelway-bench-") as folder, pair(MODEL, NAME, Path(folder)) as both:
        callers: dict[str, Callable[[], Caller]] = {
            "REST": lambda: Rest(both.stable.http, NAME, body),
            "gRPC": lambda: Grpc(both.stable.grpc, NAME, PIXELS),
        }
        if not told.shares:
            costs(both, callers, told.rounds, told.seconds)
        found = shares.measure(both, callers)
        print(f"Answered by the candidate, of {shares.REQUESTS} requests each:\n")
        print("\n".join(shares.table(found)) + "\n")
        taken = sorted(both.taken)
        print(f"documents in use by both after {taken[len(taken) // 2]:.2f} s (median), {taken[-1]:.2f} s (longest)")
    return 0 if all(one.right for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
