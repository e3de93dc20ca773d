"""The bench under a quota: its arithmetic, and that a group made here is what the server finds."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.quota import pods
from bench.quota.__main__ import lines
from bench.quota.group import NoQuota, cpu_seconds, folder, limited, throttled_share
from bench.quota.serving import SETTINGS, Measured, into
from tests.runtime.processes import environment

SAID = "from modelserver.threads import available; cpus = available(); print(cpus.quota, cpus.threads, cpus.spinning)"


def test_throttling_is_a_share_of_the_periods() -> None:
    before, after = "nr_periods 10\nnr_throttled 4\nthrottled_time 1", "nr_periods 30\nnr_throttled 9\nthrottled_time 2"
    assert throttled_share(before, after) == 0.25
    assert throttled_share(after, after) == 0


@pytest.mark.parametrize(
    ("counters", "seconds"),
    [
        ("usage_usec 2500000\nuser_usec 2000000\nnr_periods 3", 2.5),
        ("nr_periods 3\nnr_throttled 1\nthrottled_time 7\n2500000000", 2.5),
    ],
    ids=["v2", "v1"],
)
def test_cpu_time_is_read_from_both_versions_of_groups(counters: str, seconds: float) -> None:
    assert cpu_seconds(counters) == seconds


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_pod_is_the_operators_but_for_what_is_set_by_hand(setting: str) -> None:
    default = pods.server_pod("default", {}, "image", "http://store/tiny.onnx", "tiny", 0.5)
    pod = pods.server_pod(setting, SETTINGS[setting], "image", "http://store/tiny.onnx", "tiny", 0.5)
    assert pod["metadata"]["name"] == f"tiny-500m-{setting}"
    [server], [usual] = pod["spec"]["containers"], default["spec"]["containers"]
    assert server["resources"] == {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "500m"}}
    given, before = ({one["name"]: one.get("value") for one in of["env"]} for of in (server, usual))
    assert given == before | SETTINGS[setting]
    assert {**server, "env": []} == {**usual, "env": []}


def test_the_default_is_told_as_a_share_of_the_best() -> None:
    def run(speed: float, cpu: float) -> Measured:
        return Measured(speed, 1.0, 2.0, cpu, 0.5, "inline")

    title, default, hand = lines({"default": [run(90, 50), run(99, 40), run(10, 60)], "1-inline": [run(100, 40)]})
    assert title.split()[:2] == ["setting", "runs"]
    assert default.split() == ["default", "inline", "90.0", "90%", "1.00", "2.00", "50.0", "80%", "50%"]
    assert hand.split()[3] == "100%"


@pytest.mark.parametrize(
    ("made", "version"), [("cpu/cgroup.procs", "v1"), ("cgroup.subtree_control", "v2"), ("nothing", None)]
)
def test_where_groups_are_made(tmp_path: Path, made: str, version: str | None) -> None:
    path = tmp_path / made
    path.parent.mkdir(exist_ok=True)
    path.write_text("cpu memory\n")
    if version is None:
        with pytest.raises(NoQuota, match="no cpu controller"):
            folder(tmp_path)
    else:
        assert folder(tmp_path)[1] == version


@pytest.mark.parametrize(("quota", "said"), [(0.5, "0.5 1 False"), (1.5, "1.5 1 False")])
def test_the_server_finds_the_quota_of_a_real_group(quota: float, said: str) -> None:
    try:
        with limited(quota) as group:
            command = [sys.executable, "-c", SAID]
            done = subprocess.run(command, env=environment(), capture_output=True, text=True, preexec_fn=into(group))
    except NoQuota as problem:
        pytest.skip(str(problem))
    assert done.stdout.strip() == said, done.stderr
