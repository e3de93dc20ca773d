"""What goes wrong around a rollout: the operator's leader is killed, a node is drained, a kubelet hangs. A node that is
lost is in ``node_loss``."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

from e2e.cluster import Cluster
from e2e.cluster.commands import CommandFailed
from e2e.steps import SYSTEM, Namespace

one_at_a_time = threading.Lock()  # one node may be away, not both
# From when until when a kubelet heard nothing, or there may have been no leader, by the wall clock.
silences: list[tuple[float, float]] = []
NEXT_LEADER = 17.0  # seconds until another one has begun at the latest: the lease runs out after 15
# Shorter than the 20 s after which a silent node counts as lost: its pods are then NotReady, though they answer, and
# where all of a model's are there (one after a drain, on two nodes) nobody can be sent to any.
HANGS = 12.0


def kill_the_leader(namespace: Namespace) -> None:
    """SIGKILL from the node, without grace; its lease is not released."""
    cluster = namespace.cluster
    leader = cluster.kubectl("-n", SYSTEM, "get", "lease", "modelway", "-o", "jsonpath={.spec.holderIdentity}")
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"MODELWAY_IDENTITY={leader}\0".encode() in environment.read_bytes():
                os.kill(int(environment.parent.name), signal.SIGKILL)
                silences.append((time.time(), time.time() + NEXT_LEADER))
                return


def silence_a_kubelet() -> None:
    """A node's kubelet hangs for a while: its pods go on, but nothing starts, stops or is refreshed there."""
    with one_at_a_time:
        kubelets = _kubelets()  # not before: that of a node that was lost meanwhile is another process
        if not kubelets:
            return
        chosen = random.choice(kubelets)
        begun = time.time()
        os.kill(chosen, signal.SIGSTOP)
        try:
            time.sleep(HANGS)
        finally:
            os.kill(chosen, signal.SIGCONT)
            silences.append((begun, time.time()))


def mend(cluster: Cluster) -> None:
    """Puts the nodes back, also when the run is broken off in the middle of a fault."""
    for number in _kubelets():
        with suppress(OSError):
            os.kill(number, signal.SIGCONT)
    for node in cluster.kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}").split():
        cluster.kubectl("uncordon", node)


def _kubelets() -> list[int]:
    commands = {int(path.parent.name): path for path in Path("/proc").glob("[0-9]*/cmdline")}
    return [number for number, path in commands.items() if b"\0kubelet\0" in _command(path)]


def _command(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def drain_a_node(namespace: Namespace) -> None:
    """Evicts every model's pod from a node, as an upgrade of that node does; disruption budgets are honoured."""
    cluster = namespace.cluster
    names = cluster.kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}").split()
    with one_at_a_time:
        node = random.choice(names)
        try:
            # What can't be evicted in time (the only ready pod of its revision) stays, as it would at a real drain.
            with suppress(CommandFailed):
                chosen = ("--pod-selector=modelway.io/deployment", "--ignore-daemonsets", "--delete-emptydir-data")
                cluster.kubectl("drain", node, *chosen, "--timeout=45s", timeout=90)
        finally:
            cluster.kubectl("uncordon", node)
