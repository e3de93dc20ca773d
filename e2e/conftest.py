"""Fixtures of the stories: the cluster of `make cluster-up`, Modelway installed by its chart, a namespace a test."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from e2e.cluster import Cluster, current
from e2e.steps import Namespace, install_chart, install_store


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    return current()


@pytest.fixture(scope="session")
def modelway(cluster: Cluster) -> Cluster:
    """The cluster with the chart and the model store installed. Left in place: the next run upgrades it."""
    install_chart(cluster)
    install_store(cluster)
    return cluster


@pytest.fixture
def namespace(modelway: Cluster, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A fresh namespace under the restricted pod security standard, removed afterwards."""
    story = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:40].strip("-")
    name = f"e2e-{story}-{time.time_ns() // 1_000_000 % 10_000_000}"
    modelway.kubectl("create", "namespace", name)
    modelway.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield Namespace(modelway, name)
    modelway.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Iterator[object]:
    """Print a figure past pytest's capture: what a story measured belongs into the log of a green run, too."""

    def line(text: str) -> None:
        with capsys.disabled():
            print(f"\n    {text}", flush=True)

    yield line
