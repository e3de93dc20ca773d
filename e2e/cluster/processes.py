"""The cluster's daemons: started so that they outlive us, found again by pid and start time, stopped by pid only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import network
from .commands import ClusterError, environment, tail, wait_until
from .settings import state


def logs() -> Path:
    return state() / "logs"


def _records() -> Path:
    return state() / "processes"


@dataclass(frozen=True, slots=True)
class Daemon:
    """A program of the cluster in its network namespace."""

    name: str
    argv: Sequence[str | Path]
    namespace: str | None = network.CONTROL_PLANE  # None: the host's
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return logs() / f"{self.name}.log"

    def start(self, cgroup: Path) -> None:
        """Start it in a session of its own and in the cluster's control group, unless it already runs."""
        if pid(self.name):
            return
        for folder in (logs(), _records()):
            folder.mkdir(parents=True, exist_ok=True)
        command = [str(word) for word in self.argv]
        if self.namespace:
            command = network.inside(self.namespace, command)
        # The shell joins the group before it becomes the daemon: no child can be born outside of it.
        joined = ["sh", "-c", 'echo $$ >"$0" && exec "$@"', str(cgroup), *command]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                joined, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env={**environment(), **self.env}, start_new_session=True,
            )  # fmt: skip
        record = {"pid": process.pid, "started": _start_time(process.pid)}
        (_records() / f"{self.name}.json").write_text(json.dumps(record))

    def wait(self, ready: Callable[[], str], seconds: float = 60) -> None:
        """Wait until `ready` returns an empty string; ends early, with the log, when any daemon dies."""

        def reason() -> str:
            for name in dead():
                log = logs() / f"{name}.log"
                raise ClusterError(f"{name} ended. The last lines of {log}:\n{tail(log)}")
            return ready()

        wait_until(f"{self.name} being ready", reason, seconds, self.log)


def _start_time(process: int) -> str | None:
    """The kernel's start time of a process, which tells it from a later one with the same pid; None for a dead one."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def pid(name: str) -> int | None:
    """The pid of a daemon that runs, else None."""
    record = _records() / f"{name}.json"
    if not record.exists():
        return None
    known = json.loads(record.read_text())
    return int(known["pid"]) if known["started"] and _start_time(known["pid"]) == known["started"] else None


def started() -> list[str]:
    """The names of all daemons that were started and not stopped, running or dead."""
    return sorted(path.stem for path in _records().glob("*.json"))


def dead() -> list[str]:
    """Those that ended by themselves."""
    return [name for name in started() if not pid(name)]


def stop(name: str, patience: float = 5) -> None:
    """Ask a daemon to end, then kill it. The API server can ignore SIGTERM for as long as clients are connected."""
    deadline = time.monotonic() + patience
    number = signal.SIGTERM
    while process := pid(name):
        os.kill(process, number)
        time.sleep(0.1)
        if time.monotonic() > deadline:
            number = signal.SIGKILL
        if time.monotonic() > deadline + 10:
            raise ClusterError(f"{name} (pid {process}) does not end")
    (_records() / f"{name}.json").unlink(missing_ok=True)
