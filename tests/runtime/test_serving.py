"""The whole process: what it does without being asked, what it refuses to start with, what it holds back."""

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from bench.ports import free_port
from tests.runtime import models
from tests.runtime.processes import Reader, Server, environment, infer_body, post, running

SLOW_BODY = b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[5]}]}'


def tcp_peers(server: Server) -> set[str]:
    """Remote ends of this process's TCP connections, from /proc, but those of our own clients on loopback."""
    sockets = set()
    for fd in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            target = str(fd.readlink())
            if target.startswith("socket:["):
                sockets.add(target[8:-1])
    peers = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{server.process.pid}/net/{table}").read_text().splitlines()[1:]:
            local, remote, inode = line.split()[1], line.split()[2], line.split()[9]
            if inode in sockets and int(local.rpartition(":")[2], 16) != server.port:
                peers.add(remote)
    return peers


def test_nothing_leaves_the_pod_and_no_identifier_is_kept(linear_model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    places = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "TMPDIR": str(home)}
    with running(linear_model, **places) as server:
        for _ in range(20):
            assert httpx.post(server.url("/model/predict"), json={"data": [[1, 2, 3, 4]]}).status_code == 200
            assert tcp_peers(server) == set()
            time.sleep(0.02)
    assert list(home.rglob("*")) == []


def test_telemetry_is_off_before_onnxruntime_is_imported() -> None:
    script = (
        "import os, sys, modelserver.session\n"
        "assert 'onnxruntime' in sys.modules\n"
        "assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'\n"
        "source = open(modelserver.session.__file__).read()\n"
        "assert source.index('ORT_DISABLE_TELEMETRY') < source.index('import onnxruntime')\n"
    )
    subprocess.run([sys.executable, "-c", script], env=environment(), check=True)


def test_fetch_needs_neither_onnxruntime_nor_numpy(linear_model: Path, tmp_path: Path) -> None:
    script = (
        "import sys\nfrom modelserver.cli import main\n"
        f"assert main(['fetch', '--model-uri', {str(linear_model)!r}, '--model-dir', {str(tmp_path)!r}]) == 0\n"
        "assert not {'onnxruntime', 'numpy', 'uvloop', 'asyncio', 'obstore'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], env=environment(), check=True)


@pytest.mark.parametrize(
    ("content", "settings", "reason", "told"),
    [
        (models.linear()[:60], {}, "ModelCorrupt", "upload it again"),
        (models.unknown_operator(), {}, "ModelUnsupported", "Frobnicate"),
        (models.future_opset(), {}, "ModelUnsupported", "older opset"),
        (models.always_fails(), {}, "ModelFailed", "does not answer"),
        (models.linear(), {"MODELSERVER_THREADS": "many"}, "BadSettings", "MODELSERVER_THREADS is 'many'"),
    ],
)
def test_a_server_that_cannot_serve_says_why_and_exits_1(
    content: bytes, settings: dict[str, str], reason: str, told: str, tmp_path: Path
) -> None:
    path, log = tmp_path / "m.onnx", tmp_path / "termination-log"
    path.write_bytes(content)
    log.touch()
    more = {"MODELSERVER_TERMINATION_LOG": str(log), "MODELSERVER_HTTP_PORT": str(free_port()), **settings}
    command = [sys.executable, "-m", "modelserver", "serve", str(path)]
    ended = subprocess.run(command, env=environment(**more), capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    said = json.loads(log.read_text())
    assert said["reason"] == reason
    assert told in said["message"]
    assert told in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_a_port_that_is_taken_is_a_wrong_setting(server: Server, linear_model: Path) -> None:
    command = [sys.executable, "-m", "modelserver", "serve", str(linear_model), "--http-port", str(server.port)]
    ended = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert "MODELSERVER_HTTP_PORT" in ended.stderr


def test_more_requests_in_flight_than_allowed_are_told_to_come_back(tmp_path: Path) -> None:
    path = tmp_path / "slow.onnx"
    path.write_bytes(models.slow(768))
    with running(path, MODELSERVER_MAX_IN_FLIGHT="2", MODELSERVER_EXECUTION="thread") as server:
        clients = [server.connect() for _ in range(8)]
        for client in clients:
            client.sendall(post("/v2/models/tiny/infer", SLOW_BODY))
        answers = [Reader(client).answer() for client in clients]
        for client in clients:
            client.close()
        statuses = sorted(answer.status for answer in answers)
        assert statuses[:2] == [200, 200]
        assert statuses[-1] == 503
        refused = next(answer for answer in answers if answer.status == 503)
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["connection"] == "keep-alive"


def test_cancelled_callers_harm_nobody(tmp_path: Path) -> None:
    path = tmp_path / "slow.onnx"
    path.write_bytes(models.slow())
    request = post("/v2/models/tiny/infer", SLOW_BODY)
    with running(path, MODELSERVER_EXECUTION="thread") as server:
        for round_ in range(5):
            clients = [server.connect() for _ in range(10)]
            for client in clients:
                client.sendall(request)
            for client in clients[::2]:
                client.close()
            answers = [Reader(client).answer() for client in clients[1::2]]
            assert [answer.status for answer in answers] == [200] * 5, round_
            for client in clients[1::2]:
                client.close()
        time.sleep(0.3)
        text = httpx.get(server.url("/metrics")).text
        assert "modelserver_requests_in_flight 0\n" in text
        assert "modelserver_connections 1\n" in text


def test_too_many_connections_are_refused_politely(linear_model: Path) -> None:
    with running(linear_model, MODELSERVER_MAX_CONNECTIONS="3") as server:
        inside = [server.connect() for _ in range(3)]
        with server.connect() as outside:
            answer = Reader(outside).answer()
        assert (answer.status, answer.headers["connection"]) == (503, "close")
        inside[0].sendall(post("/v2/models/tiny/infer", infer_body([1, 2, 3, 4])))
        assert Reader(inside[0]).answer().status == 200
        for client in inside:
            client.close()


def test_unfinished_bodies_have_a_common_bound(linear_model: Path) -> None:
    limits = {"MODELSERVER_MAX_BUFFERED_BYTES": "200000", "MODELSERVER_MAX_BODY_BYTES": "100000"}
    with running(linear_model, **limits) as server:
        clients = [server.connect() for _ in range(4)]
        for client in clients:
            client.sendall(b"POST /model/predict HTTP/1.1\r\nHost: t\r\nContent-Length: 90000\r\n\r\n" + b"[" * 80_000)
        assert Reader(clients[-1]).answer().status == 503
        for client in clients:
            client.close()


def test_a_client_that_reads_nothing_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "echo.onnx"
    path.write_bytes(models.echo("FP64"))
    body = json.dumps({"data": [0.123456789] * 200_000}).encode()
    with running(path, MODELSERVER_WRITE_TIMEOUT_SECONDS="0.5") as server, server.connect() as greedy:
        greedy.settimeout(1)
        with pytest.raises((TimeoutError, ConnectionError)):
            for _ in range(20):
                greedy.sendall(post("/model/predict", body))
        end = time.monotonic() + 5
        while time.monotonic() < end:
            if "modelserver_connections 1\n" in httpx.get(server.url("/metrics")).text:
                return
            time.sleep(0.1)
        pytest.fail("The client that read nothing is still connected.")


def test_health_is_told_while_the_model_loads(linear_model: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "modelserver", "serve", str(linear_model), "--http-port", str(port)]
    process = subprocess.Popen(command, env=environment(MODELSERVER_DRAIN_SECONDS="0"), stderr=subprocess.DEVNULL)
    try:
        statuses: list[tuple[int, int]] = []
        while not statuses or statuses[-1][1] != 200:
            try:
                live = httpx.get(f"http://127.0.0.1:{port}/v2/health/live").status_code
                ready = httpx.get(f"http://127.0.0.1:{port}/v2/health/ready").status_code
                statuses.append((live, ready))
            except httpx.ConnectError:
                time.sleep(0.01)
        assert {live for live, _ in statuses} == {200}
    finally:
        process.kill()
        process.wait()
