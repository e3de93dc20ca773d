"""Figures of a process tree, from a /proc that the test writes."""

from pathlib import Path

import pytest

from bench.runtime import figures


def process(proc: Path, pid: int, parent: int, nanoseconds: tuple[int, ...], pss: int) -> None:
    folder = proc / str(pid)
    for number, spent in enumerate(nanoseconds):
        task = folder / "task" / str(pid + number)
        task.mkdir(parents=True)
        (task / "schedstat").write_text(f"{spent} 0 1\n")
    (folder / "stat").write_text(f"{pid} (a (odd) name) S {parent} 1 1 0\n")
    (folder / "smaps_rollup").write_text(f"00-ff ---p 0 [rollup]\nPss:  {pss} kB\nAnonymous:  {pss // 2} kB\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "meminfo").write_text("not a process")
    process(tmp_path, 10, 1, (1_000_000_000, 500_000_000), 2048)
    process(tmp_path, 11, 10, (250_000_000,), 1024)
    process(tmp_path, 12, 11, (125_000_000,), 1024)
    process(tmp_path, 20, 1, (9_000_000_000,), 4096)
    return tmp_path


def test_a_tree_holds_children_of_children_and_nobody_else(proc: Path) -> None:
    assert figures.tree(10, proc) == [10, 11, 12]


def test_cpu_is_the_sum_over_all_threads_of_the_tree(proc: Path) -> None:
    assert figures.cpu_seconds([10, 11, 12], proc) == pytest.approx(1.875)


def test_memory_is_the_sum_over_the_tree(proc: Path) -> None:
    assert figures.pss_megabytes([10, 11, 12], proc) == 4
    assert figures.anonymous_megabytes([10, 11, 12], proc) == 2


def test_a_process_that_ended_meanwhile_counts_nothing(proc: Path) -> None:
    assert figures.cpu_seconds([11, 999], proc) == 0.25
    assert figures.pss_megabytes([11, 999], proc) == 1
