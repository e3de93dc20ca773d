"""How many threads ONNX Runtime gets: what the scheduler will really let this process use.

The CPU quota is read for cgroup v2 (`cpu.max`) and v1 (`cpu.cfs_quota_us`), at the process's own group and its
ancestors, because a container usually sees its own group as the root of the mount but need not.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

CGROUP_MOUNT = Path("/sys/fs/cgroup")
SPIN: Mapping[str, bool | None] = {"auto": None, "on": True, "off": False}
V1_MOUNTS = ("cpu", "cpu,cpuacct", "cpuacct,cpu")


@dataclass(frozen=True, slots=True)
class Cpus:
    """`quota` in CPUs (0.5 is half a core) or None without one; `allowed` CPUs by affinity.

    `spin`: whether waiting threads shall spin; None leaves it to the quota.
    """

    quota: float | None
    allowed: int
    spin: bool | None = None

    @property
    def threads(self) -> int:
        """Never more than the quota: one thread too many is throttled for the rest of every 100 ms period."""
        return max(1, min(self.allowed, int(self.quota) if self.quota is not None else self.allowed))

    def workers(self, threads: int) -> int:
        """How many runs of `threads` each go on at a time, at the most.

        What a quota has beyond whole CPUs would lie idle with one: of 1.5 CPUs two runs of a thread each take all, and
        answer half as much again as one run does (a run of two threads takes a seventh more CPU, ResNet-50).
        """
        whole = min(self.allowed, ceil(self.quota) if self.quota is not None else self.allowed)
        return max(self.threads, whole - threads + 1)

    @property
    def spinning(self) -> bool:
        """A thread that spins while it waits burns the quota that the others need."""
        return self.quota is None if self.spin is None else self.spin

    def facts(self, threads: int) -> dict[str, str]:
        """For people and metrics: what was found here, and the `threads` that came of it."""
        return {
            "threads": str(threads),
            "spinning": "on" if self.spinning and threads > 1 else "off",
            "cpu_quota": "none" if self.quota is None else f"{self.quota:g}",
            "cpus_allowed": str(self.allowed),
        }


def quota_v2(text: str) -> float | None:
    """The content of `cpu.max`: `max 100000` → None, `50000 100000` → 0.5."""
    words = text.split()
    if len(words) != 2 or not words[0].isdigit() or not words[1].isdigit() or int(words[1]) == 0:
        return None
    return int(words[0]) / int(words[1])


def quota_v1(quota_us: str, period_us: str) -> float | None:
    """The contents of `cpu.cfs_quota_us` (-1: none) and `cpu.cfs_period_us`."""
    quota, period = quota_us.strip(), period_us.strip()
    if not quota.isdigit() or not period.isdigit() or int(quota) == 0 or int(period) == 0:
        return None
    return int(quota) / int(period)


def groups(self_cgroup: str) -> Iterator[tuple[str, str]]:
    """The lines of /proc/self/cgroup that matter: (`v1` or `v2`, path)."""
    for line in self_cgroup.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            yield "v2", path
        elif "cpu" in controllers.split(","):
            yield "v1", path


def cpu_quota(mount: Path, self_cgroup: str) -> float | None:
    """The tightest quota of the process's groups and their ancestors, in CPUs."""
    found: list[float | None] = []
    for version, path in groups(self_cgroup):
        roots = [mount, mount / "unified"] if version == "v2" else [mount / name for name in V1_MOUNTS]
        for root in roots:
            for folder in _lineage(root, path):
                found.append(_read_v2(folder) if version == "v2" else _read_v1(folder))
    quotas = [quota for quota in found if quota is not None]
    return min(quotas) if quotas else None


def _lineage(root: Path, path: str) -> Iterator[Path]:
    yield root
    folder = root
    for part in (part for part in path.split("/") if part not in ("", "..")):
        folder = folder / part
        yield folder


def _read_v2(folder: Path) -> float | None:
    file = folder / "cpu.max"
    return quota_v2(file.read_text()) if file.is_file() else None


def _read_v1(folder: Path) -> float | None:
    quota, period = folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us"
    return quota_v1(quota.read_text(), period.read_text()) if quota.is_file() and period.is_file() else None


def available(spinning: str = "auto") -> Cpus:
    """This process's CPUs; `spinning` is auto, on or off."""
    self_cgroup = Path("/proc/self/cgroup")
    text = self_cgroup.read_text() if self_cgroup.is_file() else ""
    return Cpus(cpu_quota(CGROUP_MOUNT, text), len(os.sched_getaffinity(0)), SPIN[spinning])
