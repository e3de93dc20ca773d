"""kube-proxy of all nodes, stopped while thousands of Services come and go that nobody calls: for each that changes it
writes the rules anew, which takes the CPU that a benchmark wants to measure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import nodes, processes
from .progress import say
from .settings import Node, state


def stop(members: Sequence[Node]) -> None:
    """Stop them. The rules that they wrote stay, so that what could be reached still can be."""
    for name in _names(members):
        processes.stop(name)


def start(members: Sequence[Node], program: Path, cgroup: Path) -> None:
    """Start those that do not run."""
    if all(processes.pid(name) for name in _names(members)):
        return
    for node in members:
        nodes.daemon(node, "kube-proxy", program).start(cgroup)
    nodes.switch_proxy(program, members[0], state()).start(cgroup)
    say("the service proxies run again")


def _names(members: Sequence[Node]) -> list[str]:
    return [*(f"{node.name}-kube-proxy" for node in members), "kube-proxy"]
