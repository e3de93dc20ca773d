"""The tree of `get`, by value: documents that the real ``decide`` made go in, lines come out."""

from __future__ import annotations

from dataclasses import replace

from modelway.cli.view.branch import plain
from modelway.cli.view.picture import picture
from modelway.cli.view.tree import tree
from tests.cli.documents import ONE, TWO, labelled, on_its_way, rolled_back, seen, settled, until
from tests.decide.cluster import Cluster


def shown(cluster: Cluster) -> list[str]:
    return list(plain(tree(picture(seen(cluster)))))


def test_a_settled_one_is_its_revision_and_one_sentence() -> None:
    title, stable, counts, *pods, message = shown(settled(labelled(ONE, "1")))
    assert title == "ml/digits: Ready, Canary"
    assert stable.startswith('├── stable: revision 1 "1", digits-') and "of the requests" not in stable
    assert counts == "│   └── 2 of 2 pods ready"
    assert [line.endswith(": ready on node-1") for line in pods] == [True, True]
    assert message.startswith("└── Revision 1 (digits-") and message.endswith(") serves.")


def test_a_canary_shows_shares_steps_and_the_numbers_of_its_checks() -> None:
    told = shown(on_its_way())
    assert any("stable:" in line and line.endswith(", 75% of the requests") for line in told)
    assert any("candidate:" in line and line.endswith(", 25% of the requests") for line in told)
    assert "├── step 2 of 5" in told
    assert "│   ├── ✓ 1. shadow 100% of the requests for 2m and compare" in told
    assert "│   ├── ▶ 2. 25% of the requests go to the candidate" in told
    assert "│   ├── · 3. pause for 1m" in told
    assert any("✓ shadowAgreement 1 (2000 of 2000) is within min 0.99" in line for line in told)
    assert told[-1] == "└── next: Step 3 of 5: pause for 1m."


def test_a_timed_step_says_until_when() -> None:
    cluster = on_its_way()
    until(cluster, lambda: cluster.resource.status["rollout"]["step"] == 3)
    ends = cluster.resource.status["rollout"]["stepEndsAt"]
    assert f"├── waits: Step 3 lasts until {ends}." in shown(cluster)


def test_what_was_given_up_shows_the_check_that_failed_and_no_steps() -> None:
    told = shown(rolled_back())
    assert told[0] == "ml/digits: Failed, Canary"
    assert any(line.endswith(", given up: RolledBack") for line in told)
    assert any("✗ shadowAgreement 0.5 (1000 of 2000) is below min 0.99" in line for line in told)
    assert any(line.startswith("├── stalled: Revision 2") for line in told)
    assert told[-1] == "└── next: Nothing by itself."
    assert not any("setWeight" in line or "pause for" in line for line in told)


def test_a_revision_whose_pods_are_still_there_is_shown_as_leaving() -> None:
    cluster = settled(labelled(ONE, "1"))
    cluster.change(labelled(TWO, "2"))
    until(cluster, lambda: bool(cluster.switches))
    told = [line for line in shown(cluster) if "leaving:" in line]
    assert len(told) == 1 and 'revision 1 "1"' in told[0]


def test_a_revision_that_the_status_does_not_tell_of_yet_is_coming() -> None:
    """Between the operator's first write and its status, a watch shows the new pods beside the old status."""
    cluster = settled(labelled(ONE, "1"))
    before = dict(cluster.resource.status)
    cluster.change(labelled(TWO, "2"))
    cluster.look()
    cluster.resource = replace(cluster.resource, status=before)
    assert any('coming: revision 2 "2"' in line for line in shown(cluster))
