"""What is generated is in step, and the CRD is what an API server takes: structural, small, bounded, described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from modelway.api.crd import COLUMNS, GROUP, PLURAL, VERSION, custom_resource_definition
from modelway.api.field import CEL
from modelway.api.reference import fields
from modelway.api.schema import INT_OR_STRING
from modelway.generate import ROOT, generated
from modelway.manifests import names

SCHEMA = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
FILES = generated()


@pytest.mark.parametrize("path", FILES)
def test_generated_files_are_in_step(path: str) -> None:
    assert (ROOT / path).read_text() == FILES[path], f"{path} is out of step: run `make generate`"


def test_the_crd_is_small_enough_for_kubectl_apply() -> None:
    size = len(FILES["crds/modeldeployments.modelway.io.yaml"].encode())
    assert size < 72_000, "kubectl apply keeps a copy in an annotation, which must stay below 256 kB; we promise 100 kB"


def nodes(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema below a schema, with its path."""
    yield path, node
    for name, below in node.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from nodes(node[key], f"{path}[]")


ALL = dict(nodes(SCHEMA))


@pytest.mark.parametrize("path", ALL)
def test_the_schema_is_structural(path: str) -> None:
    node = ALL[path]
    assert ("type" in node) != bool(node.get(INT_OR_STRING)), "one type everywhere"
    assert not {"$ref", "$defs", "anyOf", "oneOf", "allOf", "not", "const", "title", "definitions"} & node.keys()
    assert not ("properties" in node and "additionalProperties" in node)
    assert node.get("additionalProperties") is not False
    if node.get("type") == "array":
        assert "items" in node


@pytest.mark.parametrize("path", [path for path in ALL if path.startswith(".spec")])
def test_everything_that_a_user_writes_is_bounded_so_that_rules_stay_cheap(path: str) -> None:
    node = ALL[path]
    if node.get("type") == "string":
        assert "maxLength" in node or "enum" in node
    if node.get("type") == "array":
        assert "maxItems" in node
    if "additionalProperties" in node:
        assert "maxProperties" in node


@pytest.mark.parametrize("part", ["spec", "status"])
def test_every_field_is_described(part: str) -> None:
    bare = [path for path, node, _ in fields(SCHEMA["properties"][part], part) if not node.get("description")]
    assert not bare


def test_every_rule_has_a_sentence() -> None:
    rules = [rule for node in ALL.values() for rule in node.get(CEL, ())]
    assert len(rules) > 20
    for rule in rules:
        assert " " in rule["message"]
        assert len(rule["message"]) < 2048
        assert "\n" not in rule["message"]


def test_kubectl_scale_finds_a_number_on_a_fresh_object() -> None:
    spec = SCHEMA["properties"]["spec"]["properties"]
    assert spec["scaling"]["default"] == {}
    assert spec["scaling"]["properties"]["replicas"]["default"] == 1
    version = custom_resource_definition()["spec"]["versions"][0]
    for path in version["subresources"]["scale"].values():
        assert path in ALL


def test_columns_show_fields_that_exist() -> None:
    for _, _, path, _ in COLUMNS:
        if not path.startswith(".metadata"):
            assert path.replace('[?(@.type=="Ready")]', "[]") in ALL


def test_the_chart_may_leave_the_crd_out_or_keep_it() -> None:
    text = FILES["helm/modelway/templates/crds.yaml"]
    assert text.startswith("{{- if .Values.crds.install }}\n")
    assert text.endswith("{{- end }}\n")
    plain = "\n".join(line for line in text.splitlines() if not line.strip().startswith("{{-"))
    definition = yaml.safe_load(plain)
    assert definition["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert definition == custom_resource_definition()
    assert text.count("{{") == 4, "a description must not look like a template"


def test_the_reference_names_every_field() -> None:
    page = FILES["docs/reference/modeldeployment.md"]
    for part in ("spec", "status"):
        for path, _, _ in fields(SCHEMA["properties"][part], part):
            assert f"`{path}`" in page


def test_one_group_everywhere() -> None:
    assert (GROUP, VERSION, PLURAL) == (names.GROUP, names.VERSION, names.PLURAL)
