"""The server under attack: a real `modelserver serve` process with its ordinary settings, and the memory it holds."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.ports import free_port
from bench.runtime import figures
from bench.runtime.environments import ROOT
from bench.runtime.models import MODELS, written
from bench.runtime.wire import request

READY_SECONDS = 20.0
SAMPLE_SECONDS = 0.25
MODEL = MODELS["tiny"]
REQUEST = request(MODEL, "JSON")


@dataclass(slots=True)
class Memory:
    """Of one process, in MB: proportional set size before, at its peak (sampled), and after; and its highest RSS."""

    pid: int
    before: float = 0.0
    peak: float = 0.0
    after: float = 0.0
    highest_rss: float = field(default=0.0)

    def look(self) -> float:
        now = figures.pss_megabytes([self.pid])
        self.peak = max(self.peak, now)
        return now

    async def watch(self) -> None:
        """Sample until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(SAMPLE_SECONDS)

    def end(self) -> None:
        self.after = self.look()
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                self.highest_rss = int(line.split()[1]) / 1024


@dataclass(frozen=True, slots=True)
class Target:
    process: subprocess.Popen[bytes]
    port: int

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


@contextmanager
def serving(core: int | None = None, **settings: str) -> Iterator[Target]:
    """A server that is ready; killed at the end if it still runs. Raises TimeoutError."""
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "runtime"), "MODELSERVER_HTTP_PORT": str(port)}
    environment |= {"MODELSERVER_MODEL_NAME": MODEL.name, **settings}
    command = [sys.executable, "-m", "modelserver", "serve", str(written(MODEL))]
    pin = (lambda: os.sched_setaffinity(0, {core})) if core is not None else None
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, preexec_fn=pin)
    try:
        _wait_ready(process, port)
        yield Target(process, port)
    finally:
        process.kill()
        process.wait()


def _wait_ready(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
                probe.sendall(b"GET /v2/health/ready HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
                if b" 200 " in probe.recv(4096):
                    return
        except ConnectionRefusedError:
            pass  # not listening yet
        time.sleep(0.02)
    raise TimeoutError("The server did not become ready; try `modelserver serve` by hand.")
