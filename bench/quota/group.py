"""A cgroup with a CPU quota, made for one measurement and removed after it. Needs root, or a delegated cgroup."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
PERIOD_US = 100_000  # the kernel's and Kubernetes' default


class NoQuota(Exception):
    """This machine lets nobody set a CPU quota here, in a sentence."""


def folder(mount: Path = MOUNT) -> tuple[Path, str]:
    """Where groups are made, and `v1` or `v2`."""
    v1 = mount / "cpu"
    if (v1 / "cgroup.procs").exists():
        return v1, "v1"
    if "cpu" in _text(mount / "cgroup.subtree_control").split():
        return mount, "v2"
    raise NoQuota(
        f"{mount} has no cpu controller in which a group could be made. Run this as root, outside containers."
    )


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@contextmanager
def limited(quota: float, mount: Path = MOUNT) -> Iterator[Path]:
    """A group with `quota` CPUs, to put processes in. Raises NoQuota. Processes in it must have ended at the end."""
    parent, version = folder(mount)
    group = parent / f"modelway-bench-{os.getpid()}"
    try:
        group.mkdir()
        if version == "v1":
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(int(quota * PERIOD_US)))
        else:
            (group / "cpu.max").write_text(f"{int(quota * PERIOD_US)} {PERIOD_US}")
    except OSError as problem:
        raise NoQuota(f"{group} can't be made: {problem.strerror}. Run this as root.") from None
    try:
        yield group
    finally:
        _removed(group)


def _removed(group: Path) -> None:
    for _ in range(100):  # an ended process leaves its group a moment later
        try:
            group.rmdir()
            return
        except OSError:
            time.sleep(0.02)


def throttled_share(before: str, after: str) -> float:
    """The part of the periods in which the group had to stand still, from two readings of cpu.stat."""
    first, last = _counts(before), _counts(after)
    periods = last.get("nr_periods", 0) - first.get("nr_periods", 0)
    return (last.get("nr_throttled", 0) - first.get("nr_throttled", 0)) / periods if periods else 0.0


def cpu_seconds(text: str) -> float:
    """A group's CPU time since it was made, from v2's cpu.stat, or from v1's with cpuacct.usage (a number) behind."""
    counts = _counts(text)
    return counts["usage_usec"] / 1e6 if "usage_usec" in counts else counts[""] / 1e9


def _counts(stat: str) -> dict[str, int]:
    """Named counters; a line that is a number alone has the name ""."""
    lines = (line.rpartition(" ") for line in stat.splitlines())
    return {name: int(value) for name, _, value in lines}
