"""The leader dies in the middle of an update; another takes over, and nobody who asks for predictions notices."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from e2e.audit import AuditMark
from e2e.load import Load
from e2e.steps import SYSTEM, Namespace, model_deployment, wait_until


def leader(namespace: Namespace) -> str:
    return namespace.cluster.kubectl(
        "-n", SYSTEM, "get", "lease", "modelway", "-o", "jsonpath={.spec.holderIdentity}"
    )


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
    for version, grace in (("2", "0"), ("1", "15")):
        wait_until(lambda: operators_ready(namespace), 60, lambda: "two operators are ready")
        first = leader(namespace)
        namespace.apply(model_deployment(version=version))
        wait_until(lambda: len(namespace.items("deployments")) == 2, 30, lambda: "the update began", interval=0.1)
        pod = first.split("_")[0]
        begun = time.monotonic()
        namespace.cluster.kubectl("-n", SYSTEM, "delete", "pod", pod, f"--grace-period={grace}", "--wait=false",
                                  *(("--force",) if grace == "0" else ()))  # fmt: skip
        wait_until(lambda first=first: leader(namespace) not in ("", first), 60, lambda: "another leads", 0.1)  # type: ignore[misc]
        took = time.monotonic() - begun
        namespace.wait_serving(version)
        say(f"leader {'killed' if grace == '0' else 'asked to leave'}: the next one leads after {took:.1f} s")
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
    assert not mark.writes()
