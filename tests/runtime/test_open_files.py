"""More connections than the usual soft limit of open files; and a hard limit that is told, and survived."""

import resource
import subprocess
import sys
import time
from pathlib import Path

from bench.ports import free_port
from tests.runtime.processes import Reader, Server, environment, infer_body, post, running

REQUEST = post("/v2/models/tiny/infer", infer_body([1.0, 2.0, 3.0, 4.0]))


def answered(server: Server) -> bool:
    try:
        with server.connect() as client:
            client.sendall(REQUEST)
            return Reader(client).answer().status == 200
    except ConnectionError:
        return False  # it still had no file for this one


def limited(soft: int, hard: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_is_raised_to_what_connections_take(linear_model: Path) -> None:
    with running(linear_model, MODELSERVER_MAX_CONNECTIONS="3000") as server:
        limits = Path(f"/proc/{server.process.pid}/limits").read_text().splitlines()
    soft = next(line for line in limits if line.startswith("Max open files")).split()[3]
    assert int(soft) >= 3512


def test_a_server_without_files_left_answers_again_when_there_are_some(linear_model: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "modelserver", "serve", str(linear_model), "--model-name", "tiny"]
    process = subprocess.Popen(
        [*command, "--http-port", str(port)],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: limited(64, 128),
    )
    server = Server(process, port, "tiny")
    try:
        assert process.stderr is not None
        assert "so fewer than 4096 connections fit" in process.stderr.readline()
        while "ready" not in process.stderr.readline():
            pass
        crowd = [server.connect() for _ in range(200)]
        for client in crowd:
            client.close()
        end = time.monotonic() + 10
        while not answered(server):
            assert time.monotonic() < end
        assert answered(server)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
