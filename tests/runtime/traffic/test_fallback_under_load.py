"""A candidate goes away in the middle of the load, and nobody notices."""

from pathlib import Path

from tests.runtime import models
from tests.runtime.traffic.fleet import CANDIDATE, STABLE, fleet, state
from tests.runtime.traffic.test_fallback import load_of


def test_a_candidate_that_is_killed_under_load_fails_nobody(tmp_path: Path) -> None:
    with fleet(tmp_path, models.linear(), models.linear()) as pair:
        pair.apply(weight=50)
        with load_of(pair) as load:
            load.answered(CANDIDATE)
            pair.candidate.process.kill()
            load.answered(STABLE, 500)
        assert set(load.found) == {STABLE, CANDIDATE}
        told = state(pair.stable)["forwarded"]
        assert told["failed"]["unreachable"] > 0
        assert told["requests"] - sum(told["failed"].values()) == told["latency"]["count"] == load.found[CANDIDATE]


def test_a_candidate_that_drains_under_load_fails_nobody_and_nothing(tmp_path: Path) -> None:
    with fleet(tmp_path, models.linear(), models.linear()) as pair:
        pair.apply(weight=50)
        with load_of(pair) as load:
            load.answered(CANDIDATE)
            pair.candidate.terminate()
            load.answered(CANDIDATE)  # it goes on answering, a connection each
            assert set(state(pair.stable)["forwarded"]["failed"].values()) == {0}
            assert pair.candidate.wait() == 0
            load.answered(STABLE)
        assert set(load.found) == {STABLE, CANDIDATE}
