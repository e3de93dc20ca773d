"""The provider `local`: a real cluster on plain Linux as root, with no container engine, from our own builds."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from . import addons, archives, build, cgroups, control_plane, network, nodes, packages, processes
from . import certificates as pki
from .commands import ClusterError, run, wait_until
from .progress import say
from .settings import KUBERNETES_VERSION, RUN, Node, programs, state
from .settings import nodes as all_nodes


def unavailable() -> str:
    """Why this provider can't be used on this machine; empty when it can."""
    if sys.platform != "linux":
        return "the local provider needs Linux"
    if os.geteuid() != 0:
        return "the local provider needs root (network namespaces, mounts and control groups)"
    return "" if shutil.which("go") else "the local provider needs the Go compiler"


def up(count: int) -> None:
    """Bring the cluster up, or reuse it as it is when it is healthy and made of the same versions."""
    packages.install()
    kube, pause = build.build(build.KUBE, build.PAUSE)
    wanted = {"kubernetes": KUBERNETES_VERSION, "program": str(kube), "nodes": count}
    with _alone():
        if _recorded() == wanted and not (problem := status()):
            say(f"the cluster is up: {count} nodes, Kubernetes {KUBERNETES_VERSION}")
            return
        if _recorded() or network.existing() or cgroups.members():
            say(f"removing what is there: {problem if _recorded() == wanted else 'it is not what was asked for'}")
            _remove()
        network.check_range_is_free()
        try:
            _create(kube, pause, all_nodes(count))
        except BaseException:
            say("the cluster did not come up; logs and processes are left as they are for a look, `down` removes them")
            raise
        (state() / "cluster.json").write_text(json.dumps(wanted))
        say("the cluster is up")


def _create(kube: Path, pause: Path, members: tuple[Node, ...]) -> None:
    state().mkdir(parents=True, exist_ok=True)
    say("writing certificates and configuration")
    pki.create(members)
    build.link(programs())
    network.create(members)
    group = cgroups.create([node.name for node in members])
    for node in members:
        nodes.configure(node)
        nodes.daemon(node, "containerd", kube).start(group)
    say("starting the control plane")
    control_plane.start(kube, group)
    say("starting the nodes")
    archive = archives.from_scratch(nodes.PAUSE_IMAGE, pause, state() / "pause.tar")
    with ThreadPoolExecutor() as workers:
        list(workers.map(lambda node: _start_node(node, kube, group, archive), members))
    nodes.switch_proxy(kube, members[0], state()).start(group)
    say("starting CoreDNS and metrics-server")
    addons.start(group)


def _start_node(node: Node, kube: Path, group: Path, archive: Path) -> None:
    nodes.daemon(node, "containerd", kube).wait(lambda: "" if node.socket.exists() else "no socket")
    archives.import_into([node], archive)
    for part in nodes.PARTS:
        nodes.daemon(node, part, kube).start(group)
    nodes.daemon(node, "kubelet", kube).wait(lambda: _not_ready(node))


def _not_ready(node: Node) -> str:
    found = addons.kubectl("get", "node", node.name, "--ignore-not-found", "-o", "json")
    if not found:
        return "no Node object"
    conditions = {each["type"]: each for each in json.loads(found)["status"].get("conditions", [])}
    ready = conditions.get("Ready", {"status": "Unknown", "message": "no condition"})
    return "" if ready["status"] == "True" else str(ready["message"])


def status() -> str:
    """What is wrong with the cluster, in a sentence; empty when it is healthy."""
    if not _recorded():
        return "there is no cluster; `python -m e2e.cluster up` makes one"
    if problem := control_plane.api_problem():
        return f"the API server does not answer: {problem}"
    if dead := [name for name in processes.started() if not processes.pid(name)]:
        return f"these parts have ended: {', '.join(dead)}"
    for node in members():
        if problem := _not_ready(node):
            return f"{node.name} is not ready: {problem}"
    return addons.problem()


def members() -> tuple[Node, ...]:
    return all_nodes(int(str(_recorded().get("nodes", 0))))


def program() -> Path:
    """The program that the running cluster was started from; this checkout may have another one."""
    if not (path := _recorded().get("program")):
        raise ClusterError("there is no cluster; `python -m e2e.cluster up` makes one")
    return Path(str(path))


def _recorded() -> dict[str, object]:
    record = state() / "cluster.json"
    return json.loads(record.read_text()) if record.exists() else {}


def down() -> None:
    """Remove everything, however it ended. Nothing is asked to stop politely: nothing of it is kept."""
    with _alone():
        _remove()
    say("the cluster is gone")


def _remove() -> None:
    killed = cgroups.kill_members()
    say(f"ended {killed} processes")
    for name in processes.started():
        processes.stop(name, patience=0)
    network.remove()
    _unmount()
    cgroups.remove()
    shutil.rmtree(RUN, ignore_errors=False) if RUN.exists() else None
    for link in Path("/var/log/containers").glob("*.log"):  # kubelet's links into our pod logs
        if not link.exists():
            link.unlink()
    if state().exists():
        shutil.rmtree(state())


def _unmount() -> None:
    """Unmount all below our folders, last mounted first."""

    def ours() -> list[str]:
        places = [line.split()[1].encode().decode("unicode_escape") for line in Path("/proc/mounts").open()]
        return [place for place in places if place.startswith((f"{state()}/", f"{RUN}/"))]

    for place in reversed(ours()):
        run(["umount", "--lazy", place])
    wait_until("unmounting", lambda: ", ".join(ours()), 10)


@contextmanager
def _alone() -> Iterator[None]:
    """One `up` or `down` at a time on this machine."""
    state().parent.mkdir(parents=True, exist_ok=True)
    with state().with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another up or down is at work; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
