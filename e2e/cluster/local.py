"""The provider `local`: a real cluster on plain Linux as root, with no container engine, from our own builds."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import (
    addons,
    archives,
    build,
    cgroups,
    control_plane,
    network,
    node_images,
    nodes,
    packages,
    processes,
    service_proxies,
    teardown,
)
from . import certificates as pki
from .commands import ClusterError
from .exclusive import alone
from .progress import say
from .settings import DEFAULT_NODES, KUBERNETES_VERSION, Node, kubeconfig, programs, state
from .settings import nodes as all_nodes


def unavailable() -> str:
    """Why this provider can't be used on this machine; empty when it can."""
    if sys.platform != "linux":
        return "the local provider needs Linux"
    if os.geteuid() != 0:
        return "the local provider needs root (network namespaces, mounts and control groups)"
    return "" if shutil.which("go") else "the local provider needs the Go compiler"


def up(count: int | None) -> None:
    """Bring the cluster up, or reuse it as it is when it is healthy, made of the same versions and of that size."""
    packages.install()
    kube, pause = build.build(build.KUBE, build.PAUSE)
    count = count or len(members()) or DEFAULT_NODES
    wanted = {"kubernetes": KUBERNETES_VERSION, "program": str(kube), "nodes": count}
    with alone("cluster"):
        if _recorded() == wanted and not status():
            start_service_proxies()  # a benchmark that was killed may have left them stopped
            say(f"the cluster is up: {count} nodes, Kubernetes {KUBERNETES_VERSION}")
            return
        if teardown.leftovers():
            say(f"removing what is there: {status() or 'it was made otherwise'}")
            teardown.remove()
        network.claim_range()
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
    if dead := processes.dead():
        return f"these parts have ended: {', '.join(dead)}; their logs are in {processes.logs()}"
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
    """Remove everything, however it ended."""
    with alone("cluster"):
        teardown.remove()


def config() -> Path:
    return kubeconfig()


def node_names() -> list[str]:
    return [node.name for node in members()]


def build_image(dockerfile: Path, context: Path, names: Sequence[str]) -> None:
    node_images.build(dockerfile, context, names, members())


def load_image(archive_or_image: str) -> None:
    node_images.load(archive_or_image, members())


def images_key() -> str:
    """The authority is made anew with every cluster, and with it the nodes' image stores."""
    return pki.authority().read_text()


def inside(argv: Sequence[str]) -> list[str]:
    """In the control plane's namespace, with a resolver that knows the Services' names."""
    script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    return network.inside(
        network.CONTROL_PLANE, ["unshare", "--mount", "--", "sh", "-c", script, str(addons.resolver()), *argv]
    )


def stop_node(name: str) -> None:
    nodes.stop(_member(name))


def start_node(name: str) -> None:
    nodes.start(_member(name), program(), cgroups.create(node_names()))


def stop_service_proxies() -> None:
    service_proxies.stop(members())


def start_service_proxies() -> None:
    service_proxies.start(members(), program(), cgroups.create(node_names()))


def _member(name: str) -> Node:
    for node in members():
        if node.name == name:
            return node
    raise ClusterError(f"{name} is not one of {', '.join(node_names())}")


def audit_log() -> Path:
    return state() / "audit.log"


def control_plane_pids() -> dict[str, int]:
    """The running parts of the control plane by name."""
    return {name: process for name in control_plane.NAMES if (process := processes.pid(name))}
