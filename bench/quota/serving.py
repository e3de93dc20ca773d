"""A server in a group of its own under load, and what it did: throughput, latencies, CPU, throttling."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.ports import free_port
from bench.quota.group import limited, throttled_share
from bench.runtime import figures
from bench.runtime.environments import project

START_LIMIT_SECONDS = 60.0

# Every choice that a person could make by hand, and none.
SETTINGS: dict[str, dict[str, str]] = {
    "default": {},
    "1-inline": {"MODELSERVER_THREADS": "1", "MODELSERVER_EXECUTION": "inline"},
    "1-worker": {"MODELSERVER_THREADS": "1", "MODELSERVER_EXECUTION": "thread", "MODELSERVER_BATCHING": "off"},
    "1-batching": {"MODELSERVER_THREADS": "1", "MODELSERVER_BATCHING": "on"},
    "2-inline": {"MODELSERVER_THREADS": "2", "MODELSERVER_EXECUTION": "inline"},
    "2-worker": {"MODELSERVER_THREADS": "2", "MODELSERVER_EXECUTION": "thread", "MODELSERVER_BATCHING": "off"},
    "2-batching": {"MODELSERVER_THREADS": "2", "MODELSERVER_BATCHING": "on"},
    "2-inline-spinning": {
        "MODELSERVER_THREADS": "2",
        "MODELSERVER_EXECUTION": "inline",
        "MODELSERVER_SPINNING": "on",
    },
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Requests a second, latencies in milliseconds, microseconds of the server's CPU a request, and how it ran.

    `throttled` is the part of the quota's periods in which the group had to stand still.
    """

    per_second: float
    p50: float
    p99: float
    cpu: float
    throttled: float
    execution: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Names of `settings`, callers at a time, `seconds` of one server's load in one round, and rounds."""

    settings: tuple[str, ...]
    connections: int
    seconds: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Load:
    """A model's file, the name it is served by, the file that holds the request, callers at a time and seconds."""

    model: Path
    name: str
    sent: Path
    connections: int
    seconds: float


def measured(load: Load, settings: dict[str, str], quota: float) -> Measured:
    """Serve under `quota` CPUs with `settings`, and load it. Raises NoQuota, TimeoutError."""
    port = free_port()
    told = {"MODELSERVER_MODEL_NAME": load.name, "MODELSERVER_HTTP_PORT": str(port), "MODELSERVER_DRAIN_SECONDS": "0"}
    command = [sys.executable, "-m", "modelserver", "serve", str(load.model)]
    with limited(quota) as group, tempfile.TemporaryFile() as log:
        environment = {**os.environ, **told, **settings}
        process = subprocess.Popen(command, env=environment, stderr=log, preexec_fn=into(group))
        try:
            _ready(process, port)
            execution = _execution(port)
            cpu, stat = figures.cpu_seconds([process.pid]), (group / "cpu.stat").read_text()
            answered = _answered(port, load)
            cpu = (figures.cpu_seconds([process.pid]) - cpu) / answered["all"] * 1e6
            throttled = throttled_share(stat, (group / "cpu.stat").read_text())
        finally:
            process.kill()
            process.wait()
    speed = answered["requests"] / answered["seconds"]
    return Measured(speed, answered["p50"], answered["p99"], cpu, throttled, execution)


def _answered(port: int, load: Load) -> dict[str, float]:
    """What the clients' process says."""
    words = (f"127.0.0.1:{port}", str(load.connections), str(load.seconds), str(load.sent))
    told: dict[str, float] = json.loads(project("bench.quota.load", *words))
    return told


def _execution(port: int) -> str:
    """Where the server chose to run the model."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return execution_told(answer.read().decode())


def execution_told(metrics: str) -> str:
    """The mode in a server's metrics."""
    found = re.search(r'execution="(\w+)"', metrics)
    return found[1] if found else "?"


def into(group: Path) -> Callable[[], object]:
    """For `preexec_fn`: the process that starts is in the group from its first instruction on."""
    procs = str(group / "cgroup.procs")

    def enter() -> None:
        with open(procs, "w") as file:  # noqa: PTH123 - between fork and exec the less is done the better
            file.write(str(os.getpid()))

    return enter


def _ready(process: subprocess.Popen[bytes], port: int) -> None:
    """Until /v2/health/ready says 200."""
    until = time.monotonic() + START_LIMIT_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5):
                return
        except OSError:  # not listening yet, or 503
            time.sleep(0.02)
    raise TimeoutError(f"The server did not become ready within {START_LIMIT_SECONDS:g} s (exit {process.poll()}).")
