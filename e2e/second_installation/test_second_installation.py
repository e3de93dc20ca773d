"""The chart installed twice: helm is refused with a sentence; an operator that got past it leaves everything alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from e2e.audit import AuditMark
from e2e.cluster import Cluster
from e2e.cluster.commands import CommandFailed
from e2e.steps import CHART, Namespace, model_deployment, wait_until

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
