"""A rollout that waits for a person writes nothing; a verb is obeyed once; a preview is a Service of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from e2e.audit import AuditMark
from e2e.load import Load
from e2e.steps import Namespace, model_deployment, wait_until


def waiting(namespace: Namespace, version: str, rollout: dict[str, Any]) -> str:
    """Asks for a version and returns its revision's hash as soon as it waits for a person."""
    namespace.apply(model_deployment(version=version, scaling={"replicas": 2}, rollout=rollout))
    wait_until(lambda: namespace.status().get("phase") == "Paused", 90, lambda: f"it waits: {namespace.status()}")
    return str(namespace.status()["rollout"]["target"]).rpartition("-")[2]


def act(namespace: Namespace, verb: str) -> dict[str, Any]:
    """The annotation, and what became of it."""
    namespace.kubectl("annotate", "--overwrite", "md/digits", f"modelway.io/action={verb}")
    wait_until(lambda: namespace.status()["rollout"].get("lastAction", {}).get("action") == verb, 20,
               lambda: f"{verb} is acknowledged: {namespace.status()}")  # fmt: skip
    last: dict[str, Any] = namespace.status()["rollout"]["lastAction"]
    return last


@pytest.mark.timeout(300)
def test_an_open_pause_writes_nothing_and_ends_by_a_verb(namespace: Namespace, say: Callable[[str], None]) -> None:
    rollout = {"strategy": "Canary", "steps": [{"setWeight": 50}, {"pause": {}}]}
    namespace.apply(model_deployment(scaling={"replicas": 2}, rollout=rollout))
    namespace.wait_serving("1")
    load = Load(namespace.cluster, namespace.name).start(
        "http://digits/v2/models/digits/infer", duration=200, rate=100, keep_alive=4, new=4
    )
    hash = waiting(namespace, "2", rollout)
    time.sleep(8)  # the verdicts that the first requests change are told
    mark = AuditMark(namespace.cluster.audit_log)
    time.sleep(30)
    writes = mark.writes(namespace=namespace.name)
    assert act(namespace, "promote@0123456789")["result"] == "Ignored"
    assert namespace.status()["candidate"]["weight"] == 50
    assert act(namespace, f"promote@{hash}")["result"] == "Done"
    namespace.wait_serving("2")
    report = load.finish()
    say(f"writes in 30 s of an open pause: {dict(writes)}; {report.sentence()}")
    assert not writes
    assert report.failed == 0, report.document["failures"]


@pytest.mark.timeout(200)
def test_a_blue_green_candidate_is_previewed_and_promoted_by_a_person(namespace: Namespace) -> None:
    rollout = {"strategy": "BlueGreen", "blueGreen": {"scaleDownDelay": "5s"}}
    namespace.apply(model_deployment(scaling={"replicas": 1}, rollout=rollout))
    namespace.wait_serving("1")
    namespace.apply(model_deployment(version="2", scaling={"replicas": 1}, rollout=rollout))
    wait_until(lambda: namespace.status().get("phase") == "Paused", 90, lambda: f"it waits: {namespace.status()}")
    front, preview = (namespace.get("service", name)["spec"]["selector"] for name in ("digits", "digits-preview"))
    assert front != preview
    hash = preview["modelway.io/revision"]
    pods = json.loads(namespace.kubectl("get", "endpoints", "digits-preview", "-o", "json"))
    assert pods["subsets"][0]["addresses"]
    assert act(namespace, f"promote@{hash}")["result"] == "Done"
    namespace.wait_serving("2")
    assert namespace.get("service", "digits")["spec"]["selector"] == preview
