"""Threads from the cgroup's quota, v1 and v2, and from affinity."""

from pathlib import Path

import pytest

from modelserver.threads import Cpus, available, cpu_quota, groups, quota_v1, quota_v2


@pytest.mark.parametrize(
    ("text", "quota"),
    [("max 100000\n", None), ("50000 100000\n", 0.5), ("400000 100000", 4.0), ("", None), ("nonsense", None)],
)
def test_cpu_max_of_version_2(text: str, quota: float | None) -> None:
    assert quota_v2(text) == quota


@pytest.mark.parametrize(
    ("quota_us", "period_us", "quota"),
    [("-1\n", "100000\n", None), ("150000\n", "100000\n", 1.5), ("0", "100000", None), ("50000", "", None)],
)
def test_cfs_files_of_version_1(quota_us: str, period_us: str, quota: float | None) -> None:
    assert quota_v1(quota_us, period_us) == quota


def test_only_the_cpu_controller_counts() -> None:
    text = "12:cpuset:/a\n4:cpu,cpuacct:/kubepods/x\n2:cpuacct:/b\n0::/kubepods/x\n"
    assert list(groups(text)) == [("v1", "/kubepods/x"), ("v2", "/kubepods/x")]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_container_that_sees_its_group_as_the_root(tmp_path: Path) -> None:
    write(tmp_path / "cpu.max", "50000 100000")
    assert cpu_quota(tmp_path, "0::/\n") == 0.5


def test_the_tightest_ancestor_wins(tmp_path: Path) -> None:
    write(tmp_path / "kubepods/cpu.max", "200000 100000")
    write(tmp_path / "kubepods/pod/cpu.max", "max 100000")
    assert cpu_quota(tmp_path, "0::/kubepods/pod/container\n") == 2.0


def test_version_1_in_a_container_whose_path_is_the_hosts(tmp_path: Path) -> None:
    write(tmp_path / "cpu/cpu.cfs_quota_us", "50000\n")
    write(tmp_path / "cpu/cpu.cfs_period_us", "100000\n")
    assert cpu_quota(tmp_path, "1:cpu:/kubepods/pod123/abc\n0::/\n") == 0.5


def test_no_quota_anywhere(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path, "0::/\n1:cpu:/\n") is None


@pytest.mark.parametrize(
    ("cpus", "threads", "spinning"),
    [
        (Cpus(None, 8), 8, True),
        (Cpus(0.5, 8), 1, False),
        (Cpus(1.5, 8), 1, False),
        (Cpus(2.0, 8), 2, False),
        (Cpus(16.0, 4), 4, False),
    ],
)
def test_threads_never_exceed_what_will_run(cpus: Cpus, threads: int, spinning: bool) -> None:
    assert (cpus.threads, cpus.spinning) == (threads, spinning)


def test_this_machine_has_at_least_one() -> None:
    assert available().threads >= 1


@pytest.mark.parametrize(
    ("cpus", "threads", "workers"),
    [
        (Cpus(None, 8), 8, 8),
        (Cpus(None, 8), 1, 8),
        (Cpus(0.5, 8), 1, 1),
        (Cpus(1.0, 8), 1, 1),
        (Cpus(1.5, 8), 1, 2),
        (Cpus(1.5, 8), 2, 1),
        (Cpus(1.5, 1), 1, 1),
        (Cpus(2.0, 8), 2, 2),
        (Cpus(2.5, 8), 2, 2),
    ],
)
def test_as_many_runs_at_a_time_as_use_the_whole_quota(cpus: Cpus, threads: int, workers: int) -> None:
    assert cpus.workers(threads) == workers
