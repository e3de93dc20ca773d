"""A server that is told to stop while nobody else can answer: it stays for as long as callers come anew."""

import threading
import time
from pathlib import Path

from bench.ports import free_port
from tests.runtime.processes import Reader, Server, infer_body, post, running
from tests.runtime.test_grpc import Client, request

REQUEST = post("/v2/models/tiny/infer", infer_body([1.0, 2.0, 3.0, 4.0]))
SERVING = b"GET /modelway/serving HTTP/1.1\r\nHost: t\r\n\r\n"
DRAIN = {"MODELSERVER_DRAIN_MIN_SECONDS": "0.5", "MODELSERVER_DRAIN_SECONDS": "2"}
ALONE = DRAIN | {"MODELSERVER_DRAIN_ALONE_SECONDS": "60"}


def status(server: Server, request: bytes) -> int:
    with server.connect() as client:
        client.sendall(request)
        return Reader(client).answer().status


def test_it_serves_new_callers_beyond_the_drain_and_goes_when_they_do(linear_model: Path) -> None:
    with running(linear_model, **ALONE) as server:
        server.terminate()
        until = time.monotonic() + 4
        while time.monotonic() < until:
            assert status(server, REQUEST) == 200
            assert status(server, SERVING) == 200
            time.sleep(0.02)
        assert server.wait() == 0


def test_probes_alone_keep_nobody(linear_model: Path) -> None:
    with running(linear_model, **ALONE) as server:
        server.terminate()
        while True:
            try:
                assert status(server, SERVING) == 200
            except (OSError, EOFError):
                break
            time.sleep(0.05)
        assert server.wait() == 0


def test_old_connections_alone_keep_nobody(linear_model: Path) -> None:
    with running(linear_model, **ALONE) as server, server.connect() as idle:
        server.terminate()
        time.sleep(1.0)
        idle.sendall(REQUEST)
        assert Reader(idle).answer().status == 200
        assert server.wait() == 0


def test_calls_on_new_channels_keep_both_ports(linear_model: Path) -> None:
    port, failures = free_port(), list[BaseException]()

    def call(until: float) -> None:
        try:
            while time.monotonic() < until:
                client = Client(port)
                client.call("ModelInfer", request())
                client.channel.close()
        except BaseException as failure:
            failures.append(failure)

    with running(linear_model, MODELSERVER_GRPC_PORT=str(port), **ALONE) as server:
        caller = threading.Thread(target=call, args=(time.monotonic() + 5,))
        caller.start()
        server.terminate()
        while caller.is_alive():
            assert status(server, SERVING) == 200
            time.sleep(0.02)
        assert server.wait() == 0
    assert failures == []
