"""What strangers do to the command line: wrong names, no cluster, no rights, closed pipes, Ctrl-C, narrow terminals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from modelway.cli.app import app
from modelway.cli.view.branch import plain
from modelway.cli.view.picture import picture
from modelway.cli.view.tree import tree
from modelway.cli.view.why import why
from tests.cli.documents import on_its_way, rolled_back, seen
from tests.cli.http_api import HttpApi


def modelway(kubeconfig: Path, *arguments: str) -> Any:
    found = CliRunner().invoke(app, [arguments[0], "--kubeconfig", str(kubeconfig), *arguments[1:]])
    assert found.exception is None or isinstance(found.exception, SystemExit), repr(found.exception)
    return found


@pytest.fixture
def api() -> HttpApi:
    return HttpApi(on_its_way())


@pytest.fixture
def kubeconfig(api: HttpApi, tmp_path: Path) -> Iterator[Path]:
    with api.serving(tmp_path) as path:
        yield path


@pytest.mark.parametrize("name", ["..", "a/b", "Digits", "дигитс", "a?b", "a b", "digits/status", "x" * 300])
def test_what_can_be_no_name_is_never_asked_for(kubeconfig: Path, name: str) -> None:
    for command in ("get", "promote", "why"):
        told = modelway(kubeconfig, command, "--", name)
        assert (told.exit_code, told.stdout) == (1, "")
        assert f"{name!r} is no name of a ModelDeployment: small letters" in told.stderr
    assert f"{name!r} is no name of a namespace" in modelway(kubeconfig, "list", "-n", name).stderr


def test_an_empty_name_is_said(kubeconfig: Path) -> None:
    assert "the name of the ModelDeployment is empty" in modelway(kubeconfig, "get", "").stderr


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "log in again"), (403, "Ask for that right"), (404, "Is Modelway's chart installed"), (503, "Try again in")],
)
@pytest.mark.parametrize("arguments", [("list",), ("get", "digits"), ("get", "digits", "-w"), ("abort", "digits")])
def test_a_refusal_of_the_api_server_has_a_remedy(
    api: HttpApi, kubeconfig: Path, arguments: tuple[str, ...], status: int, told: str
) -> None:
    api.denied = {"ModelDeployment": status}
    found = modelway(kubeconfig, *arguments)
    assert (found.exit_code, found.stdout) == (1, "")
    assert told in found.stderr


def test_the_tree_needs_no_rights_but_for_what_it_shows(api: HttpApi, kubeconfig: Path) -> None:
    others = ("ConfigMap", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Event", "HTTPRoute")
    api.denied = dict.fromkeys(others, 403)
    assert modelway(kubeconfig, "get", "digits").exit_code == 0


@pytest.mark.parametrize(
    ("server", "user", "told"),
    [
        ("127.0.0.1:1", {}, "the kubeconfig's server '127.0.0.1:1' is no address of an API server. Write https://"),
        ("", {}, "the kubeconfig's server '' is no address"),
        ("http://127.0.0.1:1", {}, "Does it run, and does `kubectl config view --minify` name the right one?"),
        ("http://127.0.0.1:1", {"tokenFile": "/nope"}, "the kubeconfig names /nope, which can't be read: No such file"),
    ],
)
def test_a_kubeconfig_that_leads_nowhere_is_said(tmp_path: Path, server: str, user: dict[str, str], told: str) -> None:
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    content = {"current-context": "c", "contexts": [context], "users": [{"name": "u", "user": user}]}
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps({**content, "clusters": [{"name": "c", "cluster": {"server": server}}]}))
    for arguments in (("list",), ("get", "digits"), ("get", "digits", "--watch"), ("undo", "digits")):
        found = modelway(path, *arguments)
        assert (found.exit_code, found.stdout) == (1, "")
        assert told in found.stderr


@pytest.mark.parametrize("arguments", [("plan",), ("get",), ("nope",), ("get", "a", "-o", "xml"), ("get", "--nope")])
def test_a_wrong_option_is_an_error_and_no_change(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, list(arguments)).exit_code == 1


def test_watching_goes_with_a_tree_alone(kubeconfig: Path) -> None:
    found = modelway(kubeconfig, "get", "digits", "--watch", "-o", "json")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "--watch draws a tree" in found.stderr


@pytest.mark.parametrize("role", ["stable", "candidate"])
@pytest.mark.parametrize("field", ["revision", "name", "ready", "replicas"])
def test_a_status_of_another_version_is_shown_as_far_as_it_goes(role: str, field: str) -> None:
    found = seen(rolled_back())
    status = json.loads(json.dumps(found.resource["status"]))
    del status[role][field], status["rollout"]["evidence"][0]["check"], status["rollout"]["evidence"][0]["state"]
    older = replace(found, resource={**found.resource, "status": status})
    assert list(plain(tree(picture(older))))
    assert why(older)


def test_a_step_that_this_version_does_not_know_is_said() -> None:
    found = seen(on_its_way())
    rollout = {**found.spec["rollout"], "steps": [{}, *found.spec["rollout"]["steps"][1:]]}
    newer = replace(found, resource={**found.resource, "spec": {**found.spec, "rollout": rollout}})
    assert any("a step of a kind that this version does not know" in line for line in plain(tree(picture(newer))))


def started(kubeconfig: Path, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    """The real program. A job in the background, as this may be one, ignores Ctrl-C, and so would its children."""
    command = [sys.executable, "-m", "modelway.cli", *arguments, "--kubeconfig", str(kubeconfig)]
    pipe = subprocess.PIPE
    listening = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, env={**os.environ, **environment}, preexec_fn=listening)


def test_a_pipe_that_closes_early_is_no_error_that_anybody_reads(api: HttpApi, kubeconfig: Path) -> None:
    for arguments in (("list",), ("get", "digits"), ("get", "digits", "--watch")):
        program = started(kubeconfig, *arguments)
        assert program.stdout and program.stderr
        program.stdout.close()
        assert program.wait(60) in (1, 141)
        assert program.stderr.read() == b""
        program.stderr.close()


def test_ctrl_c_ends_a_watch_quietly(api: HttpApi, kubeconfig: Path) -> None:
    program = started(kubeconfig, "get", "digits", "--watch")
    assert program.stdout and program.stderr
    assert program.stdout.readline().startswith(b"ml/digits: ")
    program.send_signal(signal.SIGINT)
    _, told = program.communicate(timeout=60)
    assert (program.returncode, told) == (130, b"")


def test_a_terminal_without_unicode_gets_question_marks(kubeconfig: Path) -> None:
    told, errors = started(kubeconfig, "get", "digits", PYTHONIOENCODING="ascii").communicate(timeout=60)
    assert errors == b""
    assert told.decode("ascii").startswith("ml/digits: Progressing, Canary\n??? stable")
