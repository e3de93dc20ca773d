"""The chart installed twice: helm is refused with a sentence; an operator that got past it leaves everything alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from e2e.audit import AuditMark
from e2e.cluster import Cluster
from e2e.cluster.commands import CommandFailed
from e2e.steps import CHART, Namespace, model_deployment, wait_until
from modelway.cluster.neighbours import FRESH_SECONDS

SECOND = "second-system"


def images(cluster: Cluster) -> list[str]:
    """The values that name this checkout's images."""
    named = {name: cluster.image(name).rsplit(":", 1) for name in ("operator", "runtime")}
    return [
        word
        for name, (repository, tag) in named.items()
        for word in ("--set", f"image.{name}.repository={repository}", "--set", f"image.{name}.tag={tag}")
    ]


@pytest.fixture
def second(modelway: Cluster) -> Iterator[Namespace]:
    modelway.kubectl("delete", "namespace", SECOND, "--ignore-not-found", "--timeout=60s")  # the former test's, going
    modelway.kubectl("create", "namespace", SECOND)
    yield Namespace(modelway, SECOND)
    modelway.kubectl("delete", "clusterrole,clusterrolebinding", "-l", "app.kubernetes.io/instance=second")
    modelway.kubectl("delete", "namespace", SECOND, "--wait=false")


@pytest.mark.timeout(60)
def test_helm_is_told_which_release_is_there(modelway: Cluster, say: Callable[[str], None]) -> None:
    with pytest.raises(CommandFailed) as refusal:
        modelway.helm("install", "second", str(CHART), "-n", SECOND, "--dry-run=server")
    sentence = next(line for line in str(refusal.value.output).splitlines() if "installed already" in line)
    say(sentence)
    for words in ("release modelway in namespace modelway-system", "helm uninstall modelway -n"):
        assert words in sentence


@pytest.mark.timeout(180)
def test_one_that_was_applied_without_helm_stands_by(
    namespace: Namespace, second: Namespace, say: Callable[[str], None]
) -> None:
    cluster = namespace.cluster
    settings = ("--set", "crds.install=false", "--set", "replicas=1", "--set", "resyncSeconds=10")
    rendered = cluster.helm("template", "second", str(CHART), "-n", SECOND, "--no-hooks", *settings, *images(cluster))
    second.kubectl("apply", "-f", "-", input=rendered)
    second.kubectl("rollout", "status", "deployment/second-modelway", "--timeout=60s")

    mark = AuditMark(cluster.audit_log)
    namespace.apply(model_deployment())
    namespace.wait_serving("1")
    wait_until(lambda: "is left to" in logs(second), 30, lambda: logs(second))
    say(next(line for line in logs(second).splitlines() if f"{namespace.name} is left to" in line))
    account = f"system:serviceaccount:{SECOND}:second-modelway"
    assert mark.writes(namespace=namespace.name), "the first one did its work"
    assert not mark.writes(account), "the second one wrote"


def logs(second: Namespace) -> str:
    return second.kubectl("logs", "deployment/second-modelway")


@pytest.mark.timeout(240)
def test_one_that_was_given_a_namespace_goes_first_there_until_it_is_removed(
    namespace: Namespace, second: Namespace, say: Callable[[str], None]
) -> None:
    """Its server image is missing, so that everybody sees whose pods these are, and what a missing image looks like."""
    cluster = namespace.cluster
    missing = ("--set", "image.runtime.tag=nowhere", "--set", f"namespaces={{{namespace.name}}}")
    settings = (*images(cluster), *missing, "--set", "crds.install=false", "--set", "replicas=1")
    cluster.helm("install", "second", str(CHART), "-n", SECOND, *settings, "--wait", "--timeout", "60s")
    try:
        time.sleep(FRESH_SECONDS)  # the first one may have looked just before
        namespace.apply(model_deployment())
        wait_until(lambda: namespace.condition("ModelLoaded").get("reason") == "ImageUnavailable", 60,
                   lambda: str(namespace.status()))  # fmt: skip
        message = namespace.condition("ModelLoaded")["message"]
        say(message)
        assert "modelway/runtime:nowhere" in message and "spec.serving.pod.imagePullSecrets" in message
    finally:
        cluster.helm("uninstall", "second", "-n", SECOND, "--wait")
    took = wait_until(lambda: namespace.condition("Ready").get("status") == "True", 90, lambda: str(namespace.status()))
    say(f"the first one took over and serves {took:.1f} s after the second one's removal")
