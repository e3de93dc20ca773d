"""``lint``: what is wrong is named with line, field, value and remedy; what is right but not meant is a warning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from modelway.api.field import CEL
from modelway.cli.app import app
from modelway.cli.manifests import Unreadable, manifests
from modelway.cli.view.linting import findings
from modelway.cli.view.rules import RULES, schema

HEAD = "apiVersion: modelway.io/v1alpha1\nkind: ModelDeployment\nmetadata: {name: digits}\n"
MODEL = "  model: {uri: s3://models/digits/1/}\n"
FINE = HEAD + "spec:\n" + MODEL
STEPS = FINE + "  rollout:\n    strategy: Canary\n    steps:\n"


def lint(folder: Path, text: str, *options: str) -> tuple[int, str]:
    path = folder / "digits.yaml"
    path.write_text(text)
    told = CliRunner().invoke(app, ["lint", "-f", str(path), *options])
    return told.exit_code, (told.stdout + told.stderr).replace(str(folder) + "/", "")


WRONG = [
    ("an unknown field", FINE + "  modle: {}\n", "digits.yaml:6: error: spec.modle is no field. Did you mean model?"),
    (
        "a wrong value",
        HEAD + "spec:\n  model:\n    uri: ftp://a/b\n",
        "digits.yaml:6: error: spec.model.uri is 'ftp://a/b': uri must be http://host/path",
    ),
    ("a missing one", HEAD + "spec:\n  model: {}\n", "digits.yaml:5: error: spec.model.uri is missing. Set it."),
    ("no spec", HEAD, "digits.yaml:1: error: spec is missing. Set spec.model.uri at least."),
    (
        "two kinds of step in one",
        FINE + "  rollout:\n    strategy: Canary\n    steps:\n    - setWeight: 10\n      pause: {}\n",
        "digits.yaml:9: error: spec.rollout.steps[0]: a step is exactly one of setWeight, pause,",
    ),
    (
        "a percentage in place of a share",
        FINE + "  rollout:\n    strategy: Canary\n    steps:\n    - setWeight: 10\n    analysis:\n      checks:\n"
        "      - {metric: errorRate, max: 2}\n",
        "digits.yaml:12: error: spec.rollout.analysis.checks[0]: errorRate, rejectedRate, shadowAgreement,"
        " classAgreement, distributionShift are parts of 1",
    ),
    (
        "steps without the strategy",
        FINE + "  rollout:\n    steps:\n    - setWeight: 10\n",
        "digits.yaml:6: error: spec.rollout: steps belong to strategy Canary; set it, or remove the steps.",
    ),
    (
        "a duration out of bounds",
        FINE + "  rollout:\n    progressDeadline: 5s\n",
        "digits.yaml:7: error: spec.rollout.progressDeadline: progressDeadline must be a duration from 10s to 24h",
    ),
    (
        "samples of a query",
        STEPS + "    - setWeight: 10\n    analysis:\n      checks:\n"
        "      - {prometheus: {address: 'http://a', query: up}, min: 1, minSamples: 9}\n",
        "digits.yaml:12: error: spec.rollout.analysis.checks[0]: minSamples counts requests: a query has",
    ),
    (
        "samples of a count",
        STEPS
        + "    - setWeight: 10\n    analysis:\n      checks:\n      - {metric: requests, min: 5, minSamples: 9}\n",
        "digits.yaml:12: error: spec.rollout.analysis.checks[0]: minSamples counts requests: a query has",
    ),
    (
        "checks that nothing feeds",
        STEPS + "    - pause: {}\n    analysis:\n      checks:\n      - {metric: errorRate, max: 0.1}\n",
        "digits.yaml:6: error: spec.rollout: checks of metrics need requests that the candidate answers",
    ),
    (
        "checks of a share in shadow steps alone",
        STEPS + "    - shadow: {}\n    analysis:\n      checks:\n      - {metric: latencyP95, max: 0.1}\n",
        "digits.yaml:6: error: spec.rollout: checks of metrics need requests that the candidate answers",
    ),
    (
        "checks of a step that nothing feeds",
        STEPS + "    - analysis: {checks: [{metric: errorRate, max: 0.1}]}\n",
        "digits.yaml:6: error: spec.rollout: checks of metrics need requests that the candidate answers",
    ),
    (
        "a ratio to nobody",
        STEPS
        + "    - setWeight: 100\n    analysis:\n      checks:\n      - {metric: errorRate, maxRatioToStable: 2}\n",
        "digits.yaml:6: error: spec.rollout: maxRatioToStable needs requests that stable answers meanwhile",
    ),
    (
        "a failure that can not be",
        FINE + "  rollout:\n    onFailure: Pause\n",
        "digits.yaml:6: error: spec.rollout: onFailure: Pause is about steps, and a RollingUpdate has none",
    ),
    (
        "hosts of a route that there is not",
        FINE + "  traffic:\n    gateway: {parentRefs: [{name: a}], grpcHostnames: [a.com]}\n",
        "digits.yaml:4: error: spec: traffic.gateway.grpcHostnames are a GRPCRoute's",
    ),
    (
        "requests above limits",
        FINE + "  serving:\n    resources:\n      requests: {cpu: 2}\n      limits: {cpu: 500m}\n",
        "digits.yaml:7: error: spec.serving.resources: requests.cpu must not be greater than limits.cpu.",
    ),
    (
        "a name that is no Service's",
        FINE.replace("name: digits", "name: Digits"),
        "error: metadata.name must be small letters",
    ),
    ("a number as a name", FINE.replace("name: digits", "name: 7"), "metadata.name must be text; put it into quotes."),
    (
        "another version",
        FINE.replace("v1alpha1", "v1"),
        "digits.yaml:1: error: apiVersion is 'modelway.io/v1'; write modelway.io/v1alpha1.",
    ),
]


@pytest.mark.parametrize(("text", "told"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_mistake_is_named_where_it_stands(tmp_path: Path, text: str, told: str) -> None:
    code, printed = lint(tmp_path, text)
    assert code == 1
    assert told in printed


CANARY = FINE + "  scaling: {replicas: 2}\n  rollout:\n    strategy: Canary\n"
GATEWAY = "  traffic:\n    gateway:\n      parentRefs: [{name: public}]\n"
DOUBTFUL = [
    (
        "shadowAgreement without samples",
        CANARY
        + "    steps:\n    - shadow: {}\n    analysis:\n      checks:\n      - {metric: shadowAgreement, min: 0.9}\n",
        "digits.yaml:13: warning: spec.rollout.analysis.checks[0]: shadowAgreement without minSamples passes when",
    ),
    (
        "a weight that nobody watches",
        CANARY + "    steps:\n    - setWeight: 10\n    - setWeight: 50\n    - pause: {}\n",
        "digits.yaml:10: warning: spec.rollout.steps[0].setWeight: no pause or analysis follows this weight",
    ),
    (
        "weights that fall",
        CANARY + "    steps:\n    - setWeight: 50\n    - pause: {}\n    - setWeight: 10\n    - pause: {}\n",
        "digits.yaml:12: warning: spec.rollout.steps[2].setWeight: 10% is less than the 50% before it.",
    ),
    (
        "comparisons that nobody reads",
        CANARY + "    steps:\n    - shadow: {}\n",
        "digits.yaml:10: warning: spec.rollout.steps[0].shadow: answers are compared here and no check looks at that",
    ),
    (
        "an interval longer than a step",
        CANARY + "    steps:\n    - setWeight: 10\n    - pause: {duration: 5s}\n    analysis: {interval: 1m}\n",
        "digits.yaml:12: warning: spec.rollout.analysis.interval: checks are looked at every 60 s",
    ),
    (
        "a gateway and nobody who watches rejections",
        CANARY + "    analysis:\n      checks:\n      - {metric: errorRate, max: 0.01}\n" + GATEWAY,
        "digits.yaml:10: warning: spec.rollout.analysis.checks: behind traffic.gateway what a candidate rejects (4xx)"
        " goes to the caller, and errorRate counts 5xx alone; add - {metric: rejectedRate, max: 0.05}.",
    ),
    ("a canary of one pod", FINE + "  rollout: {strategy: Canary}\n", "warning: spec.scaling: with one pod each"),
    (
        "a short deadline",
        FINE + "  rollout: {progressDeadline: 20s}\n",
        "warning: spec.rollout.progressDeadline: progressDeadline 20s is little time",
    ),
]


FED = [
    "    - shadow: {}\n    analysis:\n      checks:\n      - {metric: errorRate, max: 0.1}\n",
    "    - shadow: {}\n    analysis:\n      checks:\n      - {metric: errorRate, maxRatioToStable: 2}\n",
    "    - pause: {}\n    analysis:\n      checks:\n      - {prometheus: {address: 'http://a', query: up}, min: 1}\n",
    "    - setWeight: 5\n    - analysis: {checks: [{metric: errorRate, max: 0.1}]}\n    onFailure: Pause\n",
]


@pytest.mark.parametrize("steps", FED)
def test_checks_that_something_feeds_are_fine(tmp_path: Path, steps: str) -> None:
    assert lint(tmp_path, STEPS + steps)[0] == 0


@pytest.mark.parametrize(("text", "told"), [row[1:] for row in DOUBTFUL], ids=[row[0] for row in DOUBTFUL])
def test_what_is_probably_not_meant_is_a_warning(tmp_path: Path, text: str, told: str) -> None:
    code, printed = lint(tmp_path, text)
    assert code == 0
    assert told in printed
    assert lint(tmp_path, text, "--strict")[0] == 1


def test_a_good_file_is_nothing_to_complain_of(tmp_path: Path) -> None:
    assert lint(tmp_path, FINE) == (0, "digits.yaml: nothing to complain of.\n")
    assert lint(tmp_path, FINE, "-o", "json") == (0, "[]\n")


def test_the_default_checks_behind_a_gateway_look_at_rejections(tmp_path: Path) -> None:
    assert lint(tmp_path, CANARY + GATEWAY) == (0, "digits.yaml: nothing to complain of.\n")


def test_the_second_document_of_a_file_has_its_own_lines(tmp_path: Path) -> None:
    config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n"
    code, printed = lint(tmp_path, config_map + FINE + "---\n" + FINE + "  modle: {}\n")
    assert code == 1
    assert printed.startswith("digits.yaml:16: error: spec.modle")


def test_a_list_is_looked_into(tmp_path: Path) -> None:
    indented = "".join(f"  {line}\n" for line in (FINE + "  modle: {}\n").splitlines())
    code, printed = lint(tmp_path, "kind: List\nitems:\n" + indented.replace("  apiVersion", "- apiVersion", 1))
    assert (code, printed.split(":")[1]) == (1, "8")


def test_what_is_no_yaml_or_holds_no_model_deployment_is_said(tmp_path: Path) -> None:
    assert "digits.yaml:2: it is no YAML" in lint(tmp_path, "a: [\n}")[1]
    assert "holds no ModelDeployment" in lint(tmp_path, "kind: ConfigMap\n")[1]
    with pytest.raises(Unreadable, match="No such file"):
        manifests(str(tmp_path / "nowhere.yaml"))


def test_every_error_of_a_document_is_told_at_once() -> None:
    content = {
        "apiVersion": "modelway.io/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "digits"},
        "spec": {"model": {"uri": "x"}, "scaling": {"replicas": -1, "min": 1}},
    }
    assert [each.field for each in findings(content)] == ["spec.scaling.replicas", "spec.model.uri", "spec.scaling"]


def rules(node: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Every CEL rule of the schema about an object."""
    if node.get("type") == "object":
        yield from node.get(CEL, ())
    for inside in (node.get("properties") or {}).values():
        yield from rules(inside)
    if isinstance(node.get("items"), Mapping):
        yield from rules(node["items"])


def test_every_rule_of_the_schema_is_known_offline() -> None:
    sentences = {rule["message"] for rule in rules(schema())}
    in_the_models = {sentence for sentence in sentences if "belong to Modelway" in sentence}
    unknown = [each for each in sentences - in_the_models if not any(each.startswith(start) for start in RULES)]
    assert unknown == []
    assert [start for start in RULES if not any(each.startswith(start) for each in sentences)] == []
