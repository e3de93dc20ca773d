"""The leader dies in the middle of an update; another takes over, and nobody who asks for predictions notices."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from e2e.audit import AuditMark
from e2e.load import Load
from e2e.steps import SYSTEM, Namespace, model_deployment, wait_until


def leader(namespace: Namespace) -> str:
    return namespace.cluster.kubectl("-n", SYSTEM, "get", "lease", "modelway", "-o", "jsonpath={.spec.holderIdentity}")


def kill(namespace: Namespace, pod: str) -> None:
    """SIGKILL from the node: no grace, no released lease. Containers on this machine only; elsewhere the pod goes."""
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"MODELWAY_IDENTITY={pod}\0".encode() in environment.read_bytes():
                os.kill(int(environment.parent.name), signal.SIGKILL)
                return
    namespace.cluster.kubectl("-n", SYSTEM, "delete", "pod", pod, "--grace-period=0", "--force", "--wait=false")


def ask_to_leave(namespace: Namespace, pod: str) -> None:
    """SIGTERM, as an upgrade or a node drain sends it."""
    namespace.cluster.kubectl("-n", SYSTEM, "delete", "pod", pod, "--wait=false")


def operators_ready(namespace: Namespace) -> bool:
    ready = "jsonpath={.status.readyReplicas}"
    return namespace.cluster.kubectl("-n", SYSTEM, "get", "deployment", "modelway", "-o", ready) == "2"


@pytest.mark.timeout(420)
def test_killing_the_leader_in_the_middle_of_an_update(namespace: Namespace, say: Callable[[str], None]) -> None:
    namespace.apply(model_deployment())
    namespace.wait_serving("1")
    load = Load(namespace.cluster, namespace.name).start(
        "http://digits/v2/models/digits/infer", duration=400, rate=100, keep_alive=3, new=3
    )
    for version, how in (("2", kill), ("1", ask_to_leave)):
        wait_until(lambda: operators_ready(namespace), 60, lambda: "two operators are ready")
        first = leader(namespace)
        namespace.apply(model_deployment(version=version))
        wait_until(lambda: len(namespace.items("deployments")) == 2, 30, lambda: "the update began", interval=0.1)
        begun = time.monotonic()
        how(namespace, first)
        namespace.wait_serving(version)
        say(f"{how.__name__}: the update was done {time.monotonic() - begun:.1f} s later by {leader(namespace)}")
        wait_until(lambda: len(namespace.items("deployments")) == 1, 60, lambda: "the former revision is gone")
    report = load.finish()
    say(report.sentence())
    assert report.failed == 0, report.document["failures"]


@pytest.mark.timeout(240)
def test_nothing_is_written_at_rest(namespace: Namespace, say: Callable[[str], None]) -> None:
    for name in ("one", "two", "three"):
        namespace.apply(model_deployment(name, scaling={"replicas": 1}))
    for name in ("one", "two", "three"):
        namespace.wait_serving("1", name)
    time.sleep(8)  # the last status and events are out
    mark = AuditMark(namespace.cluster.audit_log)
    time.sleep(60)
    say(f"requests of the operator in a minute at rest: {dict(mark.requests())}")
    # In this namespace: those of earlier stories may still be going away.
    assert not mark.writes(namespace=namespace.name)
