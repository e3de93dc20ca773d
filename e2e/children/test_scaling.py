"""Scaling by hand and by the autoscaler, which owns the number of replicas alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from e2e.audit import OPERATOR, AuditMark
from e2e.load import Load
from e2e.steps import Namespace, model_deployment, wait_until


def replicas(namespace: Namespace) -> int:
    return int(namespace.items("deployments")[0]["spec"]["replicas"])


@pytest.mark.timeout(300)
def test_kubectl_scale(namespace: Namespace) -> None:
    namespace.apply(model_deployment())
    namespace.wait_serving("1")
    namespace.kubectl("scale", "md/digits", "--replicas=3")
    wait_until(lambda: namespace.status().get("replicas") == 3, 60, lambda: str(namespace.status()))
    namespace.wait_serving("1")
    pods = namespace.items("pods", namespace.status()["selector"])
    assert len(pods) == 3, "status.selector names the pods that /scale counts"


@pytest.mark.timeout(420)
def test_the_autoscaler_scales_under_load_and_nobody_fights_it(
    namespace: Namespace, say: Callable[[str], None]
) -> None:
    autoscaled: dict[str, Any] = {
        "scaling": {"min": 1, "max": 3, "metric": "CPU", "target": 40},
        "serving": {"resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}}},
    }
    namespace.apply(model_deployment(**autoscaled))
    namespace.wait_serving("1")
    mark = AuditMark(namespace.cluster.audit_log)
    load = Load(namespace.cluster, namespace.name).start(
        "http://digits/v2/models/digits/infer", duration=300, rate=400, keep_alive=4, new=4
    )
    seconds = wait_until(lambda: replicas(namespace) >= 2, 240, lambda: str(namespace.items("hpa")), interval=2)
    report = load.finish()

    scaled_by_operator = [
        event
        for event in mark.since()
        if event["user"]["username"].startswith(OPERATOR)
        and event["verb"] in ("patch", "update")
        and event["objectRef"]["resource"] == "deployments"
        and event["objectRef"]["namespace"] == namespace.name
    ]
    say(f"scaled up after {seconds:.0f} s of load; {report.sentence()}")
    assert not scaled_by_operator, "the operator wrote to a Deployment that the autoscaler owns"
    assert report.failed == 0, report.document["failures"]
