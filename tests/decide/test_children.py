"""Children and what is remembered of revisions: repair, history, digests, and specs that cannot be read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelway.manifests import names
from modelway.world import Kind
from tests.decide.cluster import CPU, Cluster, fetched, settled, spec_of
from tests.decide.telling import kinds

ONE, TWO, BAD = "s3://models/digits/1/", "s3://models/digits/2/", "s3://models/digits/bad/"


@pytest.mark.parametrize("kind", list(Kind))
def test_a_child_deleted_by_hand_comes_back(kind: Kind) -> None:
    cluster = settled(spec_of(ONE, serving=CPU, scaling={"min": 2, "max": 4}))
    for name in [c.name for c in cluster.children.values() if c.kind is kind]:
        before = {key: (c.labels, c.body) for key, c in cluster.children.items()}
        cluster.remove(kind, name)
        cluster.settle()
        after = {key: (c.labels, c.body) for key, c in cluster.children.items()}
        assert after.keys() == before.keys()
        assert {key: value for key, value in after.items() if key[0] is not Kind.CONFIG_MAP} == {
            key: value for key, value in before.items() if key[0] is not Kind.CONFIG_MAP
        }, "all but the traffic document, which begins to count anew"


def test_history_keeps_as_many_old_revisions_as_asked_for() -> None:
    cluster = settled(spec_of(ONE))
    for number in range(2, 8):
        cluster.change(spec_of(f"s3://models/digits/{number}/", rollout={"historyLimit": 2}))
        cluster.settle()
    numbers = sorted(c.body["revision"] for c in cluster.children.values() if c.kind is Kind.CONTROLLER_REVISION)
    assert numbers == [5, 6, 7]


def test_the_first_digest_is_recorded_and_handed_to_every_later_pod() -> None:
    cluster = settled(spec_of(ONE))
    record = cluster.children[Kind.CONTROLLER_REVISION, f"digits-{cluster.serving}"]
    digest = record.annotations[names.DIGEST]
    assert digest.startswith("sha256:")
    document = cluster.children[Kind.CONFIG_MAP, "digits-traffic"].body["data"]["traffic.json"]
    assert document == f'{{"digests": {{"{cluster.serving}": "{digest}"}}, "generation": 2}}'


def test_a_pod_with_other_bytes_is_deleted_and_never_counts() -> None:
    from tests.decide.cluster import settled, spec_of

    cluster = settled(spec_of(ONE, scaling={"replicas": 2}))
    name = sorted(cluster.pods)[1]
    cluster.pods[name] = replace(cluster.pods[name], containers=fetched("s3://something/else"))
    plan = cluster.decide()
    assert kinds(plan.writes) == [f"-Pod/{name}"]
    assert plan.status is not None
    assert plan.status["stable"]["ready"] == 1
    assert [event.reason for event in plan.events] == ["DigestMismatch"]


def test_being_deleted_is_left_to_the_garbage_collector() -> None:
    cluster = settled(spec_of(ONE))
    cluster.resource = replace(cluster.resource, deleting=True)
    plan = cluster.decide()
    assert (plan.writes, plan.status, plan.events, plan.recheck_after) == ((), None, (), None)


def test_a_spec_that_can_not_be_read_disturbs_nothing() -> None:
    cluster = settled(spec_of(ONE))
    cluster.change(spec_of(ONE, accelerator={"vendor": "nvidia"}))
    cluster.settle()
    assert len(cluster.answering) == 1
    assert cluster.condition("Ready")["status"] == "True"
    assert "spec.accelerator" in cluster.condition("Stalled")["message"]
    cluster.change(spec_of(ONE))
    cluster.settle()
    assert not cluster.condition("Stalled")


def test_a_new_server_image_is_a_new_revision() -> None:
    cluster = settled(spec_of(ONE))
    old = cluster.serving
    cluster.image = "modelserver:2"
    cluster.settle()
    assert cluster.serving != old


def test_without_history_an_old_revision_is_forgotten_when_it_goes_and_not_before() -> None:
    cluster = settled(spec_of(ONE))
    old = cluster.serving
    cluster.change(spec_of(TWO, rollout={"historyLimit": 0}))
    while cluster.serving == old:
        cluster.look()
        cluster.run_controllers()
    assert (Kind.CONTROLLER_REVISION, f"digits-{old}") in cluster.children
    assert not cluster.decide().writes
    cluster.wait(5.001)
    assert kinds(cluster.look().writes) == [
        f"-Deployment/digits-{old}",
        f"-Service/digits-{old}",
        f"-ControllerRevision/digits-{old}",
    ]
    assert not cluster.decide().writes


def test_a_report_about_an_earlier_number_of_pods_promotes_nobody() -> None:
    cluster = settled(spec_of(ONE))
    old = cluster.serving
    cluster.change(spec_of(TWO))
    cluster.look()
    cluster.run_controllers()
    cluster.run_controllers()
    key = next(key for key in cluster.children if key[0] is Kind.DEPLOYMENT and old not in key[1])
    cluster.children[key] = replace(cluster.children[key], generation=9)
    cluster.look()
    assert cluster.serving == old
    cluster.run_controllers()
    cluster.look()
    assert cluster.serving != old


def test_a_first_version_that_partly_answers_is_not_taken_away_at_its_deadline() -> None:
    cluster = Cluster(spec_of(ONE, scaling={"replicas": 2}))
    cluster.look()
    cluster.run_controllers()
    cluster.run_controllers()
    stuck = sorted(cluster.pods)[0]
    cluster.pods[stuck] = replace(
        cluster.pods[stuck], ready=False, unschedulable="0/1 nodes are available: 1 Too many pods."
    )
    key = next(key for key in cluster.children if key[0] is Kind.DEPLOYMENT)
    reported = {"observedGeneration": 1, "replicas": 2, "readyReplicas": 1}
    cluster.children[key] = replace(cluster.children[key], status=reported)
    cluster.look()
    assert cluster.condition("Ready")["status"] == "False"
    cluster.wait(600)
    cluster.look()
    assert cluster.condition("Ready")["status"] == "True"
    assert cluster.resource.status["phase"] == "Degraded"
    assert "hold as many pods as they may" in cluster.resource.status["rollout"]["message"]
