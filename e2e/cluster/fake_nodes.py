"""Thousands of pods for benchmarks: nodes that exist only in the API, played by kwok. The API server, the scheduler and
every controller are real; only the containers are not."""

from __future__ import annotations

import json
from pathlib import Path

from . import build, cgroups, processes
from . import certificates as pki
from .addons import kubectl
from .commands import wait_until
from .processes import Daemon
from .progress import say
from .settings import FAKE_POD_RANGE

STAGES = Path(__file__).with_name("kwok-stages.yaml")
LABEL = "type=kwok"
TAINT = {"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}


def _node(index: int) -> dict[str, object]:
    name = f"kwok-{index}"
    labels = {"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    return {
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": {"taints": [TAINT]},
    }  # fmt: skip


def _controller(program: Path) -> Daemon:
    flags = [f"--kubeconfig={pki.KWOK.kubeconfig}", f"--config={STAGES}", "--manage-all-nodes=false"]
    flags += [f"--manage-nodes-with-label-selector={LABEL}", f"--cidr={FAKE_POD_RANGE}", "--node-ip=198.18.0.2"]
    return Daemon("kwok", [program, *flags, "--node-lease-duration-seconds=40", "--server-address=127.0.0.1:10247"])


def up(count: int) -> None:
    """Have `count` fake nodes, ready; each takes up to 1,000 pods that tolerate its taint."""
    (program,) = build.build(build.KWOK)
    _controller(program).start(cgroups.create([]))
    wanted = [_node(index) for index in range(count)]
    surplus = sorted(set(_present()) - {f"kwok-{index}" for index in range(count)})
    if surplus:
        kubectl("delete", "node", *surplus)
    if wanted:
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted})
        kubectl("apply", "--server-side", "-f", "-", input=document, timeout=300)
    wait_until("the fake nodes being ready", lambda: _not_ready(count), 120, processes.logs() / "kwok.log")
    say(f"{count} fake nodes are ready; pods need a toleration for {TAINT['key']} and a node selector {LABEL}")


def down() -> None:
    """Remove the fake nodes with their pods, then what played them."""
    if present := _present():
        kubectl("delete", "node", "--wait=false", f"--selector={LABEL}")
        wait_until("the pods of the fake nodes being gone", lambda: _orphans(set(present)), 120)
    processes.stop("kwok")
    say(f"removed {len(present)} fake nodes")


def _present() -> list[str]:
    return [name.removeprefix("node/") for name in kubectl("get", "nodes", f"-l{LABEL}", "-oname").split()]


def _not_ready(count: int) -> str:
    path = '{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'
    ready = kubectl("get", "nodes", f"--selector={LABEL}", f"--output=jsonpath={path}").split().count("True")
    return "" if ready >= count else f"{ready} of {count} are ready"


def _orphans(names: set[str]) -> str:
    path = '{range .items[*]}{.metadata.namespace}/{.metadata.name} {.spec.nodeName}{"\\n"}{end}'
    lines = kubectl("get", "pods", "--all-namespaces", f"--output=jsonpath={path}").splitlines()
    left = [line.split()[0] for line in lines if line.split()[-1] in names]
    by_namespace: dict[str, list[str]] = {}
    for namespace, name in (pod.split("/") for pod in left):
        by_namespace.setdefault(namespace, []).append(name)
    for namespace, pods in by_namespace.items():  # their node is gone, so nobody but us will confirm their end
        how = ("--force", "--grace-period=0", "--ignore-not-found", "--wait=false")
        kubectl("delete", "pod", *how, f"--namespace={namespace}", *pods)
    return ", ".join(left)
