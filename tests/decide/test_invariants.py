"""The design's invariants, under arbitrary changes, crashes after any write, and hands that delete children."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from modelway.manifests import names
from modelway.world import Apply, Delete, Kind, Plan
from tests.decide.cluster import Cluster, spec_of

CPU = {"resources": {"requests": {"cpu": "100m"}}}
SCALINGS: list[dict[str, Any]] = [{"replicas": 1}, {"replicas": 3}, {"min": 2, "max": 5}, {"min": 1, "max": 3}]

uris = st.sampled_from([f"s3://models/{name}/" for name in ("a", "b", "c", "bad-one", "bad-two")])
good_uris = st.sampled_from([f"s3://models/{name}/" for name in ("a", "b", "c")])


def specs(uris: st.SearchStrategy[str], paused: bool = True, zero: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """Specs that differ in every way that matters to a rollout."""
    scalings = st.sampled_from([*SCALINGS, {"replicas": 0}] if zero else SCALINGS)
    pauses = st.booleans() if paused else st.just(False)
    return st.builds(
        lambda uri, scaling, pause: spec_of(
            uri, serving=CPU, scaling=scaling, rollout={"paused": pause, "historyLimit": 2}
        ),
        uris,
        scalings,
        pauses,
    )


SHORT, LONG = [1.0, 5.0, 30.0], [1.0, 5.0, 60.0, 601.0]


def steps(waits: list[float] = LONG) -> st.SearchStrategy[tuple[str, Any]]:
    """What may happen next."""
    return st.one_of(
        st.tuples(st.just("change"), specs(uris)),
        st.tuples(st.just("look"), st.none()),
        st.tuples(st.just("look"), st.none()),
        st.tuples(st.just("crash"), st.integers(0, 8)),
        st.tuples(st.just("controllers"), st.none()),
        st.tuples(st.just("controllers"), st.none()),
        st.tuples(st.just("wait"), st.sampled_from(waits)),
        st.tuples(st.just("settle"), st.none()),
        st.tuples(st.just("remove"), st.integers(0, 30)),
        st.tuples(st.just("load"), st.integers(1, 8)),
    )


class Watched(Cluster):
    """A cluster that objects to a write that breaks an invariant, at that write."""

    def carry_out(self, write: Any) -> None:
        """Checks, carries out, checks."""
        plan = self.plans[-1]
        before = self.serving if (Kind.SERVICE, "digits") in self.children else ""
        if isinstance(write, Apply) and before and write.manifest["metadata"]["name"] == "digits":
            self._switch_is_due(before, write.manifest["spec"]["selector"][names.REVISION], plan)
        if isinstance(write, Apply) and "scaling" in self.resource.spec and "max" in self.resource.spec["scaling"]:
            assert "replicas" not in write.manifest.get("spec", {}), "9: an autoscaler's field was sent"
        reached = len(self.answering) if before else 0
        super().carry_out(write)
        if reached and not (isinstance(write, Delete) and write.kind == "Pod"):
            assert self.answering, f"2: {write.why} left users without a pod"

    @property
    def failed(self) -> set[str]:
        """The models that were given up: history that counts, until the spec asks for something else."""
        records = self._of(Kind.CONTROLLER_REVISION)
        return {record.body["data"]["model"]["uri"] for record in records if names.FAILED_AT in record.annotations}

    def _switch_is_due(self, before: str, after: str, plan: Plan) -> None:
        if before == after:
            return
        assert plan.status is not None, "4: a switch is told"
        deployment = self.children[Kind.DEPLOYMENT, names.revision("digits", after)]
        scaling = self.resource.spec["scaling"]
        needed = scaling.get("replicas", scaling.get("min"))
        ready = sum(pod.ready and pod.revision == after for pod in self.pods.values())
        assert ready >= needed > 0, "1 and 4: a switch to a revision without enough ready pods"
        assert deployment.status["readyReplicas"] >= needed
        assert sum(self._switches_service(write) for write in plan.writes) == 1, "10: one step a decision"

    def _switches_service(self, write: Any) -> bool:
        return isinstance(write, Apply) and write.manifest["metadata"]["name"] == "digits"

    def do(self, step: str, argument: Any) -> None:
        """One step of a story."""
        if step == "change":
            self.change(argument)
        elif step == "look":
            self.look()
        elif step == "settle":
            self.settle()
        elif step == "crash":
            self.look(writes=argument)
        elif step == "controllers":
            self.run_controllers()
        elif step == "wait":
            self.wait(argument)
        elif step == "remove" and self.children:
            kind, name = sorted(self.children)[argument % len(self.children)]
            if kind is not Kind.CONTROLLER_REVISION:  # a forgotten snapshot can't be told again; see test_story
                self.remove(kind, name)
        elif step == "load" and "max" in self.resource.spec.get("scaling", {}):
            for deployment in self._of(Kind.DEPLOYMENT):
                if (Kind.HORIZONTAL_POD_AUTOSCALER, deployment.name) in self.children:
                    self.load(deployment.labels[names.REVISION], argument)


@settings(max_examples=150, deadline=None)
@given(specs(uris), st.lists(steps(), max_size=25))
def test_no_story_breaks_an_invariant_and_every_story_comes_to_rest(
    first: dict[str, Any], story: list[tuple[str, Any]]
) -> None:
    """1, 2, 4, 9, 10 at every write; and a plan that was carried out leaves nothing to do (6)."""
    cluster = Watched(first)
    for step, argument in story:
        cluster.do(step, argument)
    cluster.settle()
    plan = cluster.decide()
    assert (plan.writes, plan.status) == ((), None)


@settings(max_examples=150, deadline=None)
@given(specs(uris), st.lists(steps(), max_size=15))
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(first: dict[str, Any], story: list[tuple[str, Any]]) -> None:
    """6, anywhere in a story: the same moment decided twice."""
    cluster = Watched(first)
    for step, argument in story:
        cluster.do(step, argument)
    cluster.look()
    again = cluster.decide()
    assert again.writes == ()
    assert again.status is None


@settings(max_examples=100, deadline=None)
@given(specs(uris), st.lists(steps(SHORT), max_size=15), specs(good_uris, paused=False, zero=False))
def test_where_one_ends_does_not_depend_on_where_one_began(
    first: dict[str, Any], story: list[tuple[str, Any]], last: dict[str, Any]
) -> None:
    """7: state(A → B) == state(fresh B), history and load aside."""
    cluster = Watched(first)
    for step, argument in story:
        cluster.do(step, argument)
    assume(last["model"]["uri"] not in cluster.failed)
    cluster.change(last)
    cluster.settle()
    fresh = Cluster(last)
    fresh.settle()
    assert _state(cluster) == _state(fresh)


def _state(cluster: Cluster) -> dict[Any, Any]:
    spec = {
        (child.kind, child.name): {key: value for key, value in child.body.get("spec", {}).items() if key != "replicas"}
        for child in cluster.children.values()
        if child.kind not in (Kind.CONTROLLER_REVISION, Kind.CONFIG_MAP)
    }
    if "replicas" in cluster.resource.spec["scaling"]:
        spec[Kind.DEPLOYMENT, "replicas"] = cluster.deployments
    conditions = {c["type"]: (c["status"], c["reason"]) for c in cluster.resource.status["conditions"]}
    return spec | {"conditions": conditions, "phase": cluster.resource.status["phase"]}


@settings(max_examples=100, deadline=None)
@given(specs(good_uris, paused=False, zero=False), st.lists(steps(), max_size=15), good_uris)
def test_the_last_promoted_revision_stays_until_another_one_is(
    first: dict[str, Any], story: list[tuple[str, Any]], uri: str
) -> None:
    """5: whatever comes in between, what serves changes only to a revision that was ready (checked at each write), and
    the revision that the front Service names always has its Deployment once it was promoted."""
    cluster = Watched(first)
    cluster.settle()
    for step, argument in story:
        if step != "remove":
            cluster.do(step, argument)
        if step == "look":
            assert cluster.serving in cluster.deployments


@settings(max_examples=60, deadline=None)
@given(specs(good_uris, paused=False, zero=False), good_uris, st.integers(0, 12))
def test_dying_after_any_write_of_an_update_changes_nothing_in_the_end(
    first: dict[str, Any], uri: str, writes: int
) -> None:
    """Every look dies after so many writes, until that is no longer possible."""
    cluster = Watched(first)
    cluster.settle()
    cluster.change({**first, "model": {"uri": uri}})
    for _ in range(40):
        cluster.look(writes=writes % 3 + 1)
        cluster.run_controllers()
        cluster.wait(1)
    cluster.settle()
    fresh = Cluster({**first, "model": {"uri": uri}})
    fresh.settle()
    assert _state(cluster) == _state(fresh)
