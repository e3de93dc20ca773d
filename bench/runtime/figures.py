"""A process's own figures from /proc."""

from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads that are alive, in nanosecond steps (/proc/PID/stat counts in steps of 10 ms)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def pss_megabytes(pid: int) -> float:
    """Proportional set size: private memory, and its share of what other processes map too."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError("no Pss in smaps_rollup")


def anonymous_megabytes(pid: int) -> float:
    """Memory that no file backs: what this process costs however many of its kind run on the machine."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) / 1024
    raise ValueError("no Anonymous in smaps_rollup")
