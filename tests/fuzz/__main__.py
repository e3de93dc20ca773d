"""Fuzzing for as long as you like: `python -m tests.fuzz --target http --seconds 600 [--seed N]`.

Guided by coverage where atheris is installed, otherwise by mutations alone (`--blind` chooses that). Prints
executions, coverage if known, CPU seconds and findings. Each finding is a file in `--findings`, by default the folder
whose files pytest runs again; the exit code tells whether there was one.
"""

import argparse
import importlib.util
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from tests.fuzz.findings import FOLDER, Book
from tests.fuzz.targets import TARGETS

STATISTICS = {"executions": r"stat::number_of_executed_units:\s*(\d+)", "coverage": r".* cov: (\d+) ft: \d+"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz one part of the server.")
    parser.add_argument("--target", choices=sorted(TARGETS), required=True)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"), help="of the mutations")
    parser.add_argument("--findings", type=Path, default=FOLDER, help="folder for the inputs that failed")
    parser.add_argument("--corpus", type=Path, help="folder of inputs that new runs go on from; made anew by default")
    parser.add_argument("--blind", action="store_true", help="without coverage")
    told = parser.parse_args()
    guided = not told.blind and importlib.util.find_spec("atheris") is not None
    print(
        f"target {told.target}, {told.seconds:g} s, seed {told.seed}, {'by coverage' if guided else 'blind'}",
        flush=True,
    )
    before = set(told.findings.glob("*"))
    if guided:
        executions, coverage = _guided(told.target, told.seconds, told.seed, told.findings, told.corpus)
    else:
        executions, coverage = _blind(told.target, told.seconds, told.seed, told.findings)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN if guided else resource.RUSAGE_SELF)
    found = sorted(path.name for path in set(told.findings.glob("*")) - before)
    print(
        f"{told.target}: {executions} executions, coverage {coverage}, {usage.ru_utime + usage.ru_stime:.0f} s of CPU, "
        f"peak memory {usage.ru_maxrss // 1024} MB, {len(found)} findings {' '.join(found)}"
    )
    return 1 if found else 0


def _blind(name: str, seconds: float, seed: int, folder: Path) -> tuple[int, str]:
    target, book, random = TARGETS[name], Book(name, folder), Random(seed)
    executions, seeds, end = 0, target.seeds(), time.monotonic() + seconds
    from tests.fuzz.mutator import mutated

    while time.monotonic() < end:
        data = mutated(random, seeds)
        executions += 1
        try:
            target.run(data)
        except Exception as problem:
            book.write(data, problem)
    return executions, "unknown"


def _guided(name: str, seconds: float, seed: int, folder: Path, kept: Path | None) -> tuple[int, str]:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="corpus-") as fresh:
        corpus = kept or Path(fresh)
        corpus.mkdir(parents=True, exist_ok=True)
        words = [name, str(int(seconds)), str(seed), str(corpus), str(folder)]
        command = [sys.executable, "-m", "tests.fuzz.guided", *words]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(("runtime", "."))}
        with tempfile.TemporaryFile("w+") as log:
            ended = subprocess.run(command, stdout=sys.stdout, stderr=log, env=environment)
            log.seek(0)
            lines = log.read()
    numbers = {what: re.findall(pattern, lines) for what, pattern in STATISTICS.items()}
    if ended.returncode or not numbers["executions"]:
        print(f"atheris ended with {ended.returncode}:\n{lines[-2000:]}", flush=True)
    return int((numbers["executions"] or ["0"])[-1]), f"{(numbers['coverage'] or ['unknown'])[-1]} edges"


if __name__ == "__main__":
    sys.exit(main())
