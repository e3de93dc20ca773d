"""gRPC under load, near its limits, and while a server leaves: real server processes."""

import threading
import time
from collections import Counter
from pathlib import Path

import grpc
import numpy as np
import pytest

from bench.ports import free_port
from modelserver.grpc_api.calls import HEALTH
from modelserver.grpc_api.server import MOST_THREADS, SPARE_CALLS, threads
from modelserver.settings import ServeSettings
from tests.runtime import models
from tests.runtime.processes import Server, running, scraped
from tests.runtime.test_grpc import CODE, SERVICE, Client, message, request, serving


@pytest.fixture
def slow_model(tmp_path: Path) -> Path:
    path = tmp_path / "slow.onnx"
    path.write_bytes(models.slow(1024))
    return path


def test_a_deadline_ends_the_wait_and_cancelled_calls_do_not_run(slow_model: Path) -> None:
    values = np.ones(1, np.float32)
    with serving(slow_model, MODELSERVER_EXECUTION="thread", MODELSERVER_BATCHING="off") as (_, port):
        client = Client(port)
        send = client.channel.unary_unary(SERVICE + "ModelInfer", lambda one: one.SerializeToString())
        waiting = [send.future(request(values), timeout=60) for _ in range(100)]
        assert client.refused("ModelInfer", request(values), timeout=0.05)[0] is CODE.DEADLINE_EXCEEDED
        for call in waiting:
            call.cancel()
        # 100 runs take many seconds; this one waits only for what had begun.
        client.call("ModelInfer", request(values), timeout=5)


def test_health_is_told_while_the_limit_of_calls_waits(tmp_path: Path) -> None:
    path = tmp_path / "slow.onnx"
    path.write_bytes(models.slow(1500))
    asked = HEALTH.message("HealthCheckRequest")()
    with serving(path, MODELSERVER_EXECUTION="thread", MODELSERVER_WARMUP_REQUESTS="0") as (server, port):
        clients = [Client(port) for _ in range(4)]
        sends = [
            one.channel.unary_unary(SERVICE + "ModelInfer", lambda one: one.SerializeToString()) for one in clients
        ]
        waiting = [sends[number % 4].future(request(np.ones(1, np.float32)), timeout=60) for number in range(256)]
        end = time.monotonic() + 10
        while in_flight(server) < 250:  # some may have been answered
            assert time.monotonic() < end
        assert Client(port).call("/grpc.health.v1.Health/Check", asked, timeout=5)[0].status == 1
        for call in waiting:
            call.cancel()


def in_flight(server: Server) -> int:
    lines = scraped(server).splitlines()
    return next(int(float(line.split()[1])) for line in lines if line.startswith("modelserver_requests_in_flight "))


@pytest.mark.parametrize("limit", [1, 256, 10_000])
def test_threads_are_left_for_calls_that_do_not_infer(limit: int) -> None:
    settings = ServeSettings(max_in_flight=limit)
    assert SPARE_CALLS < threads(settings) <= MOST_THREADS
    assert threads(settings) - SPARE_CALLS == min(limit, MOST_THREADS - SPARE_CALLS)


def load(client: Client, stop: threading.Event, counts: Counter[str]) -> None:
    """Call after call over one channel; what a client does that never retries."""
    while not stop.is_set():
        try:
            client.call("ModelInfer", request())
            counts["answered"] += 1
        except grpc.RpcError as failure:
            counts[f"{failure.code()} {failure.details()}"] += 1


@pytest.mark.parametrize("execution", ["inline", "thread"])
def test_no_call_fails_while_a_server_leaves_and_another_is_there(linear_model: Path, execution: str) -> None:
    """The clients find the other server as they would behind a Service: when they are asked to connect anew."""
    settings = {"MODELSERVER_EXECUTION": execution, "MODELSERVER_DRAIN_MIN_SECONDS": "0.5"}
    # Clients are asked to connect anew after eight tenths of it, which the other server must have loaded before.
    settings["MODELSERVER_DRAIN_SECONDS"] = "6"
    counts: Counter[str] = Counter()
    stop = threading.Event()
    later = free_port()
    with serving(linear_model, **settings) as (leaving, first):
        clients = [Client(later, first) for _ in range(8)]
        threads = [threading.Thread(target=load, args=(client, stop, counts)) for client in clients]
        for thread in threads:
            thread.start()
        with running(linear_model, MODELSERVER_GRPC_PORT=str(later), **settings):
            before = counts["answered"]
            leaving.terminate()
            assert leaving.wait() == 0
            after = counts["answered"]
            time.sleep(0.3)
            stop.set()
            for thread in threads:
                thread.join(10)
    assert set(counts) == {"answered"}
    assert 0 < before < after < counts["answered"]


def test_a_server_that_leaves_says_so_and_finishes_what_has_begun(slow_model: Path) -> None:
    asked = HEALTH.message("HealthCheckRequest")()
    settings = {"MODELSERVER_EXECUTION": "thread", "MODELSERVER_DRAIN_MIN_SECONDS": "0.5"}
    with serving(slow_model, **settings) as (server, port):
        client = Client(port)
        client.call("ServerReady", message("ServerReadyRequest"))
        send = client.channel.unary_unary(SERVICE + "ModelInfer", lambda one: one.SerializeToString())
        waiting = [send.future(request(np.ones(1, np.float32)), timeout=60) for _ in range(6)]
        server.terminate()
        end = time.monotonic() + 5
        while client.call("/grpc.health.v1.Health/Check", asked)[0].status != 2:
            assert time.monotonic() < end
        assert not client.call("ServerReady", message("ServerReadyRequest"))[0].ready
        assert all(call.result() for call in waiting)
        assert server.wait() == 0
