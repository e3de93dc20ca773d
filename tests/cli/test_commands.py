"""The commands against an API server on loopback: what they ask, write, print, and with which exit code they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from modelway.cli.app import app
from modelway.manifests import names
from tests.cli.documents import ONE, TWO, canary, labelled, on_its_way, rolled_back, settled, step, until
from tests.cli.http_api import HttpApi

Command = Callable[..., Any]
WAITING: list[dict[str, Any]] = [{"setWeight": 50}, {"pause": {}}]


def command(api: HttpApi, kubeconfig: Path) -> Command:
    """``modelway …`` for that cluster."""

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, [*arguments, "--kubeconfig", str(kubeconfig)])

    return run


@pytest.fixture
def api() -> HttpApi:
    """Version 1 serves, version 2 waits for a person."""
    cluster = on_its_way(TWO, 50, steps=WAITING)
    until(cluster, lambda: cluster.resource.status["phase"] == "Paused")
    return HttpApi(cluster)


@pytest.fixture
def modelway(api: HttpApi, tmp_path: Path) -> Iterator[Command]:
    with api.serving(tmp_path) as kubeconfig:
        yield command(api, kubeconfig)


def manifest(folder: Path, spec: dict[str, Any], name: str = "digits", **metadata: Any) -> str:
    document = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": name, **metadata}}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**document, "spec": spec}))
    return str(path)


def test_get_shows_the_tree_as_plain_text_in_a_pipe(modelway: Command) -> None:
    told = modelway("get", "digits")
    assert told.exit_code == 0, told.output
    assert told.output.startswith("ml/digits: Paused, Canary\n├── stable: revision 1")
    assert "▶ 2. pause until a person promotes" in told.output
    assert "\x1b" not in told.output


def test_get_tells_programs_the_same(modelway: Command) -> None:
    as_json = json.loads(modelway("get", "digits", "-o", "json").output)
    assert yaml.safe_load(modelway("get", "digits", "-o", "yaml").output) == as_json
    assert [each["role"] for each in as_json["revisions"]] == ["stable", "candidate"]
    assert as_json["checks"][0]["stableValue"] == 0


def test_a_name_that_is_not_there_is_said_with_the_namespace(modelway: Command) -> None:
    told = modelway("get", "faces")
    assert (told.exit_code, told.stdout) == (1, "")
    assert "there is no ModelDeployment faces in namespace ml" in told.stderr


def test_the_namespace_is_the_contexts_unless_it_is_given(modelway: Command) -> None:
    assert "in namespace elsewhere" in modelway("get", "digits", "--context", "there").stderr
    assert modelway("get", "digits", "--context", "there", "-n", "ml").exit_code == 0
    assert "no entry 'nowhere' under contexts" in modelway("get", "digits", "--context", "nowhere").stderr


def test_list_has_a_line_for_each(modelway: Command) -> None:
    head, line = modelway("list").output.splitlines()
    assert head.split()[:4] == ["NAMESPACE", "NAME", "READY", "PHASE"]
    assert line.split()[:4] == ["ml", "digits", "True", "Paused"]
    assert "2/2" in line
    assert modelway("list", "-n", "elsewhere").output == "There is none.\n"


def test_promote_writes_the_annotation_once_and_prints_the_operators_answer(modelway: Command, api: HttpApi) -> None:
    told = modelway("promote", "digits")
    assert (told.exit_code, told.output) == (0, "promote digits: done. Went to the next step.\n")
    ((how, query, _),) = api.writes
    assert (how, query) == ("application/merge-patch+json", {"fieldManager": "modelway-cli"})
    verb, _, rest = api.cluster.resource.annotations[names.ACTION].partition("@")
    assert (verb, rest.split(":")[0]) == ("promote", api.cluster.candidate)


def test_the_same_verb_twice_is_two_requests(modelway: Command, api: HttpApi) -> None:
    assert modelway("pause", "digits").exit_code == 0
    first = api.cluster.resource.annotations[names.ACTION]
    assert modelway("resume", "digits").exit_code == 0
    assert modelway("pause", "digits").exit_code == 0
    assert api.cluster.resource.annotations[names.ACTION] != first


def test_a_verb_that_does_not_apply_ends_with_exit_code_1_and_the_reason(modelway: Command) -> None:
    told = modelway("retry", "digits")
    assert told.exit_code == 1
    assert told.output == "retry digits: ignored. The revision did not fail, so there is nothing to retry.\n"


@pytest.mark.parametrize(("arguments", "verb"), [(("promote", "--full"), "promote-full"), (("abort",), "abort")])
def test_each_verb_is_told_in_the_operators_words(
    modelway: Command, api: HttpApi, arguments: tuple[str, ...], verb: str
) -> None:
    told = json.loads(modelway(*arguments, "digits", "-o", "json").output)
    assert told["done"] is True
    assert told["action"].startswith(f"{verb}@{api.cluster.resource.status['rollout']['target'][-10:]}:")


def test_an_operator_that_does_not_answer_is_said(tmp_path: Path, api: HttpApi) -> None:
    api.obeys = False
    with api.serving(tmp_path) as kubeconfig:
        told = command(api, kubeconfig)("pause", "digits", "--timeout", "1")
    assert told.exit_code == 1
    assert "the operator did not answer to pause within 1 s" in told.stderr


def test_undo_returns_the_spec_to_what_serves(modelway: Command, api: HttpApi) -> None:
    rollout = api.cluster.resource.spec["rollout"]
    told = modelway("undo", "digits")
    assert told.exit_code == 0, told.stderr
    assert "the spec asks for revision 1 again" in told.output
    assert api.cluster.resource.spec["model"] == {"uri": ONE, "version": "1"}
    assert api.cluster.resource.spec["rollout"] == rollout
    api.cluster.settle(200)
    assert api.cluster.resource.status["stable"]["version"] == "1"
    assert "candidate" not in api.cluster.resource.status


def test_undo_refuses_where_a_repository_would_undo_it(modelway: Command, api: HttpApi) -> None:
    api.metadata = {"labels": {"kustomize.toolkit.fluxcd.io/name": "models"}}
    told = modelway("undo", "digits", "--to-revision", "1")
    assert (told.exit_code, api.writes) == (1, [])
    assert "Flux keeps digits as its repository says" in told.stderr
    assert modelway("undo", "digits", "--force").exit_code == 0


def test_history_and_diff_tell_of_the_revisions(modelway: Command) -> None:
    head, two, one = modelway("history", "digits").output.splitlines()
    assert head.split()[:3] == ["REVISION", "HASH", "VERSION"]
    assert (two.split()[0], two.split()[4]) == ("2", "candidate")
    assert (one.split()[0], one.split()[4]) == ("1", "stable")
    told = modelway("diff", "digits").output.splitlines()
    assert told[:2] == ["--- digits revision 1", "+++ digits revision 2"]
    assert f"- model.uri: {ONE}" in told and f"+ model.uri: {TWO}" in told
    assert "there is no revision 9 of digits" in modelway("diff", "digits", "1", "9").stderr


def test_why_is_one_paragraph(modelway: Command) -> None:
    told = modelway("why", "digits").output
    assert told.count("\n") == 1
    assert "`modelway promote digits` goes on with the next step" in told


def test_plan_says_what_a_file_would_do_and_changes_nothing(modelway: Command, api: HttpApi, tmp_path: Path) -> None:
    before = dict(api.cluster.children)
    told = modelway("plan", "-f", manifest(tmp_path, labelled("s3://models/digits/3/", "3", steps=WAITING)))
    assert told.exit_code == 2, told.stderr
    assert "+ spec.model.uri: s3://models/digits/3/" in told.output
    assert "+ Deployment digits-" in told.output
    assert "A rollout of revision 2 is under way; it is given up for this one." in told.output
    assert (api.cluster.children, api.writes) == (before, [])


def test_plan_of_what_is_there_already_is_no_change(modelway: Command, api: HttpApi, tmp_path: Path) -> None:
    told = modelway("plan", "-f", manifest(tmp_path, dict(api.cluster.resource.spec)))
    assert (told.exit_code, told.output) == (0, "ModelDeployment ml/digits: no change.\n")


def test_plan_of_a_new_one_names_its_first_children(modelway: Command, tmp_path: Path) -> None:
    told = json.loads(modelway("plan", "-o", "json", "-f", manifest(tmp_path, canary(ONE), "faces")).output)
    (one,) = told
    assert (one["exists"], one["namespace"]) == (False, "ml")
    assert {line["sign"] for line in one["writes"]} == {"+"}
    assert {line["kind"] for line in one["writes"]} >= {"ControllerRevision", "ConfigMap", "Service", "Deployment"}


def test_plan_names_the_routes_of_a_gateway(modelway: Command, tmp_path: Path) -> None:
    behind = canary(ONE) | {"traffic": {"gateway": {"parentRefs": [{"name": "public"}]}}}
    (one,) = json.loads(modelway("plan", "-o", "json", "-f", manifest(tmp_path, behind, "faces")).output)
    assert [line["kind"] for line in one["writes"]][-1] == "HTTPRoute"


def test_plan_of_what_the_api_server_refuses_is_an_error(modelway: Command, tmp_path: Path) -> None:
    told = modelway("plan", "-f", manifest(tmp_path, {"model": {"uri": "ftp://a/b"}}))
    assert told.exit_code == 1
    assert "ModelDeployment ml/digits: spec.model.uri is 'ftp://a/b'" in told.stderr


def test_what_kubectl_applied_before_and_the_file_no_longer_says_would_be_gone(
    modelway: Command, api: HttpApi, tmp_path: Path
) -> None:
    spec = dict(api.cluster.resource.spec)
    sent = json.dumps({"metadata": {"name": "digits"}, "spec": spec})
    api.metadata = {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": sent}}
    without = {key: value for key, value in spec.items() if key != "scaling"}
    told = modelway("plan", "-f", manifest(tmp_path, without))
    assert told.exit_code == 2
    assert told.output.splitlines()[1] == "  - spec.scaling.replicas: 2"


def test_a_plan_applies_as_the_one_who_applied_before(modelway: Command, api: HttpApi, tmp_path: Path) -> None:
    flux = {"manager": "kustomize-controller", "operation": "Apply", "fieldsV1": {"f:spec": {"f:model": {}}}}
    status = {"manager": "modelway", "operation": "Apply", "subresource": "status", "fieldsV1": {"f:status": {}}}
    api.metadata = {"managedFields": [status, flux]}
    told = modelway("plan", "-f", manifest(tmp_path, labelled(ONE, "1", steps=WAITING)))
    ((how, query),) = api.dry_runs
    assert how == "application/apply-patch+yaml"
    assert query == {"fieldManager": "kustomize-controller", "force": "true", "dryRun": "All"}
    assert "warning: Flux applies this object; what is applied by hand will be undone." in told.output


def test_a_plan_before_the_operator_looked_says_so(modelway: Command, api: HttpApi, tmp_path: Path) -> None:
    api.cluster.change(labelled("s3://models/digits/3/", "3", steps=WAITING))
    told = modelway("plan", "-f", manifest(tmp_path, labelled("s3://models/digits/4/", "4", steps=WAITING)))
    assert "warning: the operator has not looked at the latest change yet" in told.output


def test_a_verb_waits_until_the_operator_knows_the_latest_spec(modelway: Command, api: HttpApi) -> None:
    api.cluster.change(labelled("s3://models/digits/3/", "3", steps=WAITING))
    told = modelway("promote", "digits", "--timeout", "1")
    assert (told.exit_code, api.writes) == (1, [])
    assert "the operator has not looked at the latest change of digits yet" in told.stderr


def test_watching_prints_what_changed_and_nothing_else(api: HttpApi, tmp_path: Path) -> None:
    with api.serving(tmp_path) as kubeconfig:
        ended = threading.Thread(target=_change_then_vanish, args=(api,))
        ended.start()
        told = command(api, kubeconfig)("get", "digits", "--watch")
        ended.join()
    assert told.exit_code == 1
    assert "there is no ModelDeployment digits" in told.stderr
    first, second = told.stdout.strip().split("\n\n")
    assert "pause until a person promotes" in first
    assert first.startswith("ml/digits: Paused") and not second.startswith("ml/digits: Paused")


def _change_then_vanish(api: HttpApi) -> None:
    """Something that changes nothing to be seen, then a promotion, then the end."""
    tick = threading.Event()
    while api.watched < 2:
        tick.wait(0.01)
    api.tell()
    tick.wait(0.5)
    api.cluster.act("promote")
    api.cluster.look()
    api.tell()
    tick.wait(0.5)
    api.cluster.resource = replace(api.cluster.resource, name="another")
    api.tell()


def test_a_cluster_that_does_not_answer_is_said(tmp_path: Path) -> None:
    api = HttpApi(settled(canary(ONE)))
    with api.serving(tmp_path) as kubeconfig:
        pass
    told = command(api, kubeconfig)("list")
    assert told.exit_code == 1
    assert "the API server does not answer" in told.stderr


def test_a_failed_rollout_is_retried_in_one_line(tmp_path: Path) -> None:
    api = HttpApi(rolled_back())
    with api.serving(tmp_path) as kubeconfig:
        told = command(api, kubeconfig)("retry", "digits")
    assert told.output == "retry digits: done. The failure is forgotten; it begins anew.\n"
    step(api.cluster)
    assert not api.cluster.condition("Stalled")


def completed(kubeconfig: Path, *words: str) -> list[str]:
    """What kubectl is told of the last word."""
    command = [sys.executable, "-c", "from modelway.cli.completion import main; main()", *words]
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.splitlines()


def test_kubectl_completes_commands_options_and_names(api: HttpApi, tmp_path: Path) -> None:
    with api.serving(tmp_path) as kubeconfig:
        assert completed(kubeconfig, "pro") == ["promote", ":4"]
        assert completed(kubeconfig, "promote", "--fu") == ["--full", ":4"]
        assert completed(kubeconfig, "get", "di") == ["digits", ":4"]
        assert completed(kubeconfig, "plan", "-f", "")[-1] == ":0"
    assert completed(tmp_path / "nowhere", "get", "di") == [":4"]
