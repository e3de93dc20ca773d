"""The cluster's own branch of the control groups: every process of the cluster lives in it, so that nothing is missed.

Daemons start inside `<root>/system` and their children stay there; containers run below `<root>/<node>`. After a
crash, when no pid file can be trusted any more, the members of the branch are exactly what has to be killed.
Both layouts are handled: version 1 (one tree per controller) and version 2 (one tree).
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from .commands import ClusterError
from .settings import CGROUP

MOUNTED = Path("/sys/fs/cgroup")


def unified() -> bool:
    return (MOUNTED / "cgroup.controllers").exists()


def hierarchies() -> list[Path]:
    """The roots of all trees. One named `unified` beside version 1 trees has no controllers, but runc enters it."""
    return [MOUNTED] if unified() else sorted(path.parent for path in MOUNTED.glob("*/cgroup.procs"))


def _tracking() -> Path:
    """The tree that tells which processes are ours; any one would do, and `pids` is always there (kubelet needs it)."""
    return MOUNTED if unified() else MOUNTED / "pids"


def create(node_names: list[str]) -> Path:
    """Make the branch with a place for the daemons and one for each node's pods; returns the daemons' `cgroup.procs`.

    kubelet refuses a `cgroupRoot` that is missing in any tree, and an empty cpuset can't hold a process.
    """
    for tree in hierarchies():
        for branch in (CGROUP, *(f"{CGROUP}/{name}" for name in node_names)):
            folder = tree / branch
            folder.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if not unified() and (folder / setting).exists():
                    (folder / setting).write_text((folder.parent / setting).read_text())
            if unified():
                _delegate(folder.parent)
                _delegate(folder)
    system = _tracking() / CGROUP / "system"
    system.mkdir(exist_ok=True)
    return system / "cgroup.procs"


def _delegate(folder: Path) -> None:
    controllers = (folder / "cgroup.controllers").read_text().split()
    (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers))


def members() -> set[int]:
    """Every process of the cluster: daemons, shims and containers."""
    found: set[int] = set()
    for tree in hierarchies():
        for listing in (tree / CGROUP).rglob("cgroup.procs"):
            try:
                found |= {int(line) for line in listing.read_text().split()}
            except FileNotFoundError:  # a container ended while we looked
                continue
    return found - {0}


def kill_members(seconds: float = 20) -> int:
    """Kill all of them, again and again until none is left; returns how many there were."""
    killed: set[int] = set()
    deadline = time.monotonic() + seconds
    while alive := members():
        if time.monotonic() > deadline:
            raise ClusterError(f"processes of the cluster do not end: {sorted(alive)}")
        for process in alive:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        killed |= alive
        time.sleep(0.05)
    return len(killed)


def remove() -> None:
    """Delete the branch, leaves first. The kernel may need a moment to let go of a group whose last process ended."""
    deadline = time.monotonic() + 10
    for tree in hierarchies():
        branch = tree / CGROUP
        folders = [branch, *(path for path in branch.rglob("*") if path.is_dir())] if branch.exists() else []
        for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
            while folder.exists():
                try:
                    folder.rmdir()
                except OSError as busy:
                    if time.monotonic() > deadline:
                        raise ClusterError(f"the control group {folder} can't be removed: {busy}") from busy
                    time.sleep(0.05)
