"""What the command line makes of ``spec.rollback``."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from modelway.cli.app import app
from modelway.cli.view.advice import advice
from modelway.cli.view.history import details, history
from modelway.cli.view.planned import Planned, planned
from modelway.cli.view.returning import Refused, former, numbered, patch
from modelway.cli.view.steps import spec_of
from modelway.cli.view.why import why
from modelway.manifests import names
from tests.cli.documents import ONE, TWO, labelled, seen, settled
from tests.cli.test_views import changed
from tests.decide.cluster import Cluster


def back(spec: dict[str, Any], number: int) -> dict[str, Any]:
    return {**spec, "rollback": {"toRevision": number}}


def in_force() -> Cluster:
    """Version 2 is asked for, version 1 serves: it was revision 1 and is revision 3."""
    cluster = settled(labelled(ONE, "1"))
    cluster.change(labelled(TWO, "2"))
    cluster.settle(200)
    cluster.change(back(labelled(TWO, "2"), 1))
    cluster.settle(200)
    return cluster


def test_why_says_that_it_is_in_force_and_how_to_leave() -> None:
    told = why(seen(in_force()))
    assert "spec.rollback.toRevision: 1 (revision 3 by now) is in force, so what spec.model says (digits-" in told
    assert "Remove spec.rollback to go on with it." in told


def test_why_of_an_unknown_number_lists_the_known_ones() -> None:
    cluster = in_force()
    cluster.change(back(labelled(TWO, "2"), 9))
    cluster.settle()
    told = why(seen(cluster))
    assert "digits has no revision 9: the history has 2, 3." in told
    assert "Correct what the message names." in told


def test_history_tells_the_numbers_that_a_revision_had_and_understands_them() -> None:
    found = seen(in_force())
    table = history(found)
    assert table.columns[:3] == ("REVISION", "WAS", "HASH")
    assert [row[:2] for row in table.rows] == [("3", "1"), ("2", "-")]
    assert details(found, 1) == details(found, 3)
    assert "was: 1" in details(found, 3)
    assert history(seen(settled(labelled(ONE, "1")))).columns[:2] == ("REVISION", "HASH")


def test_undo_writes_the_model_and_takes_the_rollback_away() -> None:
    found = seen(in_force())
    assert numbered(found, 1) == numbered(found, 3)
    for number, uri in ((1, ONE), (2, TWO)):
        operations = patch(found, numbered(found, number), force=False)
        assert [each["op"] for each in operations] == ["test", "test", "add", "remove"]
        assert operations[-2]["value"]["uri"] == uri
        assert operations[-1] == {"op": "remove", "path": "/spec/rollback"}
    assert former(found)["revision"] == 2
    with pytest.raises(Refused, match="it has 3, 2"):
        numbered(found, 7)


def test_a_plan_knows_which_revision_is_meant() -> None:
    cluster = settled(labelled(ONE, "1"))
    first = cluster.serving
    cluster.change(labelled(TWO, "2"))
    cluster.settle(200)
    told = changed(cluster, back(labelled(TWO, "2"), 1))
    assert told.way[0] == f"digits-{first} comes up beside digits-{cluster.serving}."
    assert told.warnings == (
        f"spec.rollback.toRevision: 1 is in force, so what spec.model says (digits-{cluster.serving}) does not serve."
        " Remove spec.rollback to go on with it.",
    )
    away = changed(in_force(), labelled(TWO, "2"))
    assert away.way[0].endswith(f"comes up beside digits-{first}.")
    assert not away.warnings


@pytest.mark.parametrize("exists", [True, False])
def test_a_plan_says_that_the_history_lacks_a_number(exists: bool) -> None:
    cluster = settled(labelled(ONE, "1")) if exists else Cluster(back(labelled(ONE, "1"), 9))
    spec = back(labelled(ONE, "1"), 9)
    told: Planned = changed(cluster, spec) if exists else planned(cluster.world, None, (), cluster.now)
    assert told.writes == ()
    assert told.way == ("what serves stays; nothing else comes up.",)
    have = "the history has 1." if exists else "the history is empty."
    assert f"digits has no revision 9: {have}" in told.warnings[0]


def test_lint_reminds_of_it_and_refuses_what_is_no_number(tmp_path: Any) -> None:
    spec = spec_of(back(labelled(ONE, "1"), 3))
    assert spec is not None
    assert [path for path, _ in advice(spec) if path == ("rollback",)]
    file = tmp_path / "digits.yaml"
    head = f"apiVersion: {names.API_VERSION}\nkind: {names.KIND}\nmetadata: {{name: digits}}\nspec:\n"
    file.write_text(head + "  model: {uri: 's3://models/1/'}\n  rollback: {toRevision: 0}\n")
    result = CliRunner().invoke(app, ["lint", "-f", str(file)])
    assert result.exit_code == 1
    assert "error: spec.rollback.toRevision is 0: it must be at least 1." in result.output
