"""Real servers over gRPC: the same decisions as REST's."""

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.runtime import models
from tests.runtime.test_grpc import Client, request
from tests.runtime.traffic.fleet import CANDIDATE, STABLE, Fleet, fleet, mount, state, wait_until
from tests.runtime.traffic.load import Load
from tests.runtime.traffic.test_shadow import EXACT, changed, compared

REQUESTS = 2000


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("pair"), models.linear(), models.linear(), grpc=True) as both:
        yield both


def revision(client: Client, *metadata: tuple[str, str], **fields: Any) -> str:
    """Whose answer it was; raises grpc.RpcError where there is none."""
    answer, call = client.call("ModelInfer", request(**fields), metadata=metadata)
    assert answer.raw_output_contents
    return dict(call.trailing_metadata())["x-modelway-revision"]


@pytest.mark.parametrize("weight", [0, 1, 5, 25, 50, 100])
def test_shares_are_exact_on_one_connection(pair: Fleet, weight: int) -> None:
    pair.apply(weight=weight)
    client = Client(pair.stable_grpc)
    found = Counter(revision(client) for _ in range(REQUESTS))
    assert found[CANDIDATE] == REQUESTS * weight // 100
    wait_until(lambda: state(pair.stable)["own"]["requests"] == found[STABLE])
    wait_until(lambda: state(pair.stable)["forwarded"]["requests"] == found[CANDIDATE])
    wait_until(lambda: state(pair.candidate)["own"]["requests"] == found[CANDIDATE])


def test_shares_are_exact_with_new_connections_and_many_clients(pair: Fleet) -> None:
    pair.apply(weight=25)
    found: list[str] = []

    def ask() -> None:
        for _ in range(25):
            client = Client(pair.stable_grpc)
            found.append(revision(client))
            client.channel.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(found) == {STABLE: 75, CANDIDATE: 25}


def test_pins_sticky_keys_versions_and_marks(pair: Fleet) -> None:
    pair.apply(weight=30, headers=[{"name": "x-model", "value": "candidate"}], sticky={"header": "x-user-id"})
    client = Client(pair.stable_grpc)
    assert {revision(client, ("x-model", "candidate")) for _ in range(5)} == {CANDIDATE}
    where = {user: {revision(client, ("x-user-id", user)) for _ in range(2)} for user in map(str, range(100))}
    assert all(len(revisions) == 1 for revisions in where.values())
    assert 0.1 < sum(CANDIDATE in revisions for revisions in where.values()) / 100 < 0.5
    pair.apply(weight=100)
    assert revision(client) == CANDIDATE
    assert revision(client, model_version="1") == STABLE
    assert revision(client, ("x-modelway-forwarded", "another")) == STABLE
    assert client.refused("ModelInfer", request(model_name="other"))[0] is grpc.StatusCode.NOT_FOUND


def test_a_request_that_both_refuse_is_nobodys_failure(pair: Fleet) -> None:
    pair.apply(weight=100)
    client = Client(pair.stable_grpc)
    with pytest.raises(grpc.RpcError) as refused:
        client.call("ModelInfer", request(datatype="FP64"))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert dict(refused.value.trailing_metadata())["x-modelway-revision"] == STABLE
    wait_until(lambda: state(pair.stable)["forwarded"]["latency"]["count"] == 1)
    assert state(pair.candidate)["own"]["rejected"] == 1


def test_copies_are_compared(pair: Fleet) -> None:
    pair.apply(weight=0, shadow=EXACT)
    client = Client(pair.stable_grpc)
    assert {revision(client) for _ in range(50)} == {STABLE}
    told = compared(pair, 50)
    assert (told["compared"], told["agreed"], list(told["outputs"])) == (50, 50, ["y"])
    assert state(pair.candidate)["own"]["requests"] == 0


def test_another_model_is_found_out(tmp_path: Path) -> None:
    with fleet(tmp_path, models.linear(), changed(models.linear(), 0.5), grpc=True) as pair:
        pair.apply(weight=0, shadow=EXACT)
        revision(Client(pair.stable_grpc))
        told = compared(pair, 1)
        assert (told["compared"], told["agreed"]) == (1, 0)
        assert told["outputs"]["y"]["example"].startswith("element [0, ")


def load_of(pair: Fleet) -> Load:
    """A channel for each client."""
    return Load(lambda: partial(revision, Client(pair.stable_grpc)))


def test_a_candidate_that_is_killed_under_load_fails_nobody(tmp_path: Path) -> None:
    with fleet(tmp_path, models.linear(), models.linear(), grpc=True) as pair:
        pair.apply(weight=50)
        with load_of(pair) as load:
            load.answered(CANDIDATE)
            pair.candidate.process.kill()
            load.answered(STABLE, 500)
        assert set(load.found) == {STABLE, CANDIDATE}
        assert state(pair.stable)["forwarded"]["failed"]["unreachable"] > 0


def test_candidates_come_and_go_under_load_and_fail_nobody(pair: Fleet) -> None:
    pair.apply(weight=50)
    with load_of(pair) as load:
        for _ in range(4):
            pair.apply(candidate=None)
            load.answered(STABLE)
            pair.apply(weight=50)
            load.answered(CANDIDATE)
        assert set(state(pair.stable)["forwarded"]["failed"].values()) == {0}
    assert set(load.found) == {STABLE, CANDIDATE}


def test_a_candidate_that_drains_under_load_fails_nobody(tmp_path: Path) -> None:
    with fleet(tmp_path, models.linear(), models.linear(), grpc=True) as pair:
        pair.apply(weight=50)
        with load_of(pair) as load:
            load.answered(CANDIDATE)
            pair.candidate.terminate()
            assert pair.candidate.wait() == 0
            load.answered(STABLE)
        assert set(load.found) == {STABLE, CANDIDATE}


def test_a_caller_s_deadline_is_left_for_an_answer_of_our_own(tmp_path: Path) -> None:
    with fleet(tmp_path, models.linear(), models.linear(), grpc=True) as pair:
        pair.apply(weight=100)
        client = Client(pair.stable_grpc)
        assert revision(client) == CANDIDATE
        pair.candidate.process.send_signal(signal.SIGSTOP)
        answer, call = client.call("ModelInfer", request(), timeout=1)
        assert answer.raw_output_contents
        assert dict(call.trailing_metadata())["x-modelway-revision"] == STABLE
        # A time-out of the call or of its new connection, whichever was first.
        wait_until(lambda: sum(state(pair.stable)["forwarded"]["failed"].values()) == 1)
        pair.candidate.process.send_signal(signal.SIGCONT)


def test_what_is_under_way_to_a_candidate_that_is_no_more_named_is_answered_by_it(tmp_path: Path) -> None:
    with fleet(tmp_path, models.linear(), models.linear(), grpc=True) as pair:
        pair.apply(weight=100)
        client = Client(pair.stable_grpc)
        assert {revision(client) for _ in range(20)} == {CANDIDATE}  # all connections are there
        pair.candidate.process.send_signal(signal.SIGSTOP)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(revision, client)
            mount(pair.folder, {"generation": 99, "stable": STABLE})
            wait_until(lambda: state(pair.stable)["generation"] == 99)
            pair.candidate.process.send_signal(signal.SIGCONT)
            assert asked.result() == CANDIDATE
