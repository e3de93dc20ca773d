"""Files of every kind of brokenness: one sentence that says where and what to do, exit code 1, never a traceback."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from modelway.api.crd import custom_resource_definition
from modelway.cli.app import app
from modelway.cli.manifests import manifests
from modelway.cli.view.linting import findings

HEAD = "apiVersion: modelway.io/v1alpha1\nkind: ModelDeployment\nmetadata: {name: digits}\n"
FINE = HEAD + "spec:\n  model: {uri: s3://models/digits/1/}\n"
BOMB = "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(
    f"{at}: &{at} [{','.join([f'*{before}'] * 8)}]\n" for before, at in zip("abcdefgh", "bcdefghi", strict=True)
)


def lint(folder: Path, data: bytes | str) -> tuple[int, str]:
    path = folder / "f.yaml"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    told = CliRunner().invoke(app, ["lint", "-f", str(path)])
    assert told.exception is None or isinstance(told.exception, SystemExit), repr(told.exception)
    return told.exit_code, (told.stdout + told.stderr).replace(f"{folder}/", "")


BROKEN: list[tuple[str, bytes | str, str]] = [
    ("empty", "", "f.yaml holds nothing. Give -f a file that holds a ModelDeployment."),
    ("marks alone", "---\n---\n", "f.yaml holds nothing."),
    ("a list", "- a\n", "f.yaml holds no ModelDeployment, but a list."),
    ("plain text", "hello\n", "f.yaml holds no ModelDeployment, but plain text."),
    ("another kind", "kind: Deployment\n", "f.yaml holds no ModelDeployment, but a Deployment."),
    ("no kind", "a: 1\n", "f.yaml holds no ModelDeployment, but a mapping without a kind."),
    ("tabs", "a:\n\tb: 1\n", "f.yaml:2: it is no YAML: found character '\\t' that cannot start any token. Indent with"),
    (
        "a picture",
        b"\x89PNG\r\n\x1a\n\0",
        "f.yaml:1: it is no text: byte 0x89 is no UTF-8. Give -f YAML or JSON in UTF-8.",
    ),
    ("a zero byte", b"a: 1\nb: \0", "f.yaml:2: it is no YAML: it holds the control character 0x00. Remove it."),
    ("a template", "{{- if .x }}\nkind: ModelDeployment\n", "It looks like a template; render it first"),
    ("a key twice", FINE + "  model: {uri: s3://a/b}\n", "f.yaml:6: model stands here again, after line 5. Remove one"),
    ("a key that is no text", FINE + "  7: {}\n", "f.yaml:6: the key 7 is no text. Put it into quotes, or remove it."),
    ("a list as a key", FINE + "  ? [a]\n  : c\n", "f.yaml:6: the key that is a list or a mapping is no text."),
    (
        "a tag",
        HEAD + "spec: !!python/object:os.system {}\n",
        "f.yaml:4: the tag !!python/object:os.system means nothing",
    ),
    ("no number of JSON's", FINE + "  x: .nan\n", "f.yaml:6: .nan is a number that JSON can't hold."),
    (
        "a number too large",
        FINE + "  x: 99999999999999999999\n",
        "f.yaml:6: 99999999999999999999 is a number that JSON",
    ),
    ("half a character", HEAD + 'spec: {model: {uri: "\\ud800"}}\n', "f.yaml:4: half of a surrogate pair is no text."),
    (
        "an alias inside itself",
        HEAD + "spec: &s {x: *s}\n",
        "f.yaml: lists or mappings stand too deep inside each other",
    ),
    ("too deep", "a: " + "[" * 5000 + "]" * 5000, "f.yaml: lists or mappings stand too deep inside each other"),
    ("a billion laughs", BOMB, "f.yaml:1: a document with its aliases has more than 100,000 fields."),
    ("nearly our kind", FINE.replace("kind: M", "kind: m"), "f.yaml:2: error: kind is 'modelDeployment'; write Model"),
    ("our API alone", FINE.replace("kind: ModelDeployment\n", ""), "f.yaml:1: error: kind is missing; write ModelDepl"),
    (
        "metadata of text",
        FINE.replace("{name: digits}", "digits"),
        "f.yaml:3: error: metadata is 'digits': it must hold",
    ),
    ("no metadata", FINE.replace("{name: digits}", ""), "f.yaml:3: error: metadata.name is missing. Set it."),
    (
        "a label of no text",
        FINE.replace("digits}", "digits, labels: {a: yes}}"),
        "metadata.labels.a is true: it must be",
    ),
    (
        "a typo beside it",
        FINE.replace("digits}", "digits, lables: {}}"),
        "metadata.lables is no field. Did you mean labels?",
    ),
    ("a typo at the top", FINE + "sepc: {}\n", "f.yaml:6: error: sepc is no field. Did you mean spec?"),
    (
        "a spec of text",
        HEAD + "spec: hello\n",
        "f.yaml:4: error: spec is 'hello': it must hold fields. Set spec.model.uri",
    ),
    ("Python's name of a field", FINE + "  rollout: {progress_deadline: 9m}\n", "Did you mean progressDeadline?"),
    (
        "a quoted number",
        FINE + "  scaling: {replicas: '3'}\n",
        "replicas is '3': it must be a whole number; remove the quo",
    ),
    (
        "a quoted truth",
        FINE + "  serving: {grpc: 'true'}\n",
        "grpc is 'true': it must be true or false; remove the quotes.",
    ),
    (
        "a version that is a number",
        FINE.replace("1/}", "1/, version: 1.10}"),
        "version is 1.1: it must be text; put it into",
    ),
    (
        "a word of another case",
        FINE + "  rollout: {strategy: canary}\n",
        "one of RollingUpdate, Canary, BlueGreen; did you me",
    ),
]


@pytest.mark.parametrize(("data", "told"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_what_is_broken_is_said_with_a_remedy(tmp_path: Path, data: bytes | str, told: str) -> None:
    code, printed = lint(tmp_path, data)
    assert code == 1
    assert told in printed


READ = [
    ("a date is text", "model: {uri: s3://a/b, version: 2026-01-31}", ("model", "version"), "2026-01-31"),
    ("an exponent is a number", "rollout: {steps: [{shadow: {absoluteTolerance: 1e-4}}]}", ("rollout",), None),
    ("minutes and seconds are text", "rollout: {progressDeadline: 10:30}", ("rollout", "progressDeadline"), "10:30"),
    ("y is true", "rollout: {paused: y}", ("rollout", "paused"), True),
    ("zero is zero", "scaling: {replicas: 0}", ("scaling", "replicas"), 0),
]


@pytest.mark.parametrize(("spec", "path", "value"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_yaml_is_read_as_kubectl_reads_it(tmp_path: Path, spec: str, path: tuple[str, ...], value: Any) -> None:
    (tmp_path / "f.yaml").write_text(f"{HEAD}spec: {{{spec}}}\n")
    (manifest,) = manifests(str(tmp_path / "f.yaml"))
    found = manifest.content["spec"]
    for part in path:
        found = found[part]
    assert found == value if value is not None else found["steps"][0]["shadow"]["absoluteTolerance"] == 1e-4


def test_a_field_that_is_null_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    code, printed = lint(tmp_path, FINE + "  serving:\n  rollout: {strategy: }\n")
    assert code == 0
    assert "f.yaml:6: warning: spec.serving: it is empty, as if it were not there. Set it, or remove it." in printed


def test_a_status_in_a_file_is_a_warning(tmp_path: Path) -> None:
    code, printed = lint(tmp_path, FINE + "status: {phase: Ready}\n")
    assert (code, "only Modelway writes the status" in printed) == (0, True)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("", "the file's name is empty. Give -f a file, a folder, or - for standard input."),
        ("nowhere.yaml", "nowhere.yaml can't be read: No such file or directory. Give -f a file"),
        ("empty", "empty is a folder without .yaml, .yml or .json files. Give -f another one."),
        ("-", "<stdin>:1: it is no text: byte 0xff is no UTF-8."),
    ],
)
def test_what_can_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, told: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    for command in ("lint", "plan"):
        found = CliRunner().invoke(app, [command, "-f", file], input=b"\xff\xfe")
        assert (found.exit_code, found.stdout) == (1, "")
        assert told in found.stderr


def fields(node: Mapping[str, Any], path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every field of a schema."""
    if path:
        yield path
    for name, below in (node.get("properties") or {}).items():
        yield from fields(below, (*path, name))
    if "items" in node:
        yield from fields(node["items"], (*path, 0))


def spec_with(path: tuple[str | int, ...], value: Any) -> Any:
    """A spec that holds the value there, and nothing else."""
    for part in reversed(path):
        value = [value] if isinstance(part, int) else {part: value}
    return {"model": {"uri": "s3://a/b"}} | value


SCHEMA = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
JUNK = [3, -1, 1.5, True, "", "x", "💥" * 50, [], {}, [None], {"a": None}, {"": []}, math.nan, 10**30, None]


@pytest.mark.parametrize("path", list(fields(SCHEMA)), ids=lambda path: ".".join(map(str, path)))
def test_no_value_of_any_field_makes_lint_stumble(path: tuple[str | int, ...]) -> None:
    document = {"apiVersion": "modelway.io/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "digits"}}
    for value in JUNK:
        for found in findings({**document, "spec": spec_with(path, value)}):
            assert found.message.endswith((".", "?")), json.dumps(found.message)
            assert "Input should" not in found.message
