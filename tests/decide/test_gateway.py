"""A canary behind a Gateway: routes split, pods do not, and a share is confirmed when every parent has accepted it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelway.manifests import names
from modelway.world import Kind
from tests.decide.cluster import spec_of
from tests.decide.gateways import PARENT, Gateways
from tests.decide.test_canary import CHECKS, ONE, TWO

STEPS: list[dict[str, Any]] = [{"setWeight": 25}, {"setWeight": 50}, {"pause": {"duration": "1m"}}, {"setWeight": 100}]
PINNED: Any = {"headers": [{"name": "x-model", "value": "candidate"}]}


def behind(uri: str, steps: list[dict[str, Any]] = STEPS, grpc: bool = False, **traffic: Any) -> dict[str, Any]:
    rollout = {"strategy": "Canary", "steps": steps, "analysis": CHECKS | {"checks": CHECKS["checks"][:2]}}
    gateway = {"gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["digits.example.com"]}}
    return spec_of(uri, scaling={"replicas": 4}, rollout=rollout, serving={"grpc": grpc}, traffic=gateway | traffic)


def serving(spec: dict[str, Any]) -> Gateways:
    cluster = Gateways(spec)
    cluster.settle()
    return cluster


def until(cluster: Gateways, weight: int, looks: int = 200) -> None:
    """Until the share is confirmed: the step after it has begun, or the rollout has come to rest."""
    for _ in range(looks):
        plan = cluster.look()
        if cluster.shares[-1:] == [(100 - weight, weight)] and not plan.writes and plan.status is None:
            return
        if not cluster.run_controllers() and plan.recheck_after is not None:
            cluster.wait(plan.recheck_after + 0.001)
    raise AssertionError(f"{weight}% never came: {cluster.shares}, {cluster.resource.status}")


def test_one_route_leads_to_the_front_service_and_says_where_it_is_attached() -> None:
    cluster = serving(behind(ONE))
    live = cluster.route()
    assert live is not None
    assert live.body["spec"]["parentRefs"] == [PARENT]
    assert live.body["spec"]["hostnames"] == ["digits.example.com"]
    assert cluster.rules() == [([{"path": {"type": "PathPrefix", "value": "/"}}], {"digits": 100})]
    assert cluster.condition("RouteAccepted")["status"] == "True"
    assert cluster.condition("Reconciling") == {}
    assert cluster.route(Kind.GRPC_ROUTE) is None


def test_the_route_goes_the_steps_and_the_pods_forward_nothing() -> None:
    cluster = serving(behind(ONE))
    cluster.change(behind(TWO))
    cluster.settle(200)
    assert cluster.shares == [(100, 0), (75, 25), (50, 50), (0, 100), (100, 0)]
    assert cluster.resource.status["phase"] == "Ready"
    assert len(cluster.switches) == 1


def test_pods_are_told_to_forward_nothing_while_the_status_tells_the_share() -> None:
    cluster = serving(behind(ONE))
    cluster.change(behind(TWO))
    until(cluster, 50)
    assert (cluster.document["weight"], cluster.document["gateway"]) == (0, 50)
    assert cluster.resource.status["stable"]["weight"] == 50
    assert cluster.resource.status["candidate"]["weight"] == 50


def test_a_share_is_not_confirmed_before_the_gateway_says_so() -> None:
    cluster = serving(behind(ONE))
    cluster.change(behind(TWO))
    until(cluster, 25)
    cluster.controlled = False
    for _ in range(20):
        cluster.look()
        cluster.run_controllers()
        cluster.wait(5)
    assert cluster.resource.status["rollout"]["step"] == 2
    assert "every gateway has accepted the route" in cluster.resource.status["rollout"]["message"]
    cluster.controlled = True
    cluster.settle(200)
    assert cluster.resource.status["phase"] == "Ready"


def test_an_answer_about_a_former_generation_confirms_nothing() -> None:
    cluster = serving(behind(ONE))
    cluster.change(behind(TWO))
    until(cluster, 50)
    live = cluster.route()
    assert live is not None
    cluster.controlled = False
    cluster.children[live.kind, live.name] = replace(live, generation=live.generation + 1)
    cluster.wait(3600)
    cluster.settle()
    assert cluster.condition("Stalled")["reason"] == "RolledBack"
    held = [each for (kind, _), each in cluster.children.items() if kind is Kind.DEPLOYMENT]
    assert len(held) == 2, "the gateway may still send requests to the candidate"
    cluster.controlled = True
    cluster.settle()
    assert list(cluster.deployments) == [cluster.serving]


def test_after_an_abort_the_gateway_confirms_stable_before_the_candidate_goes() -> None:
    cluster = serving(behind(ONE))
    cluster.change(behind(TWO))
    until(cluster, 25)
    candidate = cluster.candidate
    cluster.controlled = False
    cluster.act("abort")
    for _ in range(60):  # five minutes without a gateway controller
        cluster.look()
        cluster.run_controllers()
        cluster.wait(5)
    assert [backends for _, backends in cluster.rules()] == [{"digits": 100}]
    assert candidate in cluster.deployments
    cluster.controlled = True
    cluster.settle()
    assert candidate not in cluster.deployments
    assert cluster.resource.status["phase"] == "Failed"


def test_a_bad_candidate_is_found_by_its_own_counts() -> None:
    cluster = serving(behind(ONE))
    cluster.change(behind("s3://models/slow/"))
    cluster.settle(200)
    assert cluster.condition("Stalled")["reason"] == "RolledBack"
    assert cluster.shares[-1] == (100, 0)


def test_a_candidate_that_rejects_is_found_by_the_default_checks() -> None:
    """What it rejects is no error, and behind a gateway nobody else tries it."""
    cluster = serving(behind(ONE))
    rejecting = behind("s3://models/rejecting/")
    del rejecting["rollout"]["analysis"]
    cluster.change(rejecting)
    cluster.settle(200)
    assert cluster.condition("Stalled")["reason"] == "RolledBack"
    assert "rejectedRate 0.5 (500 of 1000) is above max 0.05" in cluster.condition("Stalled")["message"]


def test_pinned_requests_go_to_a_candidate_that_has_a_ready_pod() -> None:
    cluster = serving(behind(ONE, **PINNED))
    assert len(cluster.rules()) == 1
    cluster.change(behind(TWO, steps=[{"setWeight": 0}, {"pause": {}}], **PINNED))
    cluster.settle(200)
    pinned, others = cluster.rules()
    assert pinned[0][0]["headers"] == [{"type": "Exact", "name": "x-model", "value": "candidate"}]
    assert pinned[1] == {names.revision("digits", cluster.candidate): 100}
    assert others[1] == {"digits": 100}
    assert "headers" not in cluster.document


def test_grpc_calls_have_a_route_of_their_own() -> None:
    cluster = serving(behind(ONE, grpc=True))
    matches, backends = cluster.rules(Kind.GRPC_ROUTE)[0]
    assert [match["method"]["service"] for match in matches] == [
        "inference.GRPCInferenceService",
        "grpc.health.v1.Health",
    ]
    assert backends == {"digits": 100}
    cluster.change(behind(ONE))
    cluster.settle(200)
    assert cluster.route(Kind.GRPC_ROUTE) is None
    assert cluster.route() is not None


def test_routes_go_when_they_are_not_asked_for_any_more() -> None:
    cluster = serving(behind(ONE, grpc=True))
    without = behind(ONE, grpc=True)
    del without["traffic"]
    cluster.change(without)
    cluster.settle()
    assert (cluster.route(), cluster.route(Kind.GRPC_ROUTE)) == (None, None)
    assert cluster.condition("RouteAccepted") == {}


def test_a_rule_that_somebody_adds_is_taken_out() -> None:
    cluster = serving(behind(ONE))
    live = cluster.route()
    assert live is not None
    spec = live.body["spec"]
    added = {**spec, "rules": [*spec["rules"], {"backendRefs": [{"name": "another", "port": 80}]}]}
    cluster.children[live.kind, live.name] = replace(live, body={"spec": added}, generation=live.generation + 1)
    cluster.settle()
    assert len(cluster.rules()) == 1


@pytest.mark.parametrize(("why", "reason"), [("NotServed", "GatewayApiMissing"), ("Forbidden", "GatewayApiForbidden")])
def test_without_the_api_what_serves_serves_on_and_the_status_says_what_to_do(why: str, reason: str) -> None:
    cluster = Gateways(behind(ONE))
    cluster.unavailable = {"HTTPRoute": why, "GRPCRoute": why}
    cluster.settle()
    assert cluster.route() is None
    assert cluster.condition("Ready")["status"] == "True"
    assert cluster.condition("Stalled")["reason"] == reason
    old = cluster.serving
    cluster.change(behind(TWO))
    cluster.settle(200)
    assert cluster.serving == old, "nobody asked the candidate: nothing is known of it"
    assert "gateway.networking.k8s.io" in cluster.condition("Stalled")["message"]
    cluster.unavailable = {}
    cluster.settle()
    assert cluster.route() is not None
    assert cluster.condition("RouteAccepted")["status"] == "True"


@pytest.mark.parametrize(
    ("refused", "reason"), [("Accepted", "RouteNotAccepted"), ("ResolvedRefs", "BackendsNotFound")]
)
def test_what_a_gateway_refuses_is_told_in_its_words(refused: str, reason: str) -> None:
    cluster = Gateways(behind(ONE))
    cluster.refusing = {refused}
    cluster.settle()
    told = cluster.condition("RouteAccepted")
    assert (told["status"], told["reason"]) == ("False", reason)
    assert "Gateway ml/public" in told["message"]
    assert "NoMatchingParent: it says why" in told["message"]
    assert "NoMatchingParent" in cluster.resource.status["rollout"]["message"]
    assert cluster.condition("Reconciling")["reason"] == reason
    assert cluster.condition("Ready")["status"] == "True"


def test_a_parent_that_nobody_looks_after_is_waited_for() -> None:
    cluster = Gateways(behind(ONE))
    cluster.controlled = False
    cluster.settle()
    assert cluster.condition("RouteAccepted")["reason"] == "RoutePending"
    assert cluster.condition("Ready")["status"] == "True"


def test_a_candidate_without_a_ready_pod_is_in_no_route() -> None:
    cluster = serving(behind(ONE, **PINNED))
    cluster.change(behind(TWO, **PINNED))
    until(cluster, 50)
    name = names.revision("digits", cluster.candidate)
    live = cluster.children[Kind.DEPLOYMENT, name]
    cluster.children[Kind.DEPLOYMENT, name] = replace(live, status=live.status | {"readyReplicas": 0})
    cluster.look()
    assert [backends for _, backends in cluster.rules()] == [{"digits": 100}]


def test_what_a_gateway_accepted_of_somebody_elses_weights_confirms_nothing() -> None:
    cluster = serving(behind(ONE))
    cluster.change(behind(TWO))
    cluster.controlled = False
    for _ in range(20):
        cluster.look()
        cluster.run_controllers()
        cluster.wait(1)
    live = cluster.route()
    assert live is not None
    rules = [{**live.body["spec"]["rules"][0], "backendRefs": [{"name": "digits", "weight": 100}]}]
    changed = {"spec": {**live.body["spec"], "rules": rules}}
    cluster.children[live.kind, live.name] = replace(live, body=changed, generation=live.generation + 1)
    cluster.controlled = True
    cluster.run_controllers()
    cluster.wait(1)
    cluster.look()
    assert cluster.resource.status["rollout"]["step"] == 1
    assert cluster.rules()[-1][1]["digits"] == 75


def test_proxies_have_some_seconds_to_learn_what_their_gateway_accepted() -> None:
    cluster = serving(behind(ONE))
    cluster.change(behind(TWO))
    until(cluster, 25)
    candidate = cluster.candidate
    cluster.wait(60)
    cluster.act("abort")
    for _ in range(6):
        cluster.look()
        cluster.run_controllers()
        assert candidate in cluster.deployments
        cluster.wait(0.5)
    cluster.wait(3)
    cluster.look()
    assert candidate not in cluster.deployments


@pytest.mark.parametrize("grpc", [False, True])
def test_deciding_again_writes_nothing_and_dying_between_two_writes_loses_nothing(grpc: bool) -> None:
    for dies_after in range(8):
        cluster = serving(behind(ONE, grpc=grpc, **PINNED))
        cluster.change(behind(TWO, grpc=grpc, **PINNED))
        for _ in range(300):
            cluster.look(writes=dies_after)
            plan = cluster.look()
            assert cluster.decide().writes == ()
            assert cluster.decide().status is None
            if not cluster.run_controllers() and not plan.writes and plan.status is None:
                if plan.recheck_after is None:
                    break
                cluster.wait(plan.recheck_after + 0.001)
        assert cluster.shares == [(100, 0), (75, 25), (50, 50), (0, 100), (100, 0)], dies_after
        assert len(cluster.switches) == 1
