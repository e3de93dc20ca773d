"""The chart's values: each one described, none of them open to a slip of the pen, and one version for all."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are not worth a dependency
import pytest
import yaml

from tests.helm.chart import CHART, ROOT, helm, template

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())

WRONG = [
    ("replicas=-1", "at '/replicas': minimum: got -1, want 0"),
    ("replicas=two", "at '/replicas': got string, want integer"),
    ("replica=2", "additional properties 'replica' not allowed"),
    ("image.tag=edge", "at '/image': additional properties 'tag' not allowed"),
    ("image.operator.digest=sha256:12", "at '/image/operator/digest': 'sha256:12' does not match pattern"),
    ("image.operator.pullPolicy=Sometimes", "value must be one of 'Always', 'IfNotPresent', 'Never'"),
    ("namespaces=team-a", "at '/namespaces': got string, want array"),
    ("namespaces={Team_A}", "at '/namespaces/0': 'Team_A' does not match pattern"),
    ("crds.install=perhaps", "at '/crds/install': got string, want boolean"),
    ("logging.level=loud", "value must be one of 'debug', 'info', 'warning', 'error'"),
    ("workers=0", "at '/workers': minimum: got 0, want 1"),
    ("resyncSeconds=1", "at '/resyncSeconds': minimum: got 1, want 10"),
    ("resources.limits.memory=lots", "at '/resources/limits/memory': 'lots' does not match pattern"),
    ("metrics.serviceMonitor.interval=soon", "'soon' does not match pattern"),
]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its reference followed; its own words win."""
    if "$ref" in schema:
        return {**SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]], **schema}
    return schema


def objects(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the schema that lists its properties."""
    schema = resolved(schema)
    if "properties" in schema:
        yield path or "the top", schema
        for name, inner in schema["properties"].items():
            yield from objects(inner, f"{path}.{name}".lstrip("."))


OBJECTS = list(objects(SCHEMA))


def test_one_version_for_the_package_the_chart_and_the_images() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)


def test_the_docs_ask_for_the_kubernetes_that_the_chart_asks_for() -> None:
    least = yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"].removeprefix(">=").rsplit(".", 1)[0]
    assert f"Kubernetes {least} or later" in (ROOT / "docs/operations.md").read_text()


def test_the_defaults_obey_the_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(VALUES)


@pytest.mark.parametrize(("path", "schema"), OBJECTS, ids=[path for path, _ in OBJECTS])
def test_the_schema_is_strict_and_describes_every_value_with_a_sentence(path: str, schema: dict[str, Any]) -> None:
    assert schema["additionalProperties"] is False
    for name, inner in schema["properties"].items():
        assert resolved(inner).get("description", "").endswith("."), f"{path}: {name}"


def test_values_and_schema_list_the_same_names() -> None:
    for path, schema in OBJECTS:
        value = VALUES
        for name in path.split(".") if path != "the top" else []:
            value = value[name]
        assert value.keys() == schema["properties"].keys() - {"global"}, path


def test_a_parent_chart_may_share_its_globals() -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate({**VALUES, "global": {"region": "north"}})


@pytest.mark.cluster
@pytest.mark.parametrize(("setting", "sentence"), WRONG, ids=[setting for setting, _ in WRONG])
def test_a_wrong_value_is_refused_with_its_name(setting: str, sentence: str) -> None:
    done = template(setting)
    assert done.returncode != 0
    assert sentence in done.stderr


@pytest.mark.cluster
def test_helm_finds_nothing_to_complain_about() -> None:
    done = helm("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout


@pytest.mark.cluster
def test_a_release_name_with_dots_makes_names_that_services_can_have() -> None:
    done = helm("template", "team.models", str(CHART))
    services = [each for each in yaml.safe_load_all(done.stdout) if each and each["kind"] == "Service"]
    assert [each["metadata"]["name"] for each in services] == ["team-models-modelway-metrics"]


@pytest.mark.cluster
def test_the_notes_hold_commands_that_fit_the_release() -> None:
    done = helm("install", "ml", str(CHART), "--namespace", "serving", "--dry-run=client")
    assert done.returncode == 0, done.stderr
    notes = done.stdout.split("NOTES:")[1]
    assert "kubectl --namespace serving rollout status deployment/ml-modelway" in notes
    assert "helm test ml --namespace serving --logs" in notes
    assert "\nEOF\n" in notes  # a here-document ends at the line's start only
