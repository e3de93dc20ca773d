"""SIGTERM under load: nobody who asks is left without an answer, and nobody retries."""

import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from bench.ports import free_port
from tests.runtime import models
from tests.runtime.processes import Reader, Server, environment, infer_body, post, running

REQUEST = post("/v2/models/tiny/infer", infer_body([1.0, 2.0, 3.0, 4.0]))
READY = b"GET /v2/health/ready HTTP/1.1\r\nHost: t\r\n\r\n"


def kept_alive(server: Server, counts: Counter[str]) -> None:
    """One connection, request after request, until the server says `connection: close`."""
    with server.connect() as client:
        reader = Reader(client)
        while True:
            client.sendall(REQUEST)
            answer = reader.answer()
            counts[f"kept alive {answer.status}"] += 1
            if answer.headers["connection"] == "close":
                return
            time.sleep(0.001)


def anew(server: Server, counts: Counter[str], until: float) -> None:
    """A new connection for each request, also long after SIGTERM, as long as news has not spread."""
    while time.monotonic() < until:
        with server.connect() as client:
            client.sendall(REQUEST)
            counts[f"anew {Reader(client).answer().status}"] += 1
        time.sleep(0.002)


@pytest.mark.parametrize("execution", ["inline", "thread"])
def test_no_request_fails_while_the_server_drains(linear_model: Path, execution: str) -> None:
    settings = {
        "MODELSERVER_EXECUTION": execution,
        "MODELSERVER_DRAIN_MIN_SECONDS": "1.5",
        "MODELSERVER_DRAIN_SECONDS": "5",
    }
    counts: Counter[str] = Counter()
    failures: list[BaseException] = []

    def guarded(run: object, *more: object) -> None:
        try:
            run(server, counts, *more)  # type: ignore[operator]
        except BaseException as failure:
            failures.append(failure)

    with running(linear_model, **settings) as server:
        until = time.monotonic() + 1.6
        threads = [threading.Thread(target=guarded, args=(kept_alive,)) for _ in range(8)]
        threads += [threading.Thread(target=guarded, args=(anew, until)) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        server.terminate()
        for thread in threads:
            thread.join(20)
        assert server.wait() == 0
    assert failures == []
    assert set(counts) == {"kept alive 200", "anew 200"}
    assert min(counts.values()) > 50


def test_idle_connections_are_not_cut_but_get_their_answer(linear_model: Path) -> None:
    with running(linear_model) as server, server.connect() as idle, server.connect() as probe:
        prober, reader = Reader(probe), Reader(idle)
        idle.sendall(REQUEST)
        assert reader.answer().headers["connection"] == "keep-alive"
        server.terminate()
        time.sleep(1.0)
        probe.sendall(READY)
        assert prober.answer().status == 503
        idle.sendall(REQUEST + REQUEST)
        answers = [reader.answer(), reader.answer()]
        assert [answer.status for answer in answers] == [200, 200]
        assert [answer.headers["connection"] for answer in answers] == ["keep-alive", "close"]
        assert reader.ended()
        assert server.wait() == 0


def test_a_half_read_request_is_answered_after_the_deadline(linear_model: Path) -> None:
    with running(linear_model, MODELSERVER_DRAIN_SECONDS="0.5") as server, server.connect() as client:
        client.sendall(REQUEST[:-20])
        time.sleep(0.1)
        server.terminate()
        time.sleep(1.0)
        client.sendall(REQUEST[-20:])
        assert Reader(client).answer().status == 200
        assert server.wait() == 0


def test_a_request_in_a_worker_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "slow.onnx"
    path.write_bytes(models.slow(1024))
    body = b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[5]}]}'
    with running(path, MODELSERVER_DRAIN_SECONDS="0", MODELSERVER_EXECUTION="thread") as server:
        clients = [server.connect() for _ in range(6)]
        for client in clients:
            client.sendall(post("/v2/models/tiny/infer", body))
        time.sleep(0.05)
        server.terminate()
        for client in clients:
            assert Reader(client).answer().json["outputs"][0]["data"] == [5.0]  # type: ignore[index]
            client.close()
        assert server.wait() == 0


def test_a_second_sigterm_ends_sooner(linear_model: Path) -> None:
    with running(linear_model, MODELSERVER_DRAIN_SECONDS="60") as server, server.connect():
        server.terminate()
        time.sleep(0.3)
        assert server.process.poll() is None
        server.terminate()
        assert server.wait(3) == 0


def test_sigterm_while_loading_ends_at_once(linear_model: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "modelserver", "serve", str(linear_model), "--http-port", str(port)]
    process = subprocess.Popen(
        command, env=environment(MODELSERVER_DRAIN_SECONDS="60"), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert "listening" in process.stderr.readline()
    process.terminate()
    assert process.wait(10) == 0
    process.stderr.close()
