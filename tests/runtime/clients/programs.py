"""The client programs: which there are, in which environment each runs, and what each of their calls came to."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.runtime.catalogue import PEERS
from bench.runtime.environments import python_of
from tests.runtime.clients.calling import Outcome
from tests.runtime.clients.servers import Addresses

FOLDER = Path(__file__).parent
PROGRAM_SECONDS = 90


@dataclass(frozen=True)
class Program:
    """`environment` names a peer of bench/runtime/catalogue.py, None means the project's own environment.

    KServe's clients come with all of its server (FastAPI, pandas, …), so they stay where the bench has KServe anyway.
    """

    script: str
    kind: str
    environment: str | None = None


PROGRAMS: Mapping[str, Program] = {
    "tritonclient http": Program("triton.py", "http"),
    "tritonclient http.aio": Program("triton.py", "http.aio"),
    "tritonclient grpc": Program("triton.py", "grpc"),
    "tritonclient grpc.aio": Program("triton.py", "grpc.aio"),
    "kserve REST v2": Program("kserve_rest.py", "v2", "kserve"),
    "kserve REST v1": Program("kserve_rest.py", "v1", "kserve"),
    "kserve gRPC": Program("kserve_grpc.py", "grpc", "kserve"),
}


def outcomes(name: str, served: Addresses) -> list[Outcome]:
    """Run a program to its end. Raises AssertionError where it fails, Unavailable where it can't be installed."""
    program = PROGRAMS[name]
    python = Path(sys.executable) if program.environment is None else python_of(PEERS[program.environment])
    command = [str(python), str(FOLDER / program.script), program.kind, json.dumps(served)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_SECONDS)
    assert done.returncode == 0, f"{name} ended with {done.returncode}: {done.stderr[-2000:]}"
    return [Outcome(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]
