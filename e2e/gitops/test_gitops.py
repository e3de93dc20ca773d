"""Tools for GitOps apply the same manifest every three seconds during a canary: nobody fights over a field. Argo CD's
scripts read the real object, its button is pressed, and a pipeline waits with the words of docs/gitops.md."""

from __future__ import annotations

import json
import re
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e.steps import ROOT, Namespace, model_deployment, wait_until
from tests.gitops.lua import DEFINITIONS, DISCOVERY, HEALTH, reference

PAGE = (ROOT / "docs/gitops.md").read_text()
# How Argo CD's server-side apply asks, and how a client that computes its own patch does.
SERVER_SIDE = ("apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller", "-f")
CLIENT_SIDE = ("apply", "-f")
CANARY = {
    "strategy": "Canary",
    "steps": [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}],
    "analysis": {"checks": [{"metric": "errorRate", "max": 0.05}]},  # a list in whose items defaults are filled in
}
ACTION = "modelway.io/action"


def live(namespace: Namespace) -> dict[str, Any]:
    """The object with who owns which field."""
    told = namespace.kubectl("get", "md", "digits", "-o", "json", "--show-managed-fields")
    document: dict[str, Any] = json.loads(told)
    return document


@contextmanager
def applied_again_and_again(namespace: Namespace, manifest: Path) -> Iterator[list[str]]:
    """Two tools, each every three seconds; what went wrong, if anything did."""
    over, errors = threading.Event(), list[str]()

    def tool(words: tuple[str, ...]) -> None:
        while not over.wait(3):
            try:
                namespace.kubectl(*words, str(manifest))
            except Exception as error:
                errors.append(str(error))

    tools = [threading.Thread(target=tool, args=(words,)) for words in (SERVER_SIDE, CLIENT_SIDE)]
    for each in tools:
        each.start()
    try:
        yield errors
    finally:
        over.set()
        for each in tools:
            each.join(30)


def recipe() -> list[list[str]]:
    """The words of docs/gitops.md for a pipeline that waits."""
    return [shlex.split(line) for line in re.findall(r"^\$ kubectl (wait .*?)(?: +#.*)?$", PAGE, re.MULTILINE)]


def at_rest(namespace: Namespace) -> dict[str, Any]:
    """The object, once nobody has written it for three seconds."""
    before: dict[str, Any] = {}
    for _ in range(10):
        after = live(namespace)
        if before == after:
            return after
        before = after
        time.sleep(3)
    raise AssertionError(f"it is still written: {before}")


@pytest.mark.timeout(200)
def test_nobody_fights_during_a_canary(namespace: Namespace, say: Callable[[str], None], tmp_path: Path) -> None:
    manifest = tmp_path / "digits.json"
    manifest.write_text(json.dumps(model_deployment(rollout=CANARY)))
    namespace.kubectl(*SERVER_SIDE, str(manifest))
    namespace.wait_serving("1")
    manifest.write_text(json.dumps(model_deployment(version="2", rollout=CANARY)))
    with applied_again_and_again(namespace, manifest) as errors:
        wait_until(lambda: namespace.status().get("phase") == "Paused", 60, lambda: f"it waits: {namespace.status()}")
        shown = live(namespace)
        assert reference(HEALTH, shown)["status"] == "Suspended"
        assert not reference(DISCOVERY, shown)["promote"]["disabled"]
        value = reference(DEFINITIONS["promote"], shown)["metadata"]["annotations"][ACTION]
        namespace.kubectl("annotate", "md/digits", f"{ACTION}={value}")
        for words in recipe():  # as a pipeline does after its apply
            namespace.kubectl(*words)
        took = wait_until(lambda: len(namespace.items("deployments")) == 1, 60, lambda: "the old one is gone")
    assert not errors
    after = at_rest(namespace)
    assert reference(HEALTH, after)["status"] == "Healthy"
    assert after["status"]["stable"]["version"] == "2"
    assert after["status"]["rollout"]["lastAction"]["result"] == "Done"
    assert after["metadata"]["generation"] == 2, "only the change of the manifest was one"
    ours = [entry for entry in after["metadata"]["managedFields"] if entry["manager"] == "modelway"]
    assert [(entry["operation"], entry["subresource"], set(entry["fieldsV1"])) for entry in ours] == [
        ("Apply", "status", {"f:status"})
    ]
    for tool in (SERVER_SIDE, CLIENT_SIDE):
        namespace.kubectl(*tool, str(manifest))
        again = live(namespace)
        assert again["metadata"]["generation"] == 2, tool  # whose field it is may change, what it says does not
        assert again["status"] == after["status"], tool
    managers = sorted({entry["manager"] for entry in after["metadata"]["managedFields"]})
    say(f"who owns fields: {', '.join(managers)}; the old revision went {took:.1f} s after the pipeline went on")
