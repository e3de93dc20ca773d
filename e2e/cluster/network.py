"""Network namespaces as machines: one for the control plane, one a node, joined by cables to a switch.

                 modelway (API server, etcd, …, test clients)      198.18.0.1 on the bridge `switch`
                   │ to-node-1              │ to-node-2
                 modelway-node-1          modelway-node-2           198.18.0.11, .12; pods 198.18.1.0/24, 198.18.2.0/24

No namespace has a way out: whatever a pod tries to reach, nothing leaves the machine. Cutting a cable is a node loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .commands import ClusterError, run
from .settings import CONTROL_PLANE_ADDRESS, NAMESPACE_PREFIX, SERVICE_RANGE, WHOLE_RANGE, Node

CONTROL_PLANE = NAMESPACE_PREFIX
NAMESPACES = Path("/run/netns")


def namespace_file(namespace: str) -> Path:
    return NAMESPACES / namespace


def inside(namespace: str, argv: Sequence[str | Path]) -> list[str]:
    """The command that runs `argv` in a namespace. Not `ip netns exec`: it remounts /sys, which hides the cgroups."""
    return ["nsenter", f"--net={namespace_file(namespace)}", "--", *(str(word) for word in argv)]


def _ip(namespace: str, *words: str) -> None:
    run(["ip", "-n", namespace, *words])


def _add_namespace(namespace: str) -> None:
    run(["ip", "netns", "add", namespace])
    _ip(namespace, "link", "set", "lo", "up")
    settings = ["net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"]
    # The default of 512 neighbours and a small backlog are for desktops, not for load tests.
    settings += ["net.core.somaxconn=8192", "net.ipv4.tcp_tw_reuse=1", "net.ipv4.ip_local_port_range=10000 65000"]
    run(inside(namespace, ["sysctl", "-q", "-w", *settings]))


def create(nodes: Sequence[Node]) -> None:
    """Lay the whole network."""
    _add_namespace(CONTROL_PLANE)
    _ip(CONTROL_PLANE, "link", "add", "switch", "type", "bridge")
    _ip(CONTROL_PLANE, "address", "add", f"{CONTROL_PLANE_ADDRESS}/24", "dev", "switch")
    _ip(CONTROL_PLANE, "link", "set", "switch", "up")
    # Without a route the kernel refuses a Service's address before iptables can translate it. No default route is
    # wanted: what leads out of the cluster must fail at once.
    _ip(CONTROL_PLANE, "route", "add", SERVICE_RANGE, "dev", "switch")
    for node in nodes:
        _add_namespace(node.namespace)
        _ip(CONTROL_PLANE, "link", "add", node.link, "type", "veth", "peer", "name", "eth0", "netns", node.namespace)
        _ip(CONTROL_PLANE, "link", "set", node.link, "master", "switch", "up")
        _ip(node.namespace, "address", "add", f"{node.address}/24", "dev", "eth0")
        _ip(node.namespace, "link", "set", "eth0", "up")
        _ip(node.namespace, "route", "add", SERVICE_RANGE, "dev", "eth0")
    for namespace in (CONTROL_PLANE, *(node.namespace for node in nodes)):
        for node in nodes:
            if node.namespace != namespace:
                _ip(namespace, "route", "add", node.pod_range, "via", node.address)


def set_link(node: Node, *, up: bool) -> None:
    """Cut or mend a node's cable, at the switch's side: the node's own routes stay as they are."""
    _ip(CONTROL_PLANE, "link", "set", node.link, "up" if up else "down")


def existing() -> list[str]:
    """Namespaces of the cluster that are there now, also those that a crash left behind."""
    if not NAMESPACES.exists():
        return []
    return sorted(path.name for path in NAMESPACES.iterdir() if path.name.split("-")[0] == NAMESPACE_PREFIX)


def remove() -> None:
    """Delete the namespaces; links, addresses, routes and iptables rules go with them."""
    for namespace in existing():
        run(["ip", "netns", "delete", namespace])


def remove_mount_point() -> None:
    """`ip netns add` mounts its folder over itself; when no namespace is left, of anybody, that goes too."""
    mounted = f" {NAMESPACES} " in Path("/proc/mounts").read_text()  # Path.is_mount does not see a bind mount
    if mounted and not any(NAMESPACES.iterdir()):
        run(["umount", NAMESPACES])


def claim_range() -> None:
    """Make sure that nobody on this machine uses our addresses, and that none of them leaves it: a program that dials
    a pod from the host's own network, instead of from inside the cluster's, fails at once."""
    ours = f"unreachable {WHOLE_RANGE}"
    for line in run(["ip", "-4", "route", "show", "root", WHOLE_RANGE]).splitlines():
        if not line.startswith(ours):
            raise ClusterError(f"a route of this machine uses the cluster's range {WHOLE_RANGE}: {line}")
    run(["ip", "-4", "route", "replace", *ours.split()])


def release_range() -> None:
    if run(["ip", "-4", "route", "show", "exact", WHOLE_RANGE]).startswith("unreachable"):
        run(["ip", "-4", "route", "delete", "unreachable", WHOLE_RANGE])
