"""The operator as a process of this machine: started with the chart's own permissions, measured from /proc."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from e2e.cluster import Cluster

SYSTEM = "modelway-system"
TICKS = os.sysconf("SC_CLK_TCK")


def service_account_kubeconfig(cluster: Cluster, folder: Path) -> Path:
    """A kubeconfig that speaks as the chart's ServiceAccount: the audit log then tells its requests from all others."""
    token = cluster.kubectl("-n", SYSTEM, "create", "token", "modelway", "--duration=4h").strip()
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--flatten", "-o", "json"))
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return path


class Operator:
    """One operator process."""

    def __init__(self, kubeconfig: Path, identity: str, port: int, folder: Path) -> None:
        self.identity = identity
        self.log = folder / f"{identity}.log"
        environment = os.environ | {
            "KUBECONFIG": str(kubeconfig),
            "MODELWAY_RUNTIME_IMAGE": "modelway/runtime:bench",
            "MODELWAY_LEASE_NAMESPACE": SYSTEM,
            "MODELWAY_LEASE_NAME": "modelway",  # the one that the chart's permissions name
            "MODELWAY_IDENTITY": identity,
            "MODELWAY_HTTP_PORT": str(port),
        }
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "modelway"], env=environment, stdout=stream, stderr=stream
            )
        self.started = time.monotonic()

    def cpu(self) -> float:
        """CPU seconds, user and system, since the process began."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> tuple[float, float]:
        """(PSS now, peak RSS) in MiB."""
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return _kib(rollup, "Pss:") / 1024, _kib(status, "VmHWM:") / 1024

    def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """Send the signal, wait for the end; returns the seconds that it took."""
        begun = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=10)
        return time.monotonic() - begun


def _kib(text: str, field: str) -> float:
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(field)))
