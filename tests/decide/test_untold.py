"""Decisions about a candidate of which no status could be written yet: what is remembered rests on none."""

from __future__ import annotations

from modelway.manifests import names
from modelway.world import Apply, Kind
from tests.decide.cluster import settled
from tests.decide.test_canary import ONE, canary

WIDE = "s3://models/wide/"


def test_a_candidate_given_up_before_its_target_was_told_is_remembered_as_failed_at_once() -> None:
    """The API server refused every status since the spec changed, so the candidate counted as newly targeted. Then the
    decision that gave it up wrote its record without the failure, and one a moment later wrote it with it (found by
    the simulator)."""
    cluster = settled(canary(ONE))
    cluster.change(canary(WIDE))
    for _ in range(20):
        plan = cluster.look(writes=100)  # and no status
        if plan.outcome:
            break
        cluster.run_controllers()
    assert plan.outcome == "SignatureChanged"
    assert [write.manifest["metadata"]["annotations"][names.FAILED_REASON] for write in _records(plan.writes)] == [
        "SignatureChanged"
    ]
    assert not _records(cluster.decide().writes)


def _records(writes: tuple[object, ...]) -> list[Apply]:
    return [w for w in writes if isinstance(w, Apply) and w.manifest["kind"] == Kind.CONTROLLER_REVISION]
