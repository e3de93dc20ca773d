"""Inference over HTTP: what heads may say, the paths of models and versions, and forced batches of many callers."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.runtime import models
from tests.runtime.processes import Answer, Reader, Server, infer_body, post, running

INFER = "/v2/models/tiny/infer"


def ask(server: Server, *requests: bytes) -> list[Answer]:
    with server.connect() as client:
        client.sendall(b"".join(requests))
        reader = Reader(client)
        return [reader.answer() for _ in requests]


def binary(rows: int) -> tuple[bytes, str]:
    """A request of raw tensors both ways, and the header that goes with it."""
    x = np.arange(rows * 4, dtype=np.float32).reshape(rows, 4)
    entry = {"name": "x", "shape": [rows, 4], "datatype": "FP32", "parameters": {"binary_data_size": x.nbytes}}
    told = json.dumps({"inputs": [entry], "parameters": {"binary_data_output": True}}).encode()
    return told + x.tobytes(), f"Inference-Header-Content-Length: {len(told)}"


def test_raw_tensors_both_ways(server: Server) -> None:
    body, header = binary(2)
    (answer,) = ask(server, post(INFER, body, header, "Content-Type: application/octet-stream"))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers["inference-header-content-length"])
    output = json.loads(answer.body[:length])["outputs"][0]
    assert output["parameters"]["binary_data_size"] == len(answer.body) - length
    np.testing.assert_allclose(
        np.frombuffer(answer.body[length:], np.float32).reshape(2, 3), [[0.6, 1.6, 2.6], [2.2, 3.2, 4.2]], rtol=1e-6
    )


@pytest.mark.parametrize("header", ["Content-Type: application/octet-stream", "Content-Type: nonsense", "X: y"])
def test_a_content_type_is_not_demanded(server: Server, header: str) -> None:
    (answer,) = ask(server, post(INFER, infer_body([1, 2, 3, 4]), header, "Content-Encoding: identity"))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize(
    ("header", "status", "told"),
    [
        ("Inference-Header-Content-Length: -1", 400, "'-1'"),
        ("Inference-Header-Content-Length: many", 400, "'many'"),
        ("Inference-Header-Content-Length: 99999", 400, "99999, but the whole body has"),
        ("Content-Encoding: gzip", 415, "uncompressed"),
        ("x-request-timeout-ms: soon", 400, "milliseconds"),
        ("x-request-timeout-ms: 1.5", 400, "milliseconds"),
    ],
)
def test_heads_that_are_refused(server: Server, header: str, status: int, told: str) -> None:
    (answer,) = ask(server, post(INFER, infer_body([1, 2, 3, 4]), header))
    assert answer.status == status
    assert told in answer.json["error"]  # type: ignore[index]


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: t\r\n\r\n".encode()


def test_models_and_versions(server: Server) -> None:
    body = infer_body([1, 2, 3, 4])
    for path in ("/v1/models/tiny", "/v1/models/tiny/versions/7", "/v2/models/tiny/versions/6f9c81ab2d/ready"):
        assert ask(server, get(path))[0].json == {"name": "tiny", "ready": True}
    assert ask(server, get("/v1/models"))[0].json == {"models": ["tiny"]}
    assert ask(server, post("/v2/models/tiny/versions/7/infer", body))[0].status == 200
    for path in ("/v2/models/tiny/versions/8/infer", "/v1/models/tiny/versions/8:predict"):
        (unknown,) = ask(server, post(path, body))
        assert unknown.status == 404
        assert "'8'" in unknown.json["error"]  # type: ignore[index]
    assert "no model 'other'" in str(ask(server, post("/v1/models/other:predict", body))[0].json)


@pytest.fixture(scope="module")
def batching(linear_model: Path) -> Iterator[Server]:
    with running(linear_model, MODELSERVER_BATCHING="on", MODELSERVER_MAX_BATCH_SIZE="8") as one:
        yield one


def test_callers_of_forced_batches_get_their_own_answers(batching: Server) -> None:
    wrong: list[object] = []

    def caller(number: int) -> None:
        with batching.connect() as client:
            reader = Reader(client)
            for turn in range(100):
                first = number * 1000 + turn
                client.sendall(post(INFER, infer_body([first, 0, 0, 0])))
                answer = reader.answer()
                if answer.status != 200:
                    wrong.append(answer)
                    continue
                got = answer.json["outputs"][0]["data"]  # type: ignore[index]
                if not np.allclose(got, [first / 10, first / 10 + 1, first / 10 + 2], rtol=1e-5):
                    wrong.append((first, got))

    callers = [threading.Thread(target=caller, args=(number,)) for number in range(8)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(60)
    assert wrong == []
    metrics = ask(batching, get("/metrics"))[0].body.decode()
    assert 'execution="batching"' in metrics
    assert "modelserver_batch_size_sum 800" in metrics.replace(".0\n", "\n")
    count = int(metrics.split("modelserver_batch_size_count ")[1].split()[0])
    assert count < 800  # some ran together


def test_a_caller_who_hangs_up_harms_nobody(batching: Server) -> None:
    body = infer_body([1, 2, 3, 4])
    for _ in range(20):
        with batching.connect() as gone, batching.connect() as stays:
            gone.sendall(post(INFER, body))
            stays.sendall(post(INFER, body))
            gone.close()
            assert Reader(stays).answer().status == 200


def test_requests_sent_ahead_are_answered_in_order(batching: Server) -> None:
    asked = [post(INFER, infer_body([number, 0, 0, 0])) for number in range(30)]
    got = [answer.json["outputs"][0]["data"][0] for answer in ask(batching, *asked)]  # type: ignore[index]
    np.testing.assert_allclose(got, [number / 10 for number in range(30)], rtol=1e-5)


def test_a_request_whose_time_is_up_gets_504(tmp_path: Path) -> None:
    path = tmp_path / "slow.onnx"
    path.write_bytes(models.slow(1024))
    body = b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[5]}]}'
    with running(path, MODELSERVER_EXECUTION="thread") as server:
        clients = [server.connect() for _ in range(12)]
        try:
            for client in clients:  # a run takes far more than a millisecond, and there are fewer threads than clients
                client.sendall(post(INFER, body, "x-request-timeout-ms: 1"))
            statuses = [Reader(client).answer().status for client in clients]
        finally:
            for client in clients:
                client.close()
        assert set(statuses) == {200, 504}
        assert 'kind="DeadlineExceeded"' in ask(server, get("/metrics"))[0].body.decode()
