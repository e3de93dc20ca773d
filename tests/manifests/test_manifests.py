"""What the builders build: the pod of ARCHITECTURE.md, restricted pod security, and nothing that was not asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from modelway.api.resource import parse_spec
from modelway.api.scaling import Scaling
from modelway.decide.revision import revision_hash, snapshot
from modelway.manifests import names, runtime, timestamps
from modelway.manifests.deployment import deployment
from modelway.manifests.horizontal_pod_autoscaler import horizontal_pod_autoscaler
from modelway.manifests.pod import pod_template
from modelway.manifests.service import front_service
from modelway.world import Resource, Revision

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
RESOURCE = Resource("ml", "digits", "uid", 1, START, False, {}, {})


def revision(uri: str = "s3://models/digits/", **parts: Any) -> Revision:
    """A revision of such a spec."""
    spec = parse_spec({"model": {"uri": uri, **parts.pop("model", {})}, **parts})
    data = snapshot(spec, "modelserver:1")
    return Revision("digits", revision_hash(data), 1, data, spec.model, spec.serving, "modelserver:1")


def containers(of: Revision) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fetching and the serving container."""
    pod = pod_template(of)["spec"]
    (fetch,), (server,) = pod["initContainers"], pod["containers"]
    return fetch, server


def environment(container: dict[str, Any]) -> dict[str, str]:
    """A container's variables."""
    return {variable["name"]: variable.get("value", "") for variable in container["env"]}


def test_both_containers_are_the_servers_image_with_its_two_commands() -> None:
    fetch, server = containers(revision())
    assert (fetch["image"], fetch["args"]) == ("modelserver:1", ["modelserver", "fetch"])
    assert (server["image"], server["args"]) == ("modelserver:1", ["modelserver", "serve"])


def test_the_pod_is_admitted_by_the_restricted_pod_security_standard() -> None:
    spec = pod_template(revision())["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec.get("hostNetwork")
    for container in (*spec["initContainers"], *spec["containers"]):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True
    assert {next(iter(set(volume) - {"name"})) for volume in spec["volumes"]} <= {
        "emptyDir",
        "configMap",
        "persistentVolumeClaim",
    }


def test_only_the_fetching_container_knows_the_address_and_may_write_the_model() -> None:
    fetch, server = containers(revision(model={"digest": "sha256:" + "a" * 64}))
    assert environment(fetch)[runtime.MODEL_URI] == "s3://models/digits/"
    assert environment(fetch)[runtime.MODEL_DIGEST] == "sha256:" + "a" * 64
    assert runtime.MODEL_URI not in environment(server)
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in server["volumeMounts"]}
    assert mounts == {"/models": True, "/tmp": False, "/etc/modelway/traffic": True}


def test_a_claim_is_mounted_where_fetch_looks_for_it_and_only_there() -> None:
    of = revision("pvc://models/digits/7/")
    fetch, server = containers(of)
    assert {"name": "source", "mountPath": "/source", "readOnly": True} in fetch["volumeMounts"]
    assert "source" not in {mount["name"] for mount in server["volumeMounts"]}
    volume = {"name": "source", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}}
    assert volume in pod_template(of)["spec"]["volumes"]


def test_what_is_not_given_is_not_set() -> None:
    fetch, server = containers(revision())
    assert runtime.MODEL_DIGEST not in environment(fetch)
    assert runtime.MODEL_VERSION not in environment(server)
    assert environment(server)[runtime.THREADS] == "auto"
    assert environment(server)[runtime.MODEL_NAME] == "digits"


def test_an_address_is_passed_on_letter_by_letter() -> None:
    fetch, _ = containers(revision("http://h/a$(b).onnx"))
    assert environment(fetch)[runtime.MODEL_URI] == "http://h/a$$(b).onnx", "the kubelet makes $(b) of it again"


RESOURCES = {
    "nothing given": ({}, {"requests": {"cpu": "100m", "memory": "128Mi"}}),
    "a limit is a request too": (
        {"limits": {"memory": "64Mi"}},
        {"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi"}},
    ),
    "numbers are text": (
        {"requests": {"cpu": 2, "memory": "1Gi", "ephemeral-storage": "2Gi"}},
        {"requests": {"cpu": "2", "memory": "1Gi", "ephemeral-storage": "2Gi"}},
    ),
}


@pytest.mark.parametrize("case", RESOURCES)
def test_resources(case: str) -> None:
    given, wanted = RESOURCES[case]
    for container in containers(revision(serving={"resources": given})):
        assert container["resources"] == wanted


def test_the_users_additions_never_replace_what_is_ours() -> None:
    pod = {
        "labels": {"team": "a"},
        "annotations": {"note": "b"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "imagePullSecrets": [{"name": "registry"}],
        "env": [{"name": "HTTPS_PROXY", "value": "http://proxy"}, {"name": "EMPTY"}],
    }
    template = pod_template(revision(serving={"pod": pod}))
    assert template["metadata"]["labels"]["team"] == "a"
    assert template["metadata"]["labels"][names.DEPLOYMENT] == "digits"
    assert template["spec"]["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    assert template["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert template["spec"]["nodeSelector"] == {"disk": "ssd"}
    fetch, server = template["spec"]["initContainers"][0], template["spec"]["containers"][0]
    for container in (fetch, server):
        assert environment(container)["HTTPS_PROXY"] == "http://proxy"
        assert {"name": "EMPTY"} in container["env"], "the API server drops an empty value"


def test_the_server_has_time_to_drain() -> None:
    spec = pod_template(revision())["spec"]
    told = environment(spec["containers"][0])
    drain, alone = int(told[runtime.DRAIN_SECONDS]), int(told[runtime.DRAIN_ALONE_SECONDS])
    assert spec["terminationGracePeriodSeconds"] == drain + alone + 10
    assert spec["containers"][0]["livenessProbe"]["terminationGracePeriodSeconds"] == drain + 10, "it hangs"


def test_replicas_are_sent_only_when_they_are_ours() -> None:
    assert deployment(RESOURCE, revision(), 3)["spec"]["replicas"] == 3
    assert "replicas" not in deployment(RESOURCE, revision(), None)["spec"]


def test_an_autoscaler_never_has_bounds_that_contradict_each_other() -> None:
    spec = horizontal_pod_autoscaler(RESOURCE, revision(), Scaling(min=1, max=3), 7)["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (7, 7)


def test_the_front_service_selects_one_revision() -> None:
    spec = front_service(RESOURCE, "6f9c81ab2d", grpc=False)["spec"]
    assert spec["selector"] == {names.DEPLOYMENT: "digits", names.REVISION: "6f9c81ab2d"}
    assert spec["ports"] == [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]


def test_children_are_collected_with_their_owner() -> None:
    (owner,) = deployment(RESOURCE, revision(), 1)["metadata"]["ownerReferences"]
    assert owner["uid"] == "uid"
    assert owner["controller"] is True
    assert owner["blockOwnerDeletion"] is True


@pytest.mark.parametrize("text", ["2026-01-01T12:00:00Z", "2026-01-01T12:00:00.250Z"])
def test_times_are_read_as_they_are_written(text: str) -> None:
    time = timestamps.parsed(text)
    assert time is not None
    assert timestamps.precise(time).startswith(text[:19])
    assert timestamps.rfc3339(time) == text[:19] + "Z"


@pytest.mark.parametrize("text", [None, "", "yesterday", 7])
def test_a_time_that_was_scribbled_over_is_no_time(text: object) -> None:
    assert timestamps.parsed(text) is None
