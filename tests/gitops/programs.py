"""The Go programs of ``tests/gitops/go``: built once into the cache, keyed by what they are made of."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from e2e.cluster import settings

MODULE = Path(__file__).parent / "go"
MINUTES = 9  # for a first build that loads and compiles the API machinery on a busy machine


def available() -> bool:
    """Whether this machine can build them."""
    return shutil.which("go") is not None


@cache
def built(program: str) -> Path:
    """The program's path. Building takes seconds, the first time on a machine a minute."""
    target = settings.cache() / "go" / f"gitops-{_version()}" / program
    if not target.exists():
        partial = target.with_name(f"{program}.{os.getpid()}")
        environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -trimpath"}
        argv = ["go", "build", "-ldflags", "-s -w", "-o", str(partial), f"./{program}"]
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(argv, cwd=MODULE, env=environment, check=True, timeout=60 * MINUTES)
        partial.replace(target)  # atomic: somebody else may have been faster
    return target


def _version() -> str:
    """What the programs are made of: our sources, the list of versions, and the compiler."""
    digest = hashlib.sha256(subprocess.run(["go", "version"], capture_output=True, check=True).stdout)
    for source in sorted(path for path in MODULE.rglob("*") if path.suffix in (".go", ".mod", ".sum")):
        digest.update(f"{source.relative_to(MODULE)}\0".encode() + source.read_bytes())
    return digest.hexdigest()[:12]


def asked(program: str, lines: Sequence[Any]) -> list[dict[str, Any]]:
    """One process for all of the questions, each a line of JSON; so are the answers.

    Raises:
        AssertionError: with what the program said, if it does not answer each.
    """
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    done = subprocess.run([built(program)], input=text, text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(lines)
    return answers
