"""`python -m bench.runtime`: the server against FastAPI on uvicorn, side by side in one run, in under three minutes.

The figure to trust is CPU per request: the machine's other work shifts latencies, but hardly that. Rounds alternate
between the servers, so that what the machine does in the meantime meets both; ratios are taken within a round.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.runtime import models
from bench.runtime.figures import anonymous_megabytes, cpu_seconds, pss_megabytes
from bench.runtime.servers import Server, fastapi_python, started

KINDS = ("modelserver", "fastapi")
ROUNDS = 7
COLD_STARTS = 7
REQUESTS = {"tiny": 4000, "mnist": 1500}


@dataclass(frozen=True, slots=True)
class Round:
    """One stretch of load on one server: microseconds of CPU a request, latencies in milliseconds."""

    cpu: float
    p50: float
    p99: float


def load(server: Server, requests: int) -> Round:
    before = cpu_seconds(server.pid)
    command = [sys.executable, "-m", "bench.runtime.client", str(server.port), server.model, str(requests)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return Round((cpu_seconds(server.pid) - before) / requests * 1e6, told["p50"], told["p99"])


def cold_starts(path: Path) -> dict[str, list[float]]:
    """Wall seconds to the first right answer by kind, and CPU seconds until then by kind + " CPU"."""
    seconds: dict[str, list[float]] = {f"{kind}{what}": [] for kind in KINDS for what in ("", " CPU")}
    for turn in range(COLD_STARTS):
        for kind in KINDS[:: 1 if turn % 2 else -1]:
            with started(kind, "tiny", path) as server:
                seconds[f"{kind} CPU"].append(cpu_seconds(server.pid))
                seconds[kind].append(server.first_answer)
    return seconds


def rounds(model: str, path: Path) -> dict[str, list[Round]]:
    measured: dict[str, list[Round]] = {kind: [] for kind in KINDS}
    with started(KINDS[0], model, path) as ours, started(KINDS[1], model, path) as theirs:
        servers = (ours, theirs)
        for server in servers:
            load(server, REQUESTS[model] // 4)  # warm
        for turn in range(ROUNDS):
            for server in servers[:: 1 if turn % 2 else -1]:
                measured[server.kind].append(load(server, REQUESTS[model]))
    return measured


def memory(path: Path) -> dict[str, tuple[float, float]]:
    """PSS and anonymous megabytes of each server, alone and after load."""
    told = {}
    for kind in KINDS:
        with started(kind, "tiny", path) as server:
            load(server, 1000)
            told[kind] = (pss_megabytes(server.pid), anonymous_megabytes(server.pid))
    return told


def line(what: str, ours: str, theirs: str, ratio: str = "", target: str = "") -> None:
    print(f"{what:<40}{ours:>17}{theirs:>17}{ratio:>8}   {target}", flush=True)


def report_load(model: str, path: Path, target: str) -> None:
    measured = rounds(model, path)
    ours, theirs = measured["modelserver"], measured["fastapi"]
    ratio = median(them.cpu / us.cpu for us, them in zip(ours, theirs, strict=True))
    ours_cpu, theirs_cpu = median(r.cpu for r in ours), median(r.cpu for r in theirs)
    line(f"{model}, v2 JSON: CPU a request, µs", f"{ours_cpu:.1f}", f"{theirs_cpu:.1f}", f"{ratio:.1f}×", target)
    command = [sys.executable, "-m", "bench.runtime.bare", str(path), model]
    bare = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["microseconds"]
    line("  of it session.run, µs", f"{bare:.1f}", f"{bare:.1f}", "", f"{bare / ours_cpu:.0%} of ours")
    latency = "must 0.2 / 1, aim 0.15 / 0.5" if model == "tiny" else ""
    told = [f"{median(r.p50 for r in one):.3f} / {median(r.p99 for r in one):.3f}" for one in (ours, theirs)]
    line("  p50 / p99 at one connection, ms", told[0], told[1], "", latency)


def main() -> None:
    fastapi_python()
    with tempfile.TemporaryDirectory() as folder:
        paths = models.write(Path(folder))
        line("", "modelserver", "FastAPI", "ratio", "target (medians; ratios within rounds)")
        seconds = {kind: median(times) for kind, times in cold_starts(paths["tiny"]).items()}
        ratio = f"{seconds['fastapi'] / seconds['modelserver']:.1f}×"
        ours, theirs = (f"{seconds[kind]:.3f}" for kind in KINDS)
        line("cold start to first answer, s", ours, theirs, ratio, "must 0.4, aim 0.25")
        ours, theirs = (f"{seconds[f'{kind} CPU']:.3f}" for kind in KINDS)
        line("  CPU until then, s", ours, theirs)
        held = memory(paths["tiny"])
        for index, what in enumerate(("memory (PSS), MB", "  of it anonymous, MB")):
            ours, theirs = (f"{held[kind][index]:.1f}" for kind in KINDS)
            line(what, ours, theirs, "", "" if index else "must 50, aim 40")
        report_load("tiny", paths["tiny"], "must 5×, aim 8×")
        report_load("mnist", paths["mnist"], "must 6×, aim 10×")


if __name__ == "__main__":
    main()
