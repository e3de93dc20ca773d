"""Canaries behind gateways: generated stories, and what they found in the operator, each told in the shortest way."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sim.behind import INNER, PUBLIC, Behind
from tests.sim.gateways import FOREVER, KINDS, Backends, Gateway, backends
from tests.sim.invariants import watch
from tests.sim.play import play
from tests.sim.scenes import ERRORS, ONE, THREE, TWO, document
from tests.sim.world import NAMESPACE, World

PORTION = 8
HALF = [{"setWeight": 50}, {"pause": {}}]
GATEWAY: dict[str, Any] = {"gateway": {"parentRefs": [PUBLIC]}}


@pytest.mark.parametrize("first", range(0, 32, PORTION))
def test_no_story_behind_gateways_breaks_an_invariant(first: int) -> None:
    played = play(range(first, first + PORTION), kind=Behind)
    assert not played.findings, "\n\n".join(finding.told() for finding in played.findings)


def test_a_story_behind_gateways_is_the_same_each_time() -> None:
    one, other = Behind(11), Behind(11)
    one.run()
    other.run()
    assert one.lines == other.lines
    assert len(one.world.api.writes) == len(other.world.api.writes)


def shared(traffic: dict[str, Any], lag: float = 0.0) -> World:
    """A candidate has half of the requests, by whom the traffic says."""
    world = World()
    for name in ("public", "inner"):
        world.gateways.known[name] = Gateway(name, lag=lag)
    rollout = {"strategy": "Canary", "steps": HALF, "analysis": ERRORS}
    world.create(model={"uri": ONE}, scaling={"replicas": 2}, rollout=rollout, traffic=traffic)
    world.settle()
    watch(world)
    world.model(TWO)
    world.settle(within=300)
    assert world.resource()["status"]["candidate"]["weight"] == 50
    return world


def given(world: World, gateway: str = "public") -> Backends:
    """Who gets the requests that come through a gateway now."""
    told = world.gateways.known[gateway].proxies.values()
    return next((each for _, each in told), Backends({}))


def routed(world: World) -> Backends | None:
    """Who shall get them, as the route says."""
    live = world.api.get("HTTPRoute", NAMESPACE, "digits")
    return backends(live) if live else None


def edit(world: World, **spec: Any) -> None:
    world.edit(lambda live: live.update(spec))


def test_when_the_gateway_is_taken_out_of_the_spec_its_share_ends_before_that_of_the_pods_begins() -> None:
    """The route was deleted and pods forwarded half at once: until the gateway noticed, three quarters of its requests
    went to a candidate with pods for half."""
    world = shared(GATEWAY, lag=3.0)
    edit(world, traffic={})
    world.settle(within=1)
    assert routed(world) == Backends({"digits": 100})
    assert (document(world)["weight"], document(world)["gateway"]) == (0, 0)
    assert world.condition("RouteAccepted") == ("Unknown", "RouteLeaving")
    world.settle(within=300)
    assert routed(world) is None
    assert document(world)["weight"] == 50
    assert "gateway" not in document(world)
    assert world.condition("RouteAccepted") == ("", "")


def test_a_gateway_that_does_not_notice_keeps_the_pods_from_forwarding_until_somebody_deletes_the_route() -> None:
    world = shared(GATEWAY)
    world.gateways.known["public"].away_until = FOREVER
    edit(world, traffic={})
    world.settle(within=500)
    assert document(world)["weight"] == 0
    assert "delete it" in world.resource()["status"]["rollout"]["message"]
    world.api.delete("HTTPRoute", NAMESPACE, "digits")
    world.settle(within=500)
    assert document(world)["weight"] == 50


def test_a_gateway_gets_a_share_to_give_when_no_pod_forwards_any_more() -> None:
    """The route named the candidate when the pods had not read that they shall not forward: three quarters again."""
    world = shared({})
    pods = world.api.all("Pod")
    world.pods.mute.update(pod["metadata"]["uid"] for pod in pods)
    edit(world, traffic=GATEWAY)
    world.settle(within=60)
    assert routed(world) == Backends({"digits": 100})
    world.pods.mute.clear()
    world.settle(within=60)
    assert given(world).weights == {"digits": 50, f"digits-{document(world)['candidate']['revision']}": 50}


def test_a_candidate_stays_until_a_gateway_that_is_not_asked_for_any_more_has_forgotten_it() -> None:
    """Whoever removed the gateway and the model at once lost the candidate while the gateway sent it requests."""
    world = shared(GATEWAY)
    world.gateways.known["public"].away_until = world.seconds + 400
    edit(world, traffic={}, model={"uri": ONE})
    world.settle(within=300)
    assert len(world.api.all("Deployment")) == 2
    world.settle(within=300)
    assert len(world.api.all("Deployment")) == 1
    assert routed(world) is None


def test_a_candidate_does_not_stay_for_a_gateway_that_never_was() -> None:
    """One of two parents had never answered, and the candidate was kept for ever: that one never sent it anything."""
    world = shared(GATEWAY)
    world.gateways.known["inner"].away_until = FOREVER
    edit(world, traffic={"gateway": {"parentRefs": [PUBLIC, INNER]}})
    world.settle(within=60)
    assert given(world) == Backends({"digits": 100}), "of the other one nobody would know when it has forgotten"
    edit(world, model={"uri": ONE})
    world.settle(within=300)
    assert len(world.api.all("Deployment")) == 1


def test_a_gateway_that_left_the_parents_has_a_moment_to_forget_the_candidate() -> None:
    """Nobody hears of it any more."""
    world = shared(GATEWAY, lag=3.0)
    edit(world, traffic={"gateway": {"parentRefs": [INNER]}}, model={"uri": THREE})
    world.settle(within=1)
    assert given(world).weights["digits"] == 50
    assert len(world.api.all("Deployment")) == 3
    world.settle(within=60)
    assert given(world) == Backends({})
    assert len(world.api.all("Deployment")) == 2


def test_it_has_that_moment_also_when_the_candidate_has_lost_its_share_long_before() -> None:
    """The five seconds were counted from when the shares had changed."""
    world = shared(GATEWAY, lag=30.0)
    world.act("abort")
    world.settle(within=10)
    edit(world, traffic={"gateway": {"parentRefs": [INNER]}})
    world.settle(within=1)
    assert len(world.api.all("Deployment")) == 2
    world.settle(within=10)
    assert len(world.api.all("Deployment")) == 1


def test_a_gateway_that_has_just_left_the_parents_keeps_the_pods_from_forwarding() -> None:
    """Who replaced a gateway and then removed the other one, too, got both shares until the first one noticed."""
    world = shared(GATEWAY, lag=1.0)
    edit(world, traffic={"gateway": {"parentRefs": [INNER]}})
    world.settle(within=0)
    edit(world, traffic={})
    world.settle(within=0)
    assert document(world)["weight"] == 0
    world.settle(within=60)
    assert document(world)["weight"] == 50


def test_a_gateway_that_somebody_took_off_the_route_by_hand_keeps_the_pods_from_forwarding_for_a_while() -> None:
    """The route names another gateway, which has said nothing yet; the one that splits has not noticed."""
    world = shared(GATEWAY, lag=1.0)
    world.edit(lambda spec: spec.update(traffic={}))
    world.api.update(
        "HTTPRoute", NAMESPACE, "digits", "kubectl", lambda route: route["spec"].update(parentRefs=[INNER])
    )
    world.settle(within=0)
    assert given(world).weights == {"digits": 50, "digits-" + document(world)["candidate"]["revision"]: 50}
    assert document(world)["weight"] == 0
    world.settle(within=300)
    assert not given(world).weights
    assert document(world)["weight"] == 50


def test_a_gateway_that_is_a_parent_by_another_listener_is_the_same_gateway() -> None:
    """Its controller is away; it goes on sending half of the requests to the candidate, which goes no sooner."""
    world = shared({"gateway": {"parentRefs": [PUBLIC | {"sectionName": "web"}]}})
    world.gateways.known["public"].away_until = FOREVER
    world.edit(lambda spec: spec.update(traffic=GATEWAY))
    candidate = document(world)["candidate"]["revision"]
    world.model(ONE)
    world.settle(within=300)
    assert world.api.get("Deployment", NAMESPACE, f"digits-{candidate}")
    world.gateways.known["public"].away_until = 0.0
    world.settle(within=300)
    assert not world.api.get("Deployment", NAMESPACE, f"digits-{candidate}")


def test_a_candidate_whose_service_was_deleted_may_be_sent_to_all_the_same() -> None:
    """The gateway has not noticed that it is gone, and goes on when it is back; meanwhile the pods began to forward."""
    world = shared(GATEWAY, lag=1.0)
    candidate = "digits-" + document(world)["candidate"]["revision"]
    world.api.delete("Service", NAMESPACE, candidate)
    world.edit(lambda spec: spec.update(traffic={}))
    world.settle(within=0)
    assert world.api.get("Service", NAMESPACE, candidate)
    assert given(world).weights[candidate] == 50
    assert document(world)["weight"] == 0
    world.settle(within=300)
    assert document(world)["weight"] == 50


def test_a_promotion_takes_the_route_with_it_that_is_not_asked_for_any_more() -> None:
    """The status of the decision that deleted the route told that it would stay."""
    world = shared(GATEWAY, lag=3.0)
    world.advance(world.seconds + 200)  # what served before has served for long
    edit(world, traffic={})
    world.act("promote-full")
    world.settle(within=4)
    assert routed(world) is None
    assert world.condition("RouteAccepted") == ("", "")


def test_a_host_name_that_somebody_adds_to_a_route_without_one_is_taken_out() -> None:
    """It stayed, and the gateway answered nobody else any more."""
    world = shared(GATEWAY)
    added = {"hostnames": ["mine.example.com"]}
    world.api.update("HTTPRoute", NAMESPACE, "digits", "kubectl", lambda route: route["spec"].update(added))
    world.settle(within=60)
    live = world.api.get("HTTPRoute", NAMESPACE, "digits")
    assert live is not None
    assert not live["spec"]["hostnames"]


def test_without_the_api_a_canary_gets_no_share_and_goes_on_when_it_is_there() -> None:
    world = World()
    world.api.absent.update(KINDS)
    world.restart()
    rollout = {"strategy": "Canary", "steps": HALF, "analysis": ERRORS, "progressDeadline": "1h"}
    world.create(model={"uri": ONE}, scaling={"replicas": 2}, rollout=rollout, traffic=GATEWAY)
    world.settle(within=60)
    watch(world)
    world.model(TWO)
    world.settle(within=600)
    assert world.condition("RouteAccepted") == ("False", "GatewayApiMissing")
    assert world.resource()["status"]["rollout"]["step"] == 1
    world.api.absent.clear()
    world.settle(within=60)
    assert world.condition("RouteAccepted") == ("True", "Accepted")
    assert world.resource()["status"]["rollout"]["step"] == 2
    assert given(world).weights["digits"] == 50


def test_when_the_api_is_uninstalled_the_routes_are_written_again_as_soon_as_it_is_back() -> None:
    world = shared(GATEWAY)
    world.api.delete("HTTPRoute", NAMESPACE, "digits")
    world.api.absent.update(KINDS)
    world.settle(within=60)
    assert world.condition("RouteAccepted") == ("False", "GatewayApiMissing")
    assert given(world) == Backends({})
    world.api.absent.clear()
    world.settle(within=60)
    assert world.condition("RouteAccepted") == ("True", "Accepted")
    assert given(world).weights["digits"] == 50


def test_what_a_controller_accepts_late_its_proxies_have_a_moment_to_learn() -> None:
    """Five seconds were counted from the moment in which the shares changed: a candidate whose gateway accepted that
    twenty seconds later went at once, while proxies still sent it requests."""
    world = shared(GATEWAY, lag=20.0)
    world.act("abort")
    while not _is_accepted(world):
        assert world.step() or world.wait(world.seconds + 60)
    world.settle(within=4)
    assert len(world.api.all("Deployment")) == 2
    world.settle(within=6)
    assert len(world.api.all("Deployment")) == 1


def _is_accepted(world: World) -> bool:
    live = world.api.get("HTTPRoute", NAMESPACE, "digits")
    assert live is not None
    said = live["status"]["parents"][0]["conditions"][0]["observedGeneration"]
    return backends(live) == Backends({"digits": 100}) and bool(said == live["metadata"]["generation"])
