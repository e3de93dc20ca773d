"""Children by hand: deleted ones come back, edited ones are put right, and with the resource everything goes."""

from __future__ import annotations

import pytest

from e2e.steps import Namespace, model_deployment, wait_until

KINDS = "deployments,services,configmaps,controllerrevisions,horizontalpodautoscalers,poddisruptionbudgets"
OURS = "app.kubernetes.io/managed-by=modelway"


def names(namespace: Namespace) -> set[str]:
    return {f"{item['kind']}/{item['metadata']['name']}" for item in namespace.items(KINDS, OURS)}


@pytest.mark.timeout(300)
def test_every_child_comes_back_and_everything_goes_in_the_end(namespace: Namespace) -> None:
    namespace.apply(model_deployment(scaling={"replicas": 2}))
    namespace.wait_serving("1")
    before = names(namespace)
    assert {name.split("/")[0] for name in before} == {
        "Deployment", "Service", "ConfigMap", "ControllerRevision", "PodDisruptionBudget",
    }  # fmt: skip

    for child in sorted(before):
        namespace.kubectl("delete", child, "--wait=true")
        wait_until(lambda: names(namespace) == before, 30, lambda child=child: f"{child} came back: {names(namespace)}")  # type: ignore[misc]
    namespace.wait_serving("1")

    selector = front_selector(namespace)
    namespace.kubectl(
        "patch", "service/digits", "--type=merge", "-p", '{"spec":{"selector":{"modelway.io/revision":"x"}}}'
    )
    wait_until(lambda: front_selector(namespace) == selector, 20, lambda: "the front Service was put right")

    namespace.kubectl("delete", "md/digits", "--wait=true")
    wait_until(lambda: not names(namespace) and not namespace.items("pods", OURS), 90, lambda: str(names(namespace)))


def front_selector(namespace: Namespace) -> dict[str, str]:
    return dict(namespace.get("service", "digits")["spec"]["selector"])
