"""Removing the local cluster, whatever state it is in: after a clean run, a crash, or `kill -9` of everything.

Nothing is asked to stop politely, because nothing is kept: that makes the tidy and the crashed case the same one.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from . import cgroups, network, processes
from .commands import run, wait_until
from .progress import say
from .settings import DNS_SERVICE_ADDRESS, RUN, state

POD_LOG_LINKS = Path("/var/log/containers")
CNI_RESULTS = Path("/var/lib/cni/results")


def leftovers() -> list[str]:
    """What is there of a cluster, running or not, in words."""
    found = [f"network namespace {name}" for name in network.existing()]
    found += [f"process {process}" for process in sorted(cgroups.members())]
    found += [f"mount {place}" for place in _mounts()]
    return found + [f"folder {folder}" for folder in (RUN, state()) if folder.exists()]


def remove() -> None:
    """Remove everything of it."""
    killed = cgroups.kill_members()
    for name in processes.started():  # a daemon that died before it could join the group
        processes.stop(name, patience=0)
    network.remove()
    network.remove_mount_point()
    network.release_range()
    _unmount()
    cgroups.remove()
    for folder in (RUN, state()):
        if folder.exists():
            shutil.rmtree(folder)
    _remove_traces_outside()
    say(f"ended {killed} processes; removed namespaces, mounts, control groups and files")


def _mounts() -> list[str]:
    """Mounts below our folders, in the order in which they were made."""
    with Path("/proc/mounts").open() as mounts:
        places = [line.split()[1].encode().decode("unicode_escape") for line in mounts]
    return [place for place in places if place.startswith((f"{state()}/", f"{RUN}/"))]


def _unmount() -> None:
    for place in reversed(_mounts()):
        run(["umount", "--lazy", place])
    wait_until("unmounting", lambda: ", ".join(_mounts()), 10)


def _remove_traces_outside() -> None:
    """kubelet and the CNI library keep a few files where they always do; only those that were ours go."""
    for link in POD_LOG_LINKS.glob("*.log"):
        if link.is_symlink() and not link.exists():
            link.unlink()
    for result in CNI_RESULTS.glob("*"):
        if DNS_SERVICE_ADDRESS in result.read_text(errors="replace"):
            result.unlink()
