"""SIGTERM at any moment: while the process starts, and whatever clients are in the middle of."""

import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bench.ports import free_port
from tests.runtime.processes import Reader, environment, infer_body, post, running

INFER = "/v2/models/tiny/infer"
WHOLE = post(INFER, infer_body([1.0, 2.0, 3.0, 4.0]))


@pytest.mark.parametrize("milliseconds", [0, 20, 50, 80, 110, 140, 170, 200, 250, 300, 400, 600])
def test_while_it_starts(linear_model: Path, milliseconds: int) -> None:
    settings = {"MODELSERVER_HTTP_PORT": str(free_port()), "MODELSERVER_GRPC_PORT": str(free_port())}
    settings |= {"MODELSERVER_DRAIN_SECONDS": "0"}
    command = [sys.executable, "-m", "modelserver", "serve", str(linear_model)]
    process = subprocess.Popen(command, env=environment(**settings), stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(milliseconds / 1000)  # the moment is what is tested
        process.terminate()
        _, told = process.communicate(timeout=20)
    finally:
        process.kill()
    # Before Python has come to our first line, the signal's default action ends the process.
    assert process.returncode == 0 or (process.returncode == -signal.SIGTERM and "listening" not in told)
    assert "Traceback" not in told


MIDDLES = {
    "nothing": b"",
    "a head": WHOLE[:30],
    "a body": WHOLE[:-10],
    "a chunk": f"POST {INFER} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc".encode(),
    "an expectation": post(INFER, b"", "Expect: 100-continue").replace(b"Length: 0", b"Length: 9"),
    "pipelined requests": WHOLE * 50,
    "unread answers": b"GET /openapi.json HTTP/1.1\r\nHost: t\r\n\r\n" * 500,
    "no HTTP": b"\x16\x03\x01\x02\x00",
}


def test_while_clients_are_in_the_middle_of_something(linear_model: Path) -> None:
    settings = {"MODELSERVER_DRAIN_SECONDS": "1", "MODELSERVER_DRAIN_GRACE_SECONDS": "1"}
    with running(linear_model, **settings) as server:
        clients: list[socket.socket] = []
        for sent in list(MIDDLES.values()) * 5:
            client = server.connect(0.2)
            with suppress(TimeoutError):  # who is not read by the server can't send any more
                client.sendall(sent)
            clients.append(client)
        server.terminate()
        with server.connect() as late:
            late.sendall(WHOLE)
            assert Reader(late).answer().status == 200
        assert server.wait(10) == 0
        for client in clients:
            client.close()
