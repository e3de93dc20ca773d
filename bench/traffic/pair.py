"""A stable and a candidate server of one model on loopback, and the traffic document between them."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.ports import free_port

STABLE, CANDIDATE = "stable", "candidate"
READY_SECONDS = 30.0


@dataclass
class Running:
    """A server process and its ports."""

    process: subprocess.Popen[bytes]
    http: int
    grpc: int

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=10) as answer:
            told: bytes = answer.read()
        return told


@dataclass
class Pair:
    """Both servers. `apply` writes a document and returns when both use it."""

    folder: Path
    stable: Running
    candidate: Running
    generation: int = 0
    taken: list[float] = field(default_factory=list)  # seconds until each document was in use

    def apply(self, named: bool = True, **parts: Any) -> None:
        """`named`: whether the document names the candidate at all."""
        self.generation += 1
        there = self.candidate
        to = {"http": f"http://127.0.0.1:{there.http}", "grpc": f"127.0.0.1:{there.grpc}", "revision": CANDIDATE}
        document = {"generation": self.generation, "stable": STABLE, **({"candidate": to} if named else {}), **parts}
        new = self.folder / "traffic.new"
        new.write_text(json.dumps(document))
        new.replace(self.folder / "traffic.json")
        began = time.monotonic()
        while any(self.state(server)["generation"] != self.generation for server in (self.stable, self.candidate)):
            if time.monotonic() > began + READY_SECONDS:
                raise TimeoutError("The servers did not take the traffic document.")
            time.sleep(0.02)
        self.taken.append(time.monotonic() - began)

    def state(self, server: Running) -> Any:
        return json.loads(server.get("/modelway/state"))


@contextmanager
def pair(model: Path, name: str, folder: Path) -> Iterator[Pair]:
    """Both, ready; ended in any case."""
    with ExitStack() as stack:
        stable, candidate = (_start(stack, model, name, revision, folder) for revision in (STABLE, CANDIDATE))
        yield Pair(folder, stable, candidate)


def _start(stack: ExitStack, model: Path, name: str, revision: str, folder: Path) -> Running:
    http, grpc = free_port(), free_port()
    told = {
        "MODELSERVER_REVISION": revision,
        "MODELSERVER_MODEL_NAME": name,
        "MODELSERVER_TRAFFIC_DIR": str(folder),
        "MODELSERVER_HTTP_PORT": str(http),
        "MODELSERVER_GRPC_PORT": str(grpc),
        "PYTHONPATH": str(Path(__file__).parents[2] / "runtime"),
    }
    command = [sys.executable, "-m", "modelserver", "serve", str(model)]
    process = subprocess.Popen(command, env=os.environ | told, stderr=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.kill)
    running = Running(process, http, grpc)
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            running.get("/v2/health/ready")
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"The server of revision '{revision}' did not become ready.") from None
            time.sleep(0.05)
        else:
            return running
