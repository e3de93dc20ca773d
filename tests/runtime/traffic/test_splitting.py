"""Real servers over REST: measured shares, pins, sticky keys, and what passes through untouched."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.runtime import models
from tests.runtime.processes import Reader, infer_body, post
from tests.runtime.traffic.fleet import CANDIDATE, PATH, STABLE, Client, Fleet, fleet, mount, state, wait_until

REQUESTS = 2000


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("pair"), models.linear(), models.linear()) as both:
        yield both


@pytest.mark.parametrize("weight", [0, 1, 5, 25, 50, 100])
def test_shares_are_exact_on_a_kept_alive_connection(pair: Fleet, weight: int) -> None:
    pair.apply(weight=weight)
    client = Client(pair.stable)
    found = Counter(client.revision() for _ in range(REQUESTS))
    assert found[CANDIDATE] == REQUESTS * weight // 100
    told = state(pair.stable)
    assert told["forwarded"]["requests"] == told["forwarded"]["latency"]["count"] == found[CANDIDATE]
    assert told["own"]["requests"] == found[STABLE]
    assert state(pair.candidate)["own"]["requests"] == found[CANDIDATE]


@pytest.mark.parametrize("weight", [1, 25, 100])
def test_shares_are_exact_with_a_new_connection_for_each_request(pair: Fleet, weight: int) -> None:
    pair.apply(weight=weight)
    found: Counter[str] = Counter()
    for _ in range(400):
        client = Client(pair.stable)
        found[client.revision(Connection="close")] += 1
    assert found[CANDIDATE] == 400 * weight // 100


def test_shares_are_exact_with_many_clients_at_once(pair: Fleet) -> None:
    pair.apply(weight=30)
    found: list[str] = []

    def ask() -> None:
        client = Client(pair.stable)
        found.extend([client.revision() for _ in range(100)])

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(found) == {STABLE: 700, CANDIDATE: 300}


def test_a_fraction_of_a_percent(pair: Fleet) -> None:
    pair.apply(weight=0.5)
    client = Client(pair.stable)
    assert Counter(client.revision() for _ in range(1000))[CANDIDATE] == 5


def test_pins_and_sticky_keys(pair: Fleet) -> None:
    pair.apply(weight=20, headers=[{"name": "x-model", "value": "candidate"}], sticky={"header": "x-user-id"})
    client = Client(pair.stable)
    assert {client.revision(x_model="candidate") for _ in range(10)} == {CANDIDATE}
    where = {user: {client.revision(x_user_id=user) for _ in range(3)} for user in map(str, range(200))}
    assert all(len(revisions) == 1 for revisions in where.values())
    there = {user for user, revisions in where.items() if CANDIDATE in revisions}
    assert 0.1 < len(there) / 200 < 0.3
    pair.apply(weight=60, sticky={"header": "x-user-id"})
    assert {client.revision(x_user_id=user) for user in there} == {CANDIDATE}
    pair.apply(weight=0, headers=[{"name": "x-model", "value": "candidate"}], sticky={"header": "x-user-id"})
    assert client.revision(x_model="candidate") == CANDIDATE
    assert {client.revision(x_user_id=user) for user in there} == {STABLE}


def test_a_version_in_the_path_is_the_stable_s(pair: Fleet) -> None:
    pair.apply(weight=100)
    client = Client(pair.stable)
    assert client.revision() == CANDIDATE
    assert client.revision(path="/v2/models/tiny/versions/1/infer") == STABLE


def test_nothing_but_the_model_is_forwarded(pair: Fleet) -> None:
    pair.apply(weight=100)
    client = Client(pair.stable)
    for path in ("/v2", "/v2/models/tiny", "/v2/health/ready", "/metrics", "/v2/models/other"):
        assert client.ask(path, method="GET")[1]["x-modelway-revision"] == STABLE
    assert client.ask("/v2/models/other/infer")[0] == 404
    assert state(pair.stable)["forwarded"]["requests"] == 0


def test_requests_and_answers_pass_byte_for_byte(pair: Fleet) -> None:
    pair.apply(weight=100)
    tensor = np.arange(400_000, dtype="<f4").reshape(100_000, 4)
    entry = {"name": "x", "shape": [100_000, 4], "datatype": "FP32", "parameters": {"binary_data_size": tensor.nbytes}}
    head = json.dumps({"inputs": [entry], "parameters": {"binary_data_output": True}}).encode()
    through, direct = Client(pair.stable), Client(pair.candidate)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    told = {"Inference-Header-Content-Length": str(len(head)), "traceparent": trace, "x-request-id": "abc"}
    one = through.ask(body=head + tensor.tobytes(), **told)
    other = direct.ask(body=head + tensor.tobytes(), **told)
    for answer in (one, other):
        answer[1].pop("date")
    assert one == other
    assert one[1]["traceparent"] == trace and one[1]["x-request-id"] == "abc"
    assert one[1]["x-modelway-version"] == "2" and one[1]["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("path", ["/model/predict", "/v1/models/tiny:predict"])
def test_the_other_protocols_are_split_too(pair: Fleet, path: str) -> None:
    pair.apply(weight=100)
    body = json.dumps({"data" if path == "/model/predict" else "instances": [[1, 2, 3, 4]]}).encode()
    assert Client(pair.stable).revision(path=path, body=body) == CANDIDATE


def test_a_request_that_both_refuse_is_nobodys_failure(pair: Fleet) -> None:
    pair.apply(weight=100)
    status, headers, body = Client(pair.stable).ask(body=b'{"inputs": []}')
    assert (status, headers["x-modelway-revision"]) == (400, STABLE)
    assert "Input 'x' is missing" in json.loads(body)["error"]
    told = state(pair.stable)["forwarded"]
    assert (told["requests"], set(told["failed"].values())) == (1, {0})
    assert state(pair.candidate)["own"]["rejected"] == 1


def test_a_request_that_only_the_candidate_refuses_is_answered_and_counts_against_it(tmp_path: Path) -> None:
    with fleet(tmp_path, models.linear(), models.two_in_two_out()) as pair:
        pair.apply(weight=100)
        client = Client(pair.stable)
        assert {client.revision() for _ in range(10)} == {STABLE}
        told = state(pair.stable)["forwarded"]
        assert (told["requests"], told["failed"]["rejected"]) == (10, 10)


def test_nothing_is_sent_on_twice(pair: Fleet) -> None:
    pair.apply(weight=100)
    client = Client(pair.stable)
    assert client.revision(x_modelway_forwarded="another") == STABLE
    assert client.revision(x_modelway_shadow="another") == STABLE
    told = state(pair.stable)
    assert (told["own"]["requests"], told["forwarded"]["requests"]) == (1, 0), "a copy is not counted as a request"


def test_pods_of_other_revisions_only_answer(pair: Fleet) -> None:
    pair.apply(weight=100, stable="another")
    client = Client(pair.stable)
    assert {client.revision() for _ in range(20)} == {STABLE}
    assert state(pair.stable)["own"]["requests"] == 20


def test_a_broken_document_changes_nothing_and_is_counted(pair: Fleet) -> None:
    pair.apply(weight=100)
    mount(pair.folder, '{"generation": 99, "weight": 1000}')
    client = Client(pair.stable)

    def refused() -> bool:
        text = client.ask("/metrics", method="GET")[2].decode()
        return "modelserver_traffic_documents_refused_total 1\n" in text

    wait_until(refused)
    assert client.revision() == CANDIDATE
    assert state(pair.stable)["generation"] == pair.generation
    metrics = client.ask("/metrics", method="GET")[2].decode()
    assert f"modelserver_traffic_generation {pair.generation}\n" in metrics
    assert 'modelserver_forwarded_total{outcome="answered"}' in metrics


def test_without_a_candidate_nothing_is_forwarded_or_counted(pair: Fleet) -> None:
    pair.apply(candidate=None, weight=100)
    client = Client(pair.stable)
    assert {client.revision() for _ in range(20)} == {STABLE}
    told = state(pair.stable)
    assert (told["own"]["requests"], told["forwarded"]["requests"]) == (0, 0)
    assert told["signature"]["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}]


def test_pipelined_requests_are_answered_in_order(pair: Fleet) -> None:
    pair.apply(weight=50)
    with pair.stable.connect() as client:
        client.sendall(b"".join(post(PATH, infer_body([n, 0, 0, 0])) for n in range(40)))
        reader = Reader(client)
        answers = [reader.answer() for _ in range(40)]
    assert Counter(answer.headers["x-modelway-revision"] for answer in answers) == {STABLE: 20, CANDIDATE: 20}
    firsts = [json.loads(answer.body)["outputs"][0]["data"][0] for answer in answers]
    assert firsts == pytest.approx([n * 0.1 for n in range(40)])


def test_counts_go_on_within_an_epoch_and_begin_anew_with_the_next(pair: Fleet) -> None:
    pair.apply(weight=50, epoch="abc.1")
    client = Client(pair.stable)
    for _ in range(20):
        client.revision()
    pair.apply(weight=0, epoch="abc.1")
    for _ in range(10):
        client.revision()
    told = state(pair.stable)
    assert (told["own"]["requests"], told["forwarded"]["requests"]) == (20, 10)
    assert state(pair.candidate)["own"]["requests"] == 10
    pair.apply(weight=0, epoch="abc.2")
    assert state(pair.stable)["own"]["requests"] == 0
