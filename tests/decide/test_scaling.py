"""Scaling, told in looks: to zero, by an autoscaler, and handed from one owner to the other."""

from __future__ import annotations

from modelway.world import Kind
from tests.decide.cluster import CPU, Cluster, settled, spec_of
from tests.decide.telling import kinds, short

ONE, TWO, BAD = "s3://models/digits/1/", "s3://models/digits/2/", "s3://models/digits/bad/"


def test_scaling_to_zero_stops_everything_and_says_so() -> None:
    cluster = settled(spec_of(ONE))
    cluster.change(spec_of(ONE, scaling={"replicas": 0}))
    cluster.settle()
    assert not cluster.pods
    assert cluster.condition("Ready")["reason"] == "ScaledToZero"
    cluster.change(spec_of(TWO, scaling={"replicas": 0}))
    cluster.settle()
    assert cluster.resource.status["stable"]["revision"] == 1
    cluster.change(spec_of(TWO))
    cluster.settle()
    assert cluster.resource.status["stable"]["revision"] == 2


def test_an_autoscaler_owns_the_number_of_pods_from_the_start() -> None:
    cluster = Cluster(spec_of(ONE, serving=CPU, scaling={"min": 2, "max": 10}))
    told = short(kinds(cluster.look().writes))
    assert told[4:] == [
        "+Deployment/digits-a",
        "#digits-a=2",
        "+HorizontalPodAutoscaler/digits-a",
        "+PodDisruptionBudget/digits-a",
    ]
    cluster.settle()
    cluster.load(cluster.serving, 7)
    looked = len(cluster.plans)
    cluster.settle()
    assert cluster.deployments == {cluster.serving: 7}
    assert not [write for plan in cluster.plans[looked:] for write in plan.writes]


def test_a_candidate_matches_the_load_that_the_serving_revision_carries() -> None:
    cluster = settled(spec_of(ONE, serving=CPU, scaling={"min": 2, "max": 10}))
    old = cluster.serving
    cluster.load(old, 7)
    cluster.settle()
    cluster.change(spec_of(TWO, serving=CPU, scaling={"min": 2, "max": 10}))
    cluster.look()
    scaler = next(
        c for c in cluster.children.values() if c.kind is Kind.HORIZONTAL_POD_AUTOSCALER and old not in c.name
    )
    assert scaler.body["spec"]["minReplicas"] == 7
    cluster.settle()
    assert cluster.deployments == {cluster.serving: 7}
    scaler = next(c for c in cluster.children.values() if c.kind is Kind.HORIZONTAL_POD_AUTOSCALER)
    assert scaler.body["spec"]["minReplicas"] == 2


def test_the_number_of_pods_survives_being_handed_to_an_autoscaler_and_back() -> None:
    cluster = settled(spec_of(ONE, serving=CPU, scaling={"replicas": 5}))
    cluster.change(spec_of(ONE, serving=CPU, scaling={"min": 2, "max": 10}))
    told = short(kinds(cluster.look().writes))
    assert told == ["#digits-a=5", "~Deployment/digits-a", "+HorizontalPodAutoscaler/digits-a"]
    assert cluster.deployments == {cluster.serving: 5}
    cluster.settle()
    cluster.change(spec_of(ONE, serving=CPU, scaling={"replicas": 3}))
    told = short(kinds(cluster.look().writes))
    assert told == ["-HorizontalPodAutoscaler/digits-a", "~Deployment/digits-a"]
    cluster.settle()
    assert cluster.deployments == {cluster.serving: 3}
