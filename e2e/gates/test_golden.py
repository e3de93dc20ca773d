"""Golden requests on the real cluster: a model that answers them otherwise never meets traffic; one that differs within
the tolerance does; and a golden set that the serving revision fails, too, fails nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from e2e.canary.models import files
from e2e.load import digit_request, probabilities
from e2e.pods import file_server
from e2e.steps import Namespace, model_deployment, wait_until

GATES = {"gates": {"golden": {"configMap": "digits-golden"}}, "progressDeadline": "30s"}


def golden(namespace: Namespace, answers: list[list[float]]) -> None:
    """Ten digits with the probabilities that a good model gives them."""
    data = {}
    for index, answer in enumerate(answers):
        output = {"name": "probabilities", "shape": [1, 10], "datatype": "FP32", "data": answer}
        data[f"digit-{index}.json"] = json.dumps(digit_request(index) | {"outputs": [output]})
    namespace.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "digits-golden"}, "data": data})


def version(name: str) -> dict[str, Any]:
    model = {} if name in "12" else {"uri": f"http://bad/{name}.onnx"}
    return model_deployment(version=name, rollout=GATES, model=model)


def refused(namespace: Namespace) -> dict[str, Any]:
    wait_until(lambda: namespace.stalled(), 60, lambda: f"it is given up: {namespace.status()}")
    return namespace.condition("Stalled")


@pytest.mark.timeout(300)
def test_golden_requests_keep_a_wrong_model_from_its_first_user(
    namespace: Namespace, say: Callable[[str], None]
) -> None:
    namespace.apply(*file_server("bad", namespace.name, namespace.cluster.image("runtime"), files()))
    namespace.kubectl("wait", "--for=condition=Ready", "pod/bad", "--timeout=60s")
    namespace.apply(version("1"))
    namespace.wait_serving("1")
    golden(namespace, probabilities("1", 10))

    namespace.apply(version("perturbed"))
    stalled = refused(namespace)
    say(stalled["message"])
    assert stalled["reason"] == "GoldenRequestsFailed"
    assert "probabilities" in stalled["message"]

    namespace.apply(version("rounded"))
    namespace.wait_serving("rounded")

    golden(namespace, [[1.0] + [0.0] * 9] * 10)  # which no revision ever answered
    namespace.apply(version("2"))
    stalled = refused(namespace)
    say(stalled["message"])
    assert stalled["reason"] == "GateNotPassed"
    assert "stable fails it too" in stalled["message"]
