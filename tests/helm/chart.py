"""The chart as the tests read it: rendered by the real helm, parsed by PyYAML."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster.settings import programs

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "modelway"
NAMESPACE = "modelway-system"

Document = dict[str, Any]


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run helm, the cluster's or the machine's; without one the test fails, as it proves nothing."""
    program = shutil.which("helm", path=f"{programs()}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        pytest.fail("there is no helm: `make cluster-up` builds one; `pytest -m 'not cluster'` leaves these tests out")
    return subprocess.run([program, *arguments], text=True, capture_output=True, check=False, timeout=60)


@cache
def template(*settings: str) -> subprocess.CompletedProcess[str]:
    """`helm template` with values as of --set; a value with = and JSON after := goes through --set-json."""
    chosen = [
        word
        for setting in settings
        for word in (("--set-json", setting.replace(":=", "=", 1)) if ":=" in setting else ("--set", setting))
    ]
    return helm("template", "modelway", str(CHART), "--namespace", NAMESPACE, *chosen)


def render(*settings: str) -> list[Document]:
    """Every object of the chart, hooks included."""
    done = template(*settings)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def of_kind(documents: list[Document], *kinds: str) -> list[Document]:
    return [document for document in documents if document["kind"] in kinds]


def one(documents: list[Document], kind: str, name: str) -> Document:
    found = [each for each in of_kind(documents, kind) if each["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects {kind}/{name}"
    return found[0]


def pods(documents: list[Document]) -> Iterator[Document]:
    """The spec of each pod that the chart brings: the operator's and the test's."""
    for document in documents:
        if document["kind"] == "Pod":
            yield document["spec"]
        elif "template" in document.get("spec", {}):
            yield document["spec"]["template"]["spec"]


def is_hook(document: Document) -> bool:
    return "helm.sh/hook" in document["metadata"].get("annotations", {})
