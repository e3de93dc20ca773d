"""kube-proxy of all nodes, stopped while thousands of Services come and go that nobody calls: for each that changes it
writes the rules anew, which takes the CPU that a benchmark wants to measure."""

from __future__ import annotations

from . import cgroups, local, nodes, processes
from .progress import say
from .settings import state


def stop() -> None:
    """Stop them. The rules that they wrote stay, so that what could be reached still can be."""
    for name in _names():
        processes.stop(name)


def start() -> None:
    """Start them again; those that run are left alone."""
    members, program = local.members(), local.program()
    group = cgroups.create(local.node_names())
    for node in members:
        nodes.daemon(node, "kube-proxy", program).start(group)
    nodes.switch_proxy(program, members[0], state()).start(group)
    say("the service proxies run again")


def _names() -> list[str]:
    return [*(f"{node.name}-kube-proxy" for node in local.members()), "kube-proxy"]
