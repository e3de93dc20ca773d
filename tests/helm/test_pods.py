"""The chart's pods: restricted, placed apart, and replaced one after the other."""

from __future__ import annotations

import pytest

from modelway.settings import TABLE
from tests.helm.chart import Document, is_hook, of_kind, one, pods, render

pytestmark = pytest.mark.cluster  # helm comes with the cluster

DIGEST = "sha256:" + "0123456789abcdef" * 4


def operator(*settings: str) -> Document:
    spec: Document = one(render(*settings), "Deployment", "modelway")["spec"]
    return spec


def container(*settings: str) -> Document:
    found: Document = operator(*settings)["template"]["spec"]["containers"][0]
    return found


def environment(*settings: str) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container(*settings)["env"]}


def test_every_pod_meets_the_restricted_pod_security_standard() -> None:
    specs = list(pods(render()))
    assert len(specs) == 2
    for spec in specs:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 65532
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert all(volume.keys() <= {"name", "configMap", "emptyDir"} for volume in spec.get("volumes", []))
        for each in spec["containers"]:
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert each["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in each["resources"]["limits"]


def test_an_upgrade_always_leaves_a_standby() -> None:
    spec = operator()
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert one(render(), "PodDisruptionBudget", "modelway")["spec"]["maxUnavailable"] == 1


def test_one_replica_has_no_disruption_budget_as_it_would_block_every_drain() -> None:
    assert of_kind(render("replicas=1"), "PodDisruptionBudget") == []


def test_the_selector_matches_the_operators_pods_and_not_the_tests() -> None:
    documents = render("podLabels.team=ml")
    selector = one(documents, "Deployment", "modelway")["spec"]["selector"]["matchLabels"]
    labels = one(documents, "Deployment", "modelway")["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= labels.items()
    assert labels["team"] == "ml"
    assert one(documents, "Service", "modelway-metrics")["spec"]["selector"] == selector
    assert not selector.items() <= one(documents, "Pod", "modelway-test")["metadata"]["labels"].items()


def test_extra_labels_never_replace_those_that_select() -> None:
    labels = operator("podLabels.app\\.kubernetes\\.io/name=other")["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "modelway"


def test_images_follow_the_chart_unless_told_otherwise() -> None:
    assert container()["image"] == "modelway/operator:0.1.0"
    assert environment()["MODELWAY_RUNTIME_IMAGE"] == "modelway/runtime:0.1.0"
    tagged = ("image.operator.repository=registry.example:5000/ml/operator", "image.operator.tag=edge")
    assert container(*tagged)["image"] == "registry.example:5000/ml/operator:edge"
    pinned = ("image.runtime.tag=edge", f"image.runtime.digest={DIGEST}")
    assert environment(*pinned)["MODELWAY_RUNTIME_IMAGE"] == f"modelway/runtime@{DIGEST}"


def test_settings_reach_the_operator_as_text() -> None:
    settings = ("namespaces={team-a,team-b}", "workers=3", "resyncSeconds=60", "logging.format=text")
    found = environment(*settings)
    assert found["MODELWAY_NAMESPACES"] == "team-a,team-b"
    assert found["MODELWAY_WORKERS"] == "3"
    assert found["MODELWAY_RESYNC_SECONDS"] == "60"
    assert found["MODELWAY_LOG_FORMAT"] == "text"
    assert environment()["MODELWAY_NAMESPACES"] == ""


def test_the_operator_knows_every_setting_and_has_the_same_defaults() -> None:
    known = {setting.variable: setting.default for setting in TABLE}
    given = environment()
    assert given.keys() == known.keys() - {"MODELWAY_LEADER_ELECTION"}  # the chart never runs without
    own = {"MODELWAY_RUNTIME_IMAGE", "MODELWAY_LEASE_NAMESPACE", "MODELWAY_LEASE_NAME", "MODELWAY_IDENTITY"}
    for name in given.keys() - own:
        assert given[name] == known[name], name


def test_replicas_prefer_different_nodes_until_an_affinity_says_otherwise() -> None:
    assert "podAntiAffinity" in operator()["template"]["spec"]["affinity"]
    chosen = operator('affinity:={"nodeAffinity": {}}')["template"]["spec"]["affinity"]
    assert chosen == {"nodeAffinity": {}}


def test_a_service_monitor_comes_only_when_asked_for() -> None:
    assert of_kind(render(), "ServiceMonitor") == []
    asked = render("metrics.serviceMonitor.enabled=true", "metrics.serviceMonitor.labels.release=prometheus")
    monitor = of_kind(asked, "ServiceMonitor")[0]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["endpoints"][0]["port"] == "metrics"


def test_the_test_runs_where_the_operator_looks() -> None:
    documents = render("namespaces={team-a,team-b}")
    names = {each["name"]: each.get("value") for each in next(p for p in pods(documents) if "volumes" in p)[
        "containers"][0]["env"]}  # fmt: skip
    assert names["TEST_NAMESPACE"] == "team-a"
    assert {each["metadata"]["namespace"] for each in documents if is_hook(each) and each["kind"] == "Role"} == {
        "team-a"
    }


def test_all_that_the_test_brings_goes_when_it_succeeded() -> None:
    hooks = [each["metadata"]["annotations"] for each in render() if is_hook(each)]
    assert len(hooks) == 5
    assert {each["helm.sh/hook-delete-policy"] for each in hooks} == {"before-hook-creation,hook-succeeded"}
