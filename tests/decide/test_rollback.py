"""``spec.rollback.toRevision``: a revision of the history serves, whatever the model beside it says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.manifests import names
from modelway.world import Kind
from tests.decide.cluster import Cluster, settled, spec_of
from tests.decide.test_canary import ONE, TWO, canary, shares, step
from tests.decide.test_invariants import Watched, specs, steps

THREE = "s3://models/digits/3/"


def back(spec: dict[str, Any], number: int) -> dict[str, Any]:
    """The spec with a rollback to a number."""
    return {**spec, "rollback": {"toRevision": number}}


def three(make: Any = spec_of) -> tuple[Cluster, str]:
    """Three versions came one after the other; the cluster, and the first one's hash."""
    cluster = settled(make(ONE))
    first = cluster.serving
    for uri in (TWO, THREE):
        cluster.change(make(uri))
        cluster.settle(200)
    assert cluster.resource.status["stable"]["revision"] == 3
    return cluster, first


def message(cluster: Cluster) -> str:
    return str(cluster.resource.status["rollout"]["message"])


@pytest.mark.parametrize("make", [spec_of, canary])
def test_the_history_s_revision_serves_and_the_status_says_how_to_leave(make: Any) -> None:
    cluster, first = three(make)
    third = cluster.serving
    cluster.change(back(make(THREE), 1))
    cluster.settle(200)
    assert cluster.serving == first
    assert list(cluster.deployments) == [first]
    assert cluster.resource.status["phase"] == "Ready"
    assert cluster.resource.status["stable"]["revision"] == 4
    assert cluster.condition("Progressing")["reason"] == "RollbackInForce"
    assert not cluster.condition("Stalled")
    assert not cluster.condition("Reconciling")
    assert message(cluster) == (
        f"Revision 4 (digits-{first}) serves. spec.rollback.toRevision: 1 (revision 4 by now) is in force, so what"
        f" spec.model says (digits-{third}) does not serve. Remove spec.rollback to go on with it."
    )
    cluster.wait(3600)
    plan = cluster.look()
    assert (plan.writes, plan.status) == ((), None)


def test_a_model_that_changes_beside_it_is_not_brought_up() -> None:
    cluster, first = three()
    cluster.change(back(spec_of("s3://models/digits/4/"), 1))
    cluster.settle()
    assert cluster.serving == first
    assert len([kind for kind, _ in cluster.children if kind is Kind.CONTROLLER_REVISION]) == 3
    assert "so what spec.model says (digits-" in message(cluster)
    cluster.change(spec_of("s3://models/digits/4/"))
    cluster.settle()
    assert cluster.serving not in (first,)
    assert cluster.resource.status["stable"]["revision"] == 5
    assert "spec.rollback" not in message(cluster)


def test_a_number_means_the_same_for_as_long_as_it_stands_and_later() -> None:
    cluster, first = three()
    for number in (1, 2, 1, 3, 4, 1):  # 4 is what 1 became the first time
        cluster.change(back(spec_of(THREE), number))
        cluster.settle()
        assert (cluster.serving == first) == (number in (1, 4)), number
    records = [child for (kind, _), child in cluster.children.items() if kind is Kind.CONTROLLER_REVISION]
    former = {record.annotations.get(names.FORMER, "") for record in records if record.labels[names.REVISION] == first}
    assert former == {"1,4,6"}


def test_a_rollback_to_what_the_model_says_says_so() -> None:
    cluster, _ = three()
    before = cluster.serving
    cluster.change(back(spec_of(THREE), 3))
    cluster.settle()
    assert cluster.serving == before
    assert "spec.model says the same, so spec.rollback can be removed." in message(cluster)


def test_an_unknown_number_is_stalled_and_what_serves_is_still_looked_after() -> None:
    cluster, _ = three()
    serving = cluster.serving
    cluster.change(back(spec_of("s3://models/digits/4/"), 7))
    cluster.settle()
    stalled = cluster.condition("Stalled")
    assert stalled["reason"] == "RevisionNotFound"
    assert stalled["message"].startswith(
        "spec.rollback.toRevision is 7, and digits has no revision 7: the history has 1, 2, 3. Remove spec.rollback, or"
        " set its toRevision to another revision."
    )
    assert cluster.condition("Ready")["status"] == "True"
    assert cluster.resource.status["phase"] == "Failed"
    cluster.remove(Kind.DEPLOYMENT, f"digits-{serving}")
    cluster.settle()
    assert list(cluster.deployments) == [serving]
    assert cluster.decide().status is None


def test_an_unknown_number_in_the_middle_of_a_rollout_ends_it() -> None:
    cluster = settled(canary(ONE))
    serving = cluster.serving
    cluster.change(canary(TWO))
    while shares(cluster)[0] != 25:
        step(cluster)
    cluster.change(back(canary(TWO), 9))
    cluster.settle(200)
    assert list(cluster.deployments) == [serving]
    assert "stable" not in cluster.document


def test_what_serves_and_was_never_promoted_stays_too() -> None:
    """Found by the simulator: the first revision's pods answer, and its promotion was not told yet."""
    cluster = Cluster(spec_of(ONE, scaling={"replicas": 3}))
    while not any(pod.ready for pod in cluster.pods.values()):
        cluster.look()
        cluster.run_controllers()
    first = cluster.serving
    cluster.change(back(spec_of(TWO, scaling={"replicas": 3}, rollout={"paused": True}), 3))
    cluster.look()
    again = cluster.decide()
    assert (again.writes, again.status) == ((), None)
    cluster.settle()
    assert list(cluster.deployments) == [first]
    assert cluster.condition("Progressing")["reason"] == "RevisionNotFound"


def test_a_first_revision_that_fails_meanwhile_is_told_of_once() -> None:
    """Found by the simulator."""
    cluster = Cluster(spec_of("s3://models/bad/"))
    cluster.look()
    cluster.run_controllers()
    cluster.change(back(spec_of("s3://models/bad/"), 9))
    cluster.look()
    cluster.wait(601)
    cluster.look()
    again = cluster.decide()
    assert (again.writes, again.status) == ((), None)
    assert cluster.condition("Stalled")["reason"] == "RevisionNotFound"


@pytest.mark.parametrize("promoted", [True, False])
def test_a_record_that_somebody_deleted_is_told_of_as_it_will_be(promoted: bool) -> None:
    """Found by the simulator: what is told is what will be once the decision is carried out."""
    cluster = Cluster(spec_of(ONE))
    cluster.look()
    if promoted:
        cluster.settle()
    cluster.change(back(spec_of(ONE), 9))
    cluster.remove(Kind.CONTROLLER_REVISION, f"digits-{cluster.serving}")
    cluster.look()
    assert "digits has no revision 9: the history has 1." in cluster.condition("Stalled")["message"]
    again = cluster.decide()
    assert (again.writes, again.status) == ((), None)
    cluster.change(back(spec_of(ONE), 1))
    cluster.remove(Kind.CONTROLLER_REVISION, f"digits-{cluster.serving}")
    cluster.look()
    assert "spec.model says the same" in message(cluster)
    again = cluster.decide()
    assert (again.writes, again.status) == ((), None)


def test_a_first_revision_that_comes_up_already_goes_on() -> None:
    cluster = Cluster(spec_of(ONE))
    cluster.look()
    cluster.change(back(spec_of(ONE), 7))
    cluster.settle()
    assert cluster.condition("Ready")["status"] == "True"
    assert cluster.condition("Stalled")["reason"] == "RevisionNotFound"
    cluster.remove(Kind.SERVICE, "digits")
    cluster.settle()
    assert (Kind.SERVICE, "digits") in cluster.children


def test_a_new_resource_with_a_rollback_brings_nothing_up_and_says_why() -> None:
    cluster = Cluster(back(spec_of(ONE), 3))
    cluster.settle()
    assert not cluster.children
    assert cluster.condition("Stalled")["reason"] == "RevisionNotFound"
    assert "digits has no revision 3: the history is empty." in cluster.condition("Stalled")["message"]
    assert message(cluster) == cluster.condition("Stalled")["message"]
    cluster.act("promote", cluster.resource.status["rollout"]["target"].rpartition("-")[2])
    cluster.settle()
    told = cluster.resource.status["rollout"]["lastAction"]
    assert (told["result"], told["message"]) == ("Ignored", message(cluster))
    cluster.change(spec_of(ONE))
    cluster.settle()
    assert cluster.resource.status["phase"] == "Ready"
    assert not cluster.condition("Stalled")


def test_what_still_runs_has_nothing_left_to_prove() -> None:
    cluster = settled(canary(ONE))
    cluster.change(canary(TWO))
    while len(cluster.switches) < 1:
        step(cluster)
    assert len(cluster.deployments) == 2  # the switch is young
    cluster.change(back(canary(TWO), 1))
    plan = cluster.look()
    assert len(cluster.switches) == 2, plan.why


def test_what_runs_no_more_goes_the_same_way_as_any_other() -> None:
    cluster, first = three(canary)
    cluster.change(back(canary(THREE), 1))
    seen = set()
    while cluster.serving != first:
        seen.add(shares(cluster)[0])
        step(cluster)
    assert {25, 50} <= seen


def test_it_serves_as_it_was_remembered_image_and_all() -> None:
    cluster, first = three()
    cluster.image = "modelserver:2"
    cluster.change(back(spec_of(THREE), 1))
    cluster.settle()
    template = cluster.children[Kind.DEPLOYMENT, f"digits-{first}"].body["spec"]["template"]
    assert {container["image"] for container in template["spec"]["containers"]} == {"modelserver:1"}


def test_one_that_is_given_up_again_leaves_what_serves_and_says_what_helps() -> None:
    cluster, first = three(canary)
    serving = cluster.serving
    cluster.change(back(canary(THREE), 1))
    while shares(cluster)[0] != 25:
        step(cluster)
    cluster.act("abort")
    cluster.settle(200)
    assert cluster.serving == serving
    stalled = cluster.condition("Stalled")
    assert stalled["reason"] == "Aborted"
    assert "Remove spec.rollback, or set its toRevision to another revision." in stalled["message"]
    cluster.act("retry", first)
    cluster.settle(200)
    assert cluster.serving == first


@settings(max_examples=150, deadline=None)
@given(specs(st.sampled_from(["s3://models/a/", "s3://models/b/"])), st.lists(steps(), max_size=15), st.data())
def test_no_story_with_rollbacks_breaks_an_invariant(
    first: dict[str, Any], story: list[tuple[str, Any]], data: st.DataObject
) -> None:
    """As the stories of ``test_invariants``, but the spec may name a number of the history, known or not."""
    cluster = Watched(first)
    for kind, argument in story:
        number = data.draw(st.integers(0, 6)) if kind == "change" else 0
        cluster.do(kind, back(argument, number) if number else argument)
    cluster.settle()
    plan = cluster.decide()
    assert (plan.writes, plan.status) == ((), None)
