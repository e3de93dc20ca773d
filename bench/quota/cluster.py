"""The comparison on a real cluster: pods with a CPU limit, loaded from a pod, CPU from each container's own cgroup.

The pods of all settings stand ready together, and the load goes to one after the other, forwards and backwards in turn,
so that a busy minute meets all alike; one that is not asked costs its probes.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bench.quota import pods
from bench.quota.group import cpu_seconds, throttled_share
from bench.quota.models import FORMS, QUOTA_MODELS, written
from bench.quota.serving import SETTINGS, Measured, Plan, execution_told
from bench.runtime.wire import request
from e2e.cluster import Cluster
from e2e.steps import Namespace

READY_SECONDS = 90
COPY_SECONDS = 60
# v1's two controllers, or v2's one file: those that are there.
COUNTERS = "cd /sys/fs/cgroup && if [ -e cpu.stat ]; then cat cpu.stat; else cat cpu/cpu.stat cpuacct/cpuacct.usage; fi"
SHOW = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"
LOAD_SCRIPT = Path(__file__).with_name("load.py")


@dataclass(slots=True)
class _Server:
    """A pod, its address, its counters as last read, and the CPU seconds that one reading itself takes there."""

    name: str
    address: str
    execution: str
    counters: str
    reading: float


class Field:
    """A namespace with the loading pod; everything in it goes with it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.namespace = Namespace(cluster, f"bench-quota-{time.time_ns() // 1_000_000 % 10_000_000}")
        self.store = ""

    def __enter__(self) -> Field:
        cluster, name = self.cluster, self.namespace.name
        cluster.kubectl("create", "namespace", name)
        cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        self.namespace.apply(pods.traffic(), pods.loader_pod(name, cluster.image("runtime")))
        self._wait_ready([pods.LOADER])
        self.store = self._address(pods.LOADER)
        self.copy(LOAD_SCRIPT.read_bytes(), LOAD_SCRIPT.name)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.cluster.kubectl("delete", "namespace", self.namespace.name, "--wait=false")

    def copy(self, content: bytes, name: str) -> None:
        """Put a file into the loading pod."""
        words = ["-n", self.namespace.name, "exec", "-i", pods.LOADER, "--", "sh", "-c", f"cat > {pods.FILES}/{name}"]
        subprocess.run(
            [*self.cluster.kubectl_command, *words],
            input=content,
            env=self.cluster.env,
            check=True,
            timeout=COPY_SECONDS,
        )

    def start(self, model: str, quota: float, settings: Sequence[str]) -> dict[str, _Server]:
        """A pod for each setting, ready."""
        uri, image = f"http://{self.store}/{model}.onnx", self.cluster.image("runtime")
        made = {name: pods.server_pod(name, SETTINGS[name], image, uri, model, quota) for name in settings}
        self.namespace.apply(*made.values())
        placed = {setting: str(pod["metadata"]["name"]) for setting, pod in made.items()}
        self._wait_ready(list(placed.values()))
        return {setting: self._server(pod) for setting, pod in placed.items()}

    def stop(self, servers: dict[str, _Server]) -> None:
        self.namespace.kubectl("delete", "pod", *(one.name for one in servers.values()), "--grace-period=1")

    def measured(self, server: _Server, model: str, connections: int, seconds: float) -> Measured:
        """Load one server, and read its counters behind."""
        words = [server.address, str(connections), str(seconds), f"{pods.FILES}/{model}.request"]
        answered = json.loads(self._exec(pods.LOADER, "python3", f"{pods.FILES}/{LOAD_SCRIPT.name}", *words))
        before, server.counters = server.counters, self._counters(server.name)
        spent = cpu_seconds(server.counters) - cpu_seconds(before) - server.reading
        return Measured(
            per_second=answered["requests"] / answered["seconds"],
            p50=answered["p50"],
            p99=answered["p99"],
            cpu=spent / answered["all"] * 1e6,
            throttled=throttled_share(before, server.counters),
            execution=server.execution,
        )

    def _server(self, pod: str) -> _Server:
        address = self._address(pod)
        execution = execution_told(self._exec(pods.LOADER, "python3", "-c", SHOW, f"http://{address}/metrics"))
        first, second = self._counters(pod), self._counters(pod)
        return _Server(pod, address, execution, second, cpu_seconds(second) - cpu_seconds(first))

    def _counters(self, pod: str) -> str:
        return self._exec(pod, "sh", "-c", COUNTERS)

    def _exec(self, pod: str, *command: str) -> str:
        return self.namespace.kubectl("exec", pod, "--", *command)

    def _address(self, pod: str) -> str:
        return f"{self.namespace.get('pod', pod)['status']['podIP']}:{pods.PORT}"

    def _wait_ready(self, names: list[str]) -> None:
        named = [f"pod/{name}" for name in names]
        self.namespace.kubectl("wait", "--for=condition=Ready", *named, f"--timeout={READY_SECONDS}s")


def compared(
    cluster: Cluster, plan: Plan, models: Sequence[str], quotas: Sequence[float]
) -> Iterator[tuple[str, dict[str, list[Measured]]]]:
    """Each model under each quota: a title, and what each setting did in each round."""
    with Field(cluster) as field:
        for name in models:
            model = QUOTA_MODELS[name]
            field.copy(written(model).read_bytes(), f"{name}.onnx")
            field.copy(request(model, FORMS[name]), f"{name}.request")
            for quota in quotas:
                servers = field.start(name, quota, plan.settings)
                rounds: dict[str, list[Measured]] = {setting: [] for setting in plan.settings}
                for turn in range(plan.rounds):
                    for setting in plan.settings[:: -1 if turn % 2 else 1]:
                        server = servers[setting]
                        rounds[setting].append(field.measured(server, name, plan.connections, plan.seconds))
                field.stop(servers)
                title = f"{name} ({model.what}), pods limited to {quota * 1000:.0f}m"
                yield f"{title}, {plan.connections} connections", rounds
