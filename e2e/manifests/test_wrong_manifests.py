"""Wrong manifests and the sentence that each gets from kubectl; and what ``kubectl explain`` says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from e2e.steps import Namespace, model_deployment

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({"model": None}, 'missing required field "model"'),
    "no uri": ({"model": {"version": "1"}}, 'missing required field "uri"'),
    "a scheme that nobody knows": ({"model": {"uri": "ftp://host/model.onnx"}}, "http"),
    "a digest that is none": ({"model": {"uri": "http://a/b.onnx", "digest": "sha1:12"}}, "sha256"),
    "replicas and an autoscaler": ({"scaling": {"replicas": 2, "min": 1, "max": 3}}, "scaling"),
    "min above max": ({"scaling": {"min": 5, "max": 3}}, "scaling"),
    "negative replicas": ({"scaling": {"replicas": -1}}, "spec.scaling.replicas"),
    "a strategy that does not exist": ({"rollout": {"strategy": "BigBang"}}, "RollingUpdate"),
    "a duration that is none": ({"rollout": {"progressDeadline": "soon"}}, "spec.rollout.progressDeadline"),
    "no threads": ({"serving": {"threads": 0}}, "spec.serving.threads"),
    "a percentage in place of a share": (
        {"rollout": {"strategy": "Canary", "analysis": {"checks": [{"metric": "errorRate", "max": 1}]}}},
        "write 0.02 for 2%",
    ),
    "steps of another strategy": (
        {"rollout": {"strategy": "BlueGreen", "steps": [{"setWeight": 10}]}},
        "steps belong to strategy Canary",
    ),
    "a weight beyond all": ({"rollout": {"strategy": "Canary", "steps": [{"setWeight": 150}]}}, "steps[0].setWeight"),
    "two kinds of step in one": (
        {"rollout": {"strategy": "Canary", "steps": [{"setWeight": 10, "pause": {}}]}},
        "begin each with its own dash",
    ),
    "an autoscaler without a request": (
        {"scaling": {"min": 1, "max": 3}, "serving": {"resources": {}}},
        "autoscaling on CPU needs serving.resources.requests.cpu",
    ),
    "more memory than allowed": (
        {"serving": {"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}}},
        "requests.memory must not be greater than limits.memory",
    ),
    "a field that does not exist": ({"rollout": {"stratgy": "RollingUpdate"}}, 'unknown field "stratgy"'),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_manifest_gets_a_sentence(namespace: Namespace, case: str, say: Callable[[str], None]) -> None:
    spec, words = CASES[case]
    manifest = model_deployment()
    manifest["spec"] = {key: value for key, value in {**manifest["spec"], **spec}.items() if value is not None}
    with pytest.raises(Exception) as refusal:
        namespace.apply(manifest)
    sentences = [line for line in str(refusal.value).splitlines() if words in line]
    assert sentences, str(refusal.value)
    say(f"{case}: {sentences[0].strip()}")
    assert not namespace.items("md")


def test_a_name_that_no_service_can_have(namespace: Namespace, say: Callable[[str], None]) -> None:
    with pytest.raises(Exception, match=r"metadata\.name") as refusal:
        namespace.apply(model_deployment("7digits"))
    say(str(refusal.value).strip().splitlines()[-1])


@pytest.mark.parametrize("field", ["md", "md.spec.model.uri", "md.spec.rollout", "md.spec.scaling", "md.status.stable"])
def test_explain(namespace: Namespace, field: str) -> None:
    text = namespace.kubectl("explain", field)
    assert "DESCRIPTION:" in text
    assert "<empty>" not in text
