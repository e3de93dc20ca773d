"""Figures of a process and all that it started, from /proc."""

from pathlib import Path

PROC = Path("/proc")


def parents(proc: Path = PROC) -> dict[int, int]:
    """Each process's parent."""
    found = {}
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                # The command's name stands in parentheses and may itself hold any character.
                found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
    return found


def tree(pid: int, proc: Path = PROC) -> list[int]:
    """The process, and every process that descends from it, in ascending generations."""
    by_parent: dict[int, list[int]] = {}
    for child, parent in parents(proc).items():
        by_parent.setdefault(parent, []).append(child)
    found = [pid]
    for one in found:  # grows as it is read: children of children
        found += by_parent.get(one, [])
    return found


def cpu_seconds(pids: list[int], proc: Path = PROC) -> float:
    """CPU time of all threads that are alive, in nanosecond steps (/proc/PID/stat counts in steps of 10 ms)."""
    total = 0
    for pid in pids:
        for task in _tasks(proc / str(pid)):
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total / 1e9


def _tasks(folder: Path) -> list[Path]:
    try:
        return list((folder / "task").iterdir())
    except FileNotFoundError:
        return []


def pss_megabytes(pids: list[int], proc: Path = PROC) -> float:
    """Proportional set size: private memory, and its share of what other processes map too."""
    return _rollup(pids, "Pss:", proc)


def anonymous_megabytes(pids: list[int], proc: Path = PROC) -> float:
    """Memory that no file backs: what this server costs however many of its kind run on the machine."""
    return _rollup(pids, "Anonymous:", proc)


def _rollup(pids: list[int], field: str, proc: Path) -> float:
    total = 0
    for pid in pids:
        try:
            lines = (proc / str(pid) / "smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith(field))
    return total / 1024
