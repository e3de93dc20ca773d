"""``get`` behind a gateway: what each route asks for, and which parents have confirmed it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from modelway.cli.app import app
from modelway.cli.view.branch import plain
from modelway.cli.view.picture import picture
from modelway.cli.view.tree import tree
from modelway.cli.view.why import why
from modelway.manifests import names
from modelway.world import Kind
from tests.cli.documents import canary, seen, settled
from tests.cli.http_api import HttpApi
from tests.decide.cluster import Cluster
from tests.decide.gateways import Gateways
from tests.decide.test_canary import ONE, TWO
from tests.decide.test_gateway import behind, serving, until

SILENT = "has not answered for generation 3 yet; it goes by generation 2"
BOTH = ("HTTPRoute", "GRPCRoute")


def shown(cluster: Cluster) -> list[str]:
    return list(plain(tree(picture(seen(cluster)))))


def at_25(grpc: bool = False) -> Gateways:
    """A quarter of the requests goes to the candidate, as the gateway has confirmed."""
    cluster = serving(behind(ONE, grpc=grpc))
    cluster.change(behind(TWO, grpc=grpc))
    until(cluster, 25)
    return cluster


def looked_at(cluster: Gateways) -> Gateways:
    """Some time later."""
    for _ in range(40):
        plan = cluster.look()
        if not cluster.run_controllers() and plan.recheck_after is not None:
            cluster.wait(min(plan.recheck_after, 2.0) + 0.001)
    return cluster


def silent() -> Gateways:
    """The route asks for 50%, and the gateway's controller has died meanwhile."""
    cluster = at_25()
    cluster.controlled = False
    return looked_at(cluster)


def test_each_route_stands_with_its_weights_and_its_parents() -> None:
    cluster = at_25(grpc=True)
    told = shown(cluster)
    for kind in BOTH:
        shares = f"75% to digits (stable), 25% to digits-{cluster.candidate} (candidate)"
        place = told.index(f"├── {kind} digits: {shares}, for digits.example.com")
        assert told[place + 1] == "│   └── ✓ Gateway ml/public: accepted and confirmed"


def test_without_a_gateway_there_is_no_word_of_routes() -> None:
    assert not any("Route" in line for line in shown(settled(canary(ONE))))


def test_a_share_that_no_gateway_has_confirmed_is_waited_for_by_name() -> None:
    cluster = silent()
    told = shown(cluster)
    assert f"│   └── ? Gateway ml/public: accepted before, {SILENT}" in told
    (waits,) = [line for line in told if line.startswith("├── waits:")]
    assert waits.endswith(f"every gateway has confirmed its routes. HTTPRoute digits: Gateway ml/public {SILENT}.")
    assert SILENT in why(seen(cluster))


def test_a_refusal_stands_in_the_gateways_own_words() -> None:
    cluster = serving(behind(ONE))
    cluster.refusing = {"Accepted"}
    cluster.change(behind(TWO))
    told = shown(looked_at(cluster))
    assert "│   └── ✗ Gateway ml/public: does not accept it (NoMatchingParent: it says why)" in told


def test_a_parent_that_nobody_controls_is_told_with_its_listener() -> None:
    parent = {"name": "public", "namespace": "gateways", "sectionName": "web", "port": 8443}
    cluster = Gateways(behind(ONE, gateway={"parentRefs": [parent]}))
    cluster.controlled = False
    whose = "Gateway gateways/public, listener web, port 8443"
    silence = "has not answered yet; check that it exists and that its controller runs"
    assert f"│   └── ? {whose}: {silence}" in shown(looked_at(cluster))


def test_a_route_that_is_not_there_yet_is_said() -> None:
    cluster = serving(behind(ONE))
    cluster.remove(Kind.HTTP_ROUTE, "digits")
    assert any("HTTPRoute digits: it is not there yet" in line for line in shown(cluster))


def test_an_answer_without_a_generation_confirms_nothing() -> None:
    cluster = at_25()
    live = cluster.route()
    assert live is not None
    said = [{"type": each, "status": "True"} for each in ("Accepted", "ResolvedRefs")]
    parents = [{"parentRef": {"name": "public"}, "conditions": said}]
    cluster.children[Kind.HTTP_ROUTE, "digits"] = replace(live, status={"parents": parents})
    (route,) = picture(seen(cluster)).routes
    assert (route.parents[0].accepted, route.parents[0].confirmed) == (True, False)


def modelway(kubeconfig: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--kubeconfig", str(kubeconfig)])


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (404, "the cluster does not serve httproutes.gateway.networking.k8s.io/v1. Install the Gateway API"),
        (403, "you may not list httproutes.gateway.networking.k8s.io in namespace ml, so it is not shown; ask for"),
        (500, "it can't be read: listing httproutes: "),
    ],
)
def test_routes_that_can_not_be_read_are_one_line_and_no_failure(tmp_path: Path, status: int, told: str) -> None:
    api = HttpApi(serving(behind(ONE)))
    api.denied = dict.fromkeys(BOTH, status)
    with api.serving(tmp_path) as kubeconfig:
        found = modelway(kubeconfig, "get", "digits")
    assert found.exit_code == 0, found.stderr
    assert f"├── HTTPRoute digits: {told}" in found.stdout
    said = "Modelway says: Every parent in spec.traffic.gateway has accepted its routes."
    assert (said in found.stdout) is (status != 404)


@pytest.fixture
def quarter(tmp_path: Path) -> Iterator[Path]:
    with HttpApi(at_25()).serving(tmp_path) as kubeconfig:
        yield kubeconfig


def test_programs_get_the_routes_too(quarter: Path) -> None:
    (route,) = json.loads(modelway(quarter, "get", "digits", "-o", "json").stdout)["routes"]
    assert (route["kind"], route["hostnames"]) == ("HTTPRoute", ["digits.example.com"])
    assert [(each["role"], each["weight"]) for each in route["weights"]] == [("stable", 75), ("candidate", 25)]
    confirmed = {"accepted": True, "confirmed": True, "refused": False, "waits": ""}
    assert route["parents"] == [{"parent": "Gateway ml/public", **confirmed}]


def test_a_plan_says_which_routes_it_may_not_see(tmp_path: Path) -> None:
    api = HttpApi(serving(behind(ONE)))
    api.denied = dict.fromkeys(BOTH, 403)
    document = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": "digits"}}
    path = tmp_path / "digits.yaml"
    path.write_text(json.dumps({**document, "spec": behind(TWO)}))
    with api.serving(tmp_path) as kubeconfig:
        found = modelway(kubeconfig, "plan", "-f", str(path))
    assert found.exit_code == 2, found.stderr
    assert "warning: you may not list HTTPRoutes, so this plan leaves them out" in found.stdout
