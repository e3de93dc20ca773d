"""The chart itself comes and goes under load: an upgrade, an uninstall and a new install; nobody who asks notices."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.audit import AuditMark
from e2e.cluster import Cluster
from e2e.load import Load
from e2e.steps import ROOT, SYSTEM, Namespace, install_chart, model_deployment, wait_until

OURS = "app.kubernetes.io/managed-by=modelway"
KINDS = "deployments,services,configmaps,controllerrevisions,poddisruptionbudgets,pods"
FORMER_IMAGE = "modelway/operator:former"


def former_commit() -> str:
    """FROM, or the last but one that touched the operator or its chart; this one where there is no history."""
    log = ["git", "rev-list", "--max-count=2", "HEAD", "--", "operator", "helm"]
    known = subprocess.run(log, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return os.environ.get("FROM") or known[-1]


def former_release(cluster: Cluster, folder: Path) -> str:
    """Installs the chart of a former commit with the operator of that commit; returns which."""
    commit = former_commit()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "x", "-C", str(folder)], input=archive, check=True)
    cluster.provider.build_image(folder / "operator" / "Dockerfile", folder, [FORMER_IMAGE])
    install_chart(cluster, "image.operator.tag=former", chart=folder / "helm" / "modelway")
    return commit[:10]


def render_version(tree: Path) -> str:
    """Which way of making pods that tree's operator has."""
    found = re.search(r"^RENDER_VERSION.* = (\d+)$", (tree / "operator/modelway/decide/revision.py").read_text(), re.M)
    assert found
    return found[1]


def under_load(namespace: Namespace) -> Load:
    url = "http://digits/v2/models/digits/infer"
    return Load(namespace.cluster, namespace.name).start(url, duration=280, rate=100, keep_alive=3, new=3)


def children(namespace: Namespace) -> dict[str, str]:
    """Everything that belongs to models, with its uid: the same after as before."""
    items = namespace.items(KINDS, OURS)
    return {f"{each['kind']}/{each['metadata']['name']}": each["metadata"]["uid"] for each in items}


def leader(cluster: Cluster) -> str:
    return cluster.kubectl("-n", SYSTEM, "get", "lease", "modelway", "-o", "jsonpath={.spec.holderIdentity}")


def led_by_a_present_pod(cluster: Cluster) -> bool:
    selector = "app.kubernetes.io/component=operator"
    present = cluster.kubectl("-n", SYSTEM, "get", "pods", "-l", selector, "-o", "jsonpath={.items[*].metadata.name}")
    return leader(cluster) in present.split()


@pytest.mark.timeout(420)
def test_an_upgrade_of_the_chart_disturbs_nobody(
    namespace: Namespace, tmp_path: Path, say: Callable[[str], None]
) -> None:
    cluster = namespace.cluster
    commit = former_release(cluster, tmp_path)
    try:
        namespace.apply(model_deployment(scaling={"replicas": 2}))
        namespace.wait_serving("1")
        time.sleep(8)  # the last status and Events are out
        load, before, mark = under_load(namespace), children(namespace), AuditMark(cluster.audit_log)
    finally:
        install_chart(cluster)
    wait_until(lambda: led_by_a_present_pod(cluster), 60, lambda: f"a new pod leads, not {leader(cluster)}")
    time.sleep(10)
    written = mark.writes(namespace=namespace.name)
    rolled = children(namespace) != before
    namespace.apply(model_deployment(version="2", scaling={"replicas": 2}))
    namespace.wait_serving("2")
    report = load.finish()
    say(f"upgrade from {commit}: {dict(written)} written; {report.sentence()}")
    assert report.failed == 0, report.document["failures"]
    # Each model is rolled where, and only where, pods are made otherwise by now.
    assert rolled == bool(written) == (render_version(tmp_path) != render_version(ROOT))


@pytest.mark.timeout(300)
def test_an_uninstall_leaves_models_that_answer_and_a_new_install_finds_them(
    namespace: Namespace, say: Callable[[str], None]
) -> None:
    cluster = namespace.cluster
    namespace.apply(model_deployment(scaling={"replicas": 2}))
    namespace.wait_serving("1")
    time.sleep(8)
    load, before = under_load(namespace), children(namespace)
    try:
        cluster.helm("uninstall", "modelway", "-n", SYSTEM, "--wait")
        pods = ("get", "pods", "-n", SYSTEM, "-o", "name")  # on their way out, for which Helm does not wait
        wait_until(lambda: not cluster.kubectl(*pods).strip(), 60, lambda: cluster.kubectl(*pods))
        left = cluster.kubectl("get", "all,sa,cm,role,rolebinding,lease", "-n", SYSTEM, "-o", "name").split()
        wide = cluster.kubectl("get", "clusterrole,clusterrolebinding,crd", "-o", "name").split()
        time.sleep(5)
        assert children(namespace) == before
        assert namespace.status()["phase"] == "Ready"
    finally:
        mark = AuditMark(cluster.audit_log)
        install_chart(cluster)
    time.sleep(10)
    written = mark.writes(namespace=namespace.name)
    report = load.finish()
    say(f"left: {left}, {[name for name in wide if 'modelway' in name]}; {report.sentence()}")
    assert not [name for name in left if "modelway" in name and name != "lease.coordination.k8s.io/modelway"]
    assert [name for name in wide if "modelway" in name] == [
        "customresourcedefinition.apiextensions.k8s.io/modeldeployments.modelway.io"
    ]
    assert children(namespace) == before
    assert not written
    assert report.failed == 0, report.document["failures"]


@pytest.mark.timeout(180)
def test_helm_test_serves_a_model_and_leaves_nothing(modelway: Cluster, say: Callable[[str], None]) -> None:
    told = modelway.helm("test", "modelway", "--namespace", SYSTEM, "--timeout", "120s")
    say(next(line for line in told.splitlines() if line.startswith("Phase:")))
    assert "Phase:          Succeeded" in told
    kinds = "md,pods,configmaps,serviceaccounts,roles,rolebindings"
    brought = ("-l", "app.kubernetes.io/component=test", "-o", "name")
    wait_until(lambda: not modelway.kubectl("-n", SYSTEM, "get", kinds, *brought).strip(), 30,
               lambda: modelway.kubectl("-n", SYSTEM, "get", kinds, *brought))  # fmt: skip
