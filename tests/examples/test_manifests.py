"""The manifests under examples/ name models that exist, with the digests that they have."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.digits.store import store
from modelway.api.resource import parse_spec
from modelway.cli.view.linting import findings

EXAMPLES = Path(__file__).parents[2] / "examples"
MODELS = json.loads((EXAMPLES / "digits" / "models.json").read_text())
DEPLOYMENTS = sorted(EXAMPLES.rglob("*.yaml"))


def manifest(path: Path) -> dict[str, Any]:
    (document,) = yaml.safe_load_all(path.read_text())
    assert isinstance(document, dict)
    return document


def in_store(kind: str) -> dict[str, Any]:
    (item,) = [item for item in store("modelway/runtime:dev")["items"] if item["kind"] == kind]
    return dict(item)


def test_the_examples_are_the_ones_that_the_documents_name() -> None:
    names = {str(path.relative_to(EXAMPLES)) for path in DEPLOYMENTS}
    assert {"quickstart.yaml", "autoscaled.yaml", "digits/v2.yaml", "canary.yaml"} <= names


@pytest.mark.parametrize("path", DEPLOYMENTS, ids=lambda path: path.name)
def test_an_example_asks_for_a_committed_model_by_its_digest(path: Path) -> None:
    document = manifest(path)
    assert (document["apiVersion"], document["kind"]) == ("modelway.io/v1alpha1", "ModelDeployment")
    model = document["spec"]["model"]
    version = model["version"]
    assert isinstance(version, str)
    assert model["uri"] == f"http://model-store.modelway-examples.svc/digits/{version}/model.onnx"
    assert model["digest"] == MODELS[version]["digest"]


@pytest.mark.parametrize("path", DEPLOYMENTS, ids=lambda path: path.name)
def test_an_example_is_a_valid_resource(path: Path) -> None:
    parse_spec(manifest(path)["spec"])


def test_version_2_is_an_update_of_the_quickstart_and_changes_only_the_model() -> None:
    before, after = manifest(EXAMPLES / "quickstart.yaml"), manifest(EXAMPLES / "digits" / "v2.yaml")
    assert (before["spec"].pop("model")["version"], after["spec"].pop("model")["version"]) == ("1", "2")
    assert before == after


@pytest.mark.parametrize("version", ["2", "perturbed"])
def test_the_canaries_change_only_the_model(version: str) -> None:
    before = manifest(EXAMPLES / "canary.yaml")
    (path,) = EXAMPLES.glob(f"digits/canary-*{version}.yaml")
    after = manifest(path)
    assert (before["spec"].pop("model")["version"], after["spec"].pop("model")["version"]) == ("1", version)
    assert before == after


@pytest.mark.parametrize("path", DEPLOYMENTS, ids=lambda path: path.name)
def test_an_example_is_nothing_to_complain_of(path: Path) -> None:
    assert findings(manifest(path)) == ()


def test_the_autoscaled_example_requests_the_cpu_that_its_target_is_a_share_of() -> None:
    spec = manifest(EXAMPLES / "autoscaled.yaml")["spec"]
    assert spec["scaling"]["metric"] == "CPU"
    assert "cpu" in spec["serving"]["resources"]["requests"]


def test_the_store_holds_the_committed_files_where_the_uris_look_for_them() -> None:
    config_map, pod = in_store("ConfigMap"), in_store("Deployment")["spec"]["template"]["spec"]
    (volume,), (container,) = pod["volumes"], pod["containers"]
    assert volume["configMap"]["name"] == config_map["metadata"]["name"]
    root, (mount,) = container["command"][-1], container["volumeMounts"]
    for item in volume["configMap"]["items"]:
        path = Path(mount["mountPath"], item["path"]).relative_to(root)
        assert base64.b64decode(config_map["binaryData"][item["key"]]) == (EXAMPLES / path).read_bytes()
    assert len(volume["configMap"]["items"]) == len(config_map["binaryData"]) == len(MODELS)


def test_the_store_answers_at_the_host_of_the_uris() -> None:
    service, template = in_store("Service"), in_store("Deployment")["spec"]["template"]
    assert (service["metadata"]["name"], service["metadata"]["namespace"]) == ("model-store", "modelway-examples")
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert service["spec"]["ports"][0]["port"] == 80


def test_the_store_fits_the_annotation_that_kubectl_apply_leaves() -> None:
    # kubectl keeps the whole object in an annotation, and all annotations together may have 256 KiB.
    assert len(json.dumps(in_store("ConfigMap"))) < 200_000


def test_the_store_is_allowed_by_the_restricted_pod_security_profile() -> None:
    pod = in_store("Deployment")["spec"]["template"]["spec"]
    assert in_store("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_command_prints_the_list_for_the_image_that_is_asked_for(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "digits" / "store.py"), "--image", "example/runtime:1"]
    printed = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert json.loads(printed) == store("example/runtime:1")


def test_the_clients_are_made_of_the_committed_script_and_are_restricted() -> None:
    command = [sys.executable, str(EXAMPLES / "digits" / "clients.py"), "--image", "example/runtime:1"]
    printed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    config_map, deployment = printed["items"]
    assert config_map["data"]["asking.py"] == (EXAMPLES / "digits" / "asking.py").read_text()
    assert len(json.loads(config_map["data"]["requests.json"])) == 100
    assert len(json.dumps(config_map)) < 200_000
    pod = deployment["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "example/runtime:1"
    assert pod["securityContext"]["runAsNonRoot"] is True
