"""What the operator, the test and people may do through the chart: exactly that, and never read a Secret."""

from __future__ import annotations

import pytest

from modelway.cluster.kinds import ROUTES, WATCHED
from modelway.world import Kind
from tests.helm.chart import NAMESPACE, Document, is_hook, of_kind, one, render

pytestmark = pytest.mark.cluster  # helm comes with the cluster

SEE_AND_APPLY = {"list", "watch", "create", "patch", "delete"}
KEPT = {Kind.CONFIG_MAP}  # goes with its owner; the operator deletes none
OTHERS = {
    ("modelway.io", "modeldeployments"): {"list", "watch"},
    ("modelway.io", "modeldeployments/status"): {"patch"},
    ("modelway.io", "modeldeployments/finalizers"): {"update"},
    ("", "pods"): {"list", "watch", "patch", "delete"},
    ("events.k8s.io", "events"): {"create", "patch"},
}

Rights = dict[tuple[str, str], set[str]]


def rights(role: Document) -> Rights:
    """Verbs by API group and resource."""
    found: Rights = {}
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


@pytest.mark.parametrize("namespaces", [[], ["namespaces={team-a,team-b}"]], ids=["cluster-wide", "namespaced"])
def test_no_rule_touches_secrets_or_uses_wildcards(namespaces: list[str]) -> None:
    for role in of_kind(render(*namespaces), "Role", "ClusterRole"):
        for (group, resource), verbs in rights(role).items():
            assert resource != "secrets", role["metadata"]["name"]
            assert "*" not in {group, resource, *verbs}, role["metadata"]["name"]
            assert not verbs & {"escalate", "bind", "impersonate"}


def test_every_kind_of_child_is_covered_and_nothing_else_is() -> None:
    children = {
        (each.group, each.plural): SEE_AND_APPLY - ({"delete"} if each.kind in KEPT else set())
        for each in (*WATCHED, *ROUTES)
        if each.kind in set(Kind)
    }
    assert len(children) == len(Kind)
    found = rights(one(render(), "ClusterRole", "modelway"))
    assert found == OTHERS | children
    assert all({"list", "watch"} <= found[(each.group, each.plural)] for each in (*WATCHED, *ROUTES))


def test_with_namespaces_the_operator_has_a_role_in_each_and_no_cluster_role() -> None:
    documents = render("namespaces={team-a,team-b}")
    assert of_kind(documents, "ClusterRoleBinding") == []
    assert {role["metadata"]["name"] for role in of_kind(documents, "ClusterRole")} == {
        "modelway-view",
        "modelway-edit",
    }
    roles = [role for role in of_kind(documents, "Role") if role["metadata"]["name"] == "modelway"]
    assert [role["metadata"]["namespace"] for role in roles] == ["team-a", "team-b"]
    wide = rights(one(render(), "ClusterRole", "modelway"))
    assert all(rights(role) == wide for role in roles)


def test_an_installation_needs_nothing_cluster_wide_where_that_is_asked_for() -> None:
    documents = render("namespaces={team-a}", "crds.install=false", "rbac.aggregateToDefaultRoles=false")
    assert of_kind(documents, "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition") == []


def test_leases_are_written_in_the_operators_namespace_under_one_name_only() -> None:
    for document in of_kind(render(), "Role", "ClusterRole"):
        for rule in document["rules"]:
            if "leases" in rule["resources"]:
                assert document["kind"] == "Role"
                assert document["metadata"]["namespace"] == NAMESPACE
                assert rule["verbs"] == ["create"] or rule["resourceNames"] == ["modelway"]


def test_every_binding_names_a_role_and_an_account_that_the_chart_brings() -> None:
    documents = render("namespaces={team-a,team-b}") + render()
    accounts = {account["metadata"]["name"] for account in of_kind(documents, "ServiceAccount")}
    for binding in of_kind(documents, "RoleBinding", "ClusterRoleBinding"):
        roles = of_kind(documents, binding["roleRef"]["kind"])
        assert any(
            role["metadata"]["name"] == binding["roleRef"]["name"]
            and role["metadata"].get("namespace") == binding["metadata"].get("namespace")
            for role in roles
        )
        assert {subject["name"] for subject in binding["subjects"]} <= accounts
        assert {subject["namespace"] for subject in binding["subjects"]} == {NAMESPACE}


def test_the_tests_pod_reads_and_deletes_its_own_model_only() -> None:
    role = next(each for each in of_kind(render(), "Role") if is_hook(each))
    for rule in role["rules"]:
        if rule["apiGroups"] == ["modelway.io"]:
            assert rule["verbs"] == ["create"] or rule["resourceNames"] == ["modelway-test"]
        else:
            assert rule["verbs"] == ["list"]


def test_people_with_the_view_role_can_change_nothing() -> None:
    documents = render()
    view, edit = one(documents, "ClusterRole", "modelway-view"), one(documents, "ClusterRole", "modelway-edit")
    assert {verb for verbs in rights(view).values() for verb in verbs} == {"get", "list", "watch"}
    assert "rbac.authorization.k8s.io/aggregate-to-view" not in edit["metadata"]["labels"]
    assert ("modelway.io", "modeldeployments/status") not in rights(edit)
