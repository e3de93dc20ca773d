"""What people are shown, by value: documents that the real ``decide`` made go in, lines come out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from modelway.cli.seen import Seen
from modelway.cli.view.branch import Branch, plain
from modelway.cli.view.comparing import chosen, compared
from modelway.cli.view.difference import differences
from modelway.cli.view.history import details, history
from modelway.cli.view.listing import age, listing
from modelway.cli.view.picture import picture, pod_state
from modelway.cli.view.planned import Planned, planned
from modelway.cli.view.returning import Refused, former, gitops, numbered, patch
from modelway.cli.view.table import Table, lines
from modelway.cli.view.why import why
from modelway.world import ContainerState, Pod
from tests.cli.documents import ONE, TWO, canary, labelled, on_its_way, rolled_back, seen, settled, until
from tests.decide.cluster import START, Cluster


def held() -> Cluster:
    """A failed check, and onFailure: Pause."""
    cluster = on_its_way("s3://models/erroring/", onFailure="Pause")
    return until(cluster, lambda: bool(cluster.resource.status["rollout"].get("held")))


def test_before_the_operator_looked_there_is_a_hint() -> None:
    document = {"metadata": {"namespace": "ml", "name": "digits", "generation": 1}, "spec": canary(ONE)}
    told = picture(Seen(document))
    assert (told.phase, told.revisions, told.steps) == ("Unknown", (), ())
    assert told.waits == "The operator has not looked at it yet. Is it running?"
    assert "app.kubernetes.io/name=modelway" in why(Seen(document))


def test_a_change_that_the_operator_has_not_seen_is_told() -> None:
    cluster = settled(canary(ONE))
    cluster.change(canary(TWO))
    assert "The operator has not looked at the latest change yet." in why(seen(cluster))


POD = Pod("p", "u", "r", "Pending", "node-1", False, False, START, None)
FETCHED = ContainerState("fetch", True, True, 0, exit_code=0)


@pytest.mark.parametrize(
    ("pod", "state"),
    [
        (replace(POD, ready=True), "ready"),
        (replace(POD, ready=True, deleting=True), "draining"),
        (replace(POD, node="", unschedulable="0/2 nodes"), "no node takes it: 0/2 nodes"),
        (replace(POD, node=""), "waits for a node"),
        (POD, "fetches the model"),
        (replace(POD, containers=(FETCHED,)), "loads the model"),
        (
            replace(
                POD, containers=(FETCHED, ContainerState("server", False, False, 3, waiting_reason="CrashLoopBackOff"))
            ),
            "container server: CrashLoopBackOff",
        ),
        (
            replace(POD, containers=(ContainerState("server", False, False, 0, waiting_reason="PodInitializing"),)),
            "fetches the model",
        ),
    ],
)
def test_what_a_pod_does_is_said_in_words(pod: Pod, state: str) -> None:
    assert pod_state(pod) == state


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        (settled(canary(ONE)), ("serves.", "Nothing needs to be done.")),
        (rolled_back(), ("was given up: shadowAgreement 0.5", "`modelway undo digits`", "`modelway retry digits`")),
        (held(), ("errorRate 0.5 (1000 of 2000) is above max 0.01", "`modelway resume digits`")),
        (on_its_way(), ("25% of the requests", "Next: Step 3 of 5: pause for 1m.", "`modelway abort digits`")),
    ],
    ids=["settled", "rolled back", "held", "on its way"],
)
def test_why_says_what_happens_and_what_to_do(cluster: Cluster, words: tuple[str, ...]) -> None:
    told = why(seen(cluster))
    assert not [word for word in words if word not in told], told
    assert "\n" not in told


def test_why_says_nothing_twice() -> None:
    told = why(seen(rolled_back()))
    assert told.count("shadowAgreement 0.5") == 1


def test_why_tells_of_the_latest_warning_while_something_comes_up() -> None:
    cluster = on_its_way()
    target = cluster.resource.status["rollout"]["target"]
    now, before = "2030-01-01T00:00:00.000000Z", "2020-01-01T00:00:00.000000Z"
    event = {
        "type": "Warning",
        "reason": "DigestMismatch",
        "note": f"a pod of {target} has bad bytes",
        "eventTime": now,
    }
    former = {"type": "Warning", "reason": "ActionIgnored", "note": "promote@0123456789", "eventTime": now}
    earlier = {"type": "Warning", "reason": "RevisionFailed", "note": f"{target} failed", "eventTime": before}
    told = why(seen(cluster, event, former, earlier))
    assert "RevisionFailed" not in told  # of an attempt before this one
    assert f"Event DigestMismatch: a pod of {target} has bad bytes." in told
    assert "ActionIgnored" not in told
    assert "DigestMismatch" not in why(seen(settled(canary(ONE)), event))


def test_history_tells_who_served_when_and_why_one_failed() -> None:
    table = history(seen(rolled_back()))
    records = {each["revision"]: each for each in table.records()}
    assert (records["1"]["state"], records["1"]["promotedAt"]) == ("stable", "2026-01-01T12:00:00.000Z")
    assert (records["2"]["state"], records["2"]["reason"], records["2"]["promotedAt"]) == ("failed", "RolledBack", "-")
    assert any(line.startswith("message: shadowAgreement 0.5") for line in details(seen(rolled_back()), 2))
    assert details(seen(rolled_back()), 9) == ()


def test_diff_compares_what_serves_with_the_candidate_unless_told_otherwise() -> None:
    found = seen(on_its_way())
    assert chosen(found, 0, 0) == (1, 2)
    assert chosen(found, 2, 1) == (2, 1)
    fields = [each.field for each in compared(found, 1, 2)]
    assert fields == ["model.uri", "model.version", "recorded digest"]
    with pytest.raises(Refused, match="one revision only"):
        chosen(seen(settled(canary(ONE))), 0, 0)


def test_differences_are_leaves_and_tell_absent_from_null() -> None:
    before = {"a": {"b": 1, "c": [1, 2]}, "gone": {"x": "y"}, "same": True}
    after = {"a": {"b": 2, "c": [1]}, "new": None, "same": True}
    told = [line for each in differences(before, after) for line in each.lines()]
    assert told == ["- a.b: 1", "+ a.b: 2", "- a.c[1]: 2", "- gone.x: y", "+ new: null"]
    assert differences(before, before) == ()


def test_undo_returns_to_what_served_before() -> None:
    cluster = settled(labelled(ONE, "1"))
    cluster.change(labelled(TWO, "2"))
    cluster.settle(200)
    found = seen(cluster)
    assert former(found)["revision"] == 1
    operations = patch(found, former(found), force=False)
    assert [each["op"] for each in operations] == ["test", "test", "add"]
    assert operations[-1]["value"] == {"uri": ONE, "version": "1"}
    assert former(seen(on_its_way()))["revision"] == 1
    assert former(seen(rolled_back()))["revision"] == 1


def test_undo_replaces_serving_whole() -> None:
    cluster = settled(labelled(ONE, "1"))
    cluster.change({**labelled(TWO, "2"), "serving": {"threads": 2}})
    cluster.settle(200)
    found = seen(cluster)
    assert patch(found, former(found), force=False)[-1] == {"op": "remove", "path": "/spec/serving"}


def test_undo_says_why_it_can_not() -> None:
    alone = seen(settled(canary(ONE)))
    with pytest.raises(Refused, match="nothing to return to"):
        former(alone)
    with pytest.raises(Refused, match="asks for revision 1 already"):
        patch(alone, numbered(alone, 1), force=False)
    with pytest.raises(Refused, match="no revision 7 of digits; it has 1"):
        numbered(alone, 7)


@pytest.mark.parametrize(
    ("metadata", "program"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}, "Argo CD"),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "x"}}, "Flux"),
        ({"managedFields": [{"manager": "kustomize-controller"}]}, "Flux"),
        ({"managedFields": [{"manager": "kubectl-client-side-apply"}], "labels": {"app": "x"}}, ""),
    ],
)
def test_who_applies_an_object_again_and_again_is_known(metadata: dict[str, Any], program: str) -> None:
    assert gitops({"metadata": metadata}) == program


def changed(cluster: Cluster, spec: dict[str, Any]) -> Planned:
    """What a plan for that spec says."""
    resource = replace(cluster.resource, spec=spec, generation=cluster.resource.generation + 1)
    world = replace(cluster.world, resource=resource)
    return planned(world, dict(cluster.resource.spec), (), cluster.now)


def test_a_plan_is_the_first_decision_and_the_way_after_it() -> None:
    cluster = settled(labelled(ONE, "1"))
    told = changed(cluster, labelled(TWO, "2"))
    signs = {line.kind: line.sign for line in told.writes}
    assert signs["ControllerRevision"] == signs["Deployment"] == signs["Service"] == "+"
    assert told.way[0].endswith(f"comes up beside digits-{cluster.serving}.")
    assert next(line for line in told.way if line.startswith("step ")) == (
        "step 1 of 5: shadow 100% of the requests for 2m and compare."
    )
    assert told.way[-1].endswith("drains and goes.")


def test_what_a_plan_names_is_what_the_operator_then_writes() -> None:
    cluster = settled(labelled(ONE, "1"))
    told = {(line.kind, line.name) for line in changed(cluster, labelled(TWO, "2")).writes}
    cluster.change(labelled(TWO, "2"))
    written = {(w.manifest["kind"], w.manifest["metadata"]["name"]) for w in cluster.look().writes}  # type: ignore[union-attr]
    assert told == written


def test_a_plan_that_makes_no_revision_says_so() -> None:
    cluster = settled(labelled(ONE, "1"))
    told = changed(cluster, {**labelled(ONE, "1"), "scaling": {"replicas": 3}})
    assert [(line.sign, line.kind) for line in told.writes][:1] == [("~", "Deployment")]
    assert told.way == (f"digits-{cluster.serving} serves already: no new revision.",)


@pytest.mark.parametrize(
    ("cluster", "spec", "warning"),
    [
        (on_its_way(), labelled("s3://models/digits/3/", "3"), "A rollout of revision 2 is under way"),
        (
            rolled_back(),
            {**labelled("s3://models/wrong/", "2"), "scaling": {"replicas": 3}},
            "Revision 2 failed before and is not tried again",
        ),
        (settled(canary(ONE)), canary(ONE, paused=True), "spec.rollout.paused holds every step forward."),
    ],
)
def test_a_plan_warns_of_the_moment(cluster: Cluster, spec: dict[str, Any], warning: str) -> None:
    assert any(each.startswith(warning) for each in changed(cluster, spec).warnings)


def test_columns_are_as_wide_as_they_must_be() -> None:
    table = Table(("A", "PROMOTED AT"), (("long", "x"), ("b", "yy")))
    assert list(lines(table)) == ["A      PROMOTED AT", "long   x", "b      yy"]
    assert table.records()[0] == {"a": "long", "promotedAt": "x"}


def test_ages_are_short() -> None:
    told = [age(START - timedelta(seconds=each), START) for each in (0, 119, 120, 7199, 7200, 200_000)]
    assert told == ["0s", "119s", "2m", "119m", "2h", "2d"]
    (row,) = listing([dict(seen(settled(canary(ONE))).resource)], START).rows
    assert row[-2] == "0s"


def test_a_tree_in_plain_text_has_its_guides() -> None:
    branch = Branch("a", below=(Branch("b", below=(Branch("c"),)), Branch("d")))
    assert list(plain(branch)) == ["a", "├── b", "│   └── c", "└── d"]
