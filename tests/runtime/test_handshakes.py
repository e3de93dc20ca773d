"""TLS handshakes that never end: how many there are is bounded, and honest clients find room between them."""

import asyncio
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from bench.ports import free_port
from modelserver.server.acceptor import REFUSALS
from modelserver.server.tls_door import TlsDoor
from tests.runtime.processes import QUICK_DRAIN, environment, infer_body
from tests.runtime.test_access import INFER, certificate, eventually

MOST = 20  # MODELSERVER_MAX_CONNECTIONS


@contextmanager
def serving(model: Path, folder: Path, **more: str) -> Iterator[tuple[subprocess.Popen[bytes], int, httpx.Client]]:
    """A server with TLS, its port, and a client that opens a connection for each request."""
    cert, key = certificate(folder, "server")
    port = free_port()
    settings = {"MODELSERVER_HTTP_PORT": str(port), "MODELSERVER_MODEL_NAME": "tiny", **QUICK_DRAIN, **more}
    settings |= {"MODELSERVER_TLS_CERT": str(cert), "MODELSERVER_TLS_KEY": str(key)}
    command = [sys.executable, "-m", "modelserver", "serve", str(model)]
    process = subprocess.Popen(command, env=environment(**settings), stderr=subprocess.DEVNULL)
    trusted = ssl.create_default_context(cafile=str(cert))
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=f"https://localhost:{port}", verify=trusted, limits=limits, timeout=5) as client:
        try:
            eventually(lambda: answered(client))
            yield process, port, client
        finally:
            process.kill()
            process.wait()


def answered(client: httpx.Client) -> bool:
    try:
        return client.post(INFER, content=infer_body([1, 2, 3, 4])).status_code == 200
    except httpx.TransportError:
        return False


def closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def gauge(client: httpx.Client) -> int:
    lines = client.get("/metrics").text.splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("modelserver_connections "))


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00"], ids=["nothing", "the beginning of a record"])
def test_slow_handshakes_are_bounded_and_make_room(linear_model: Path, tmp_path: Path, said: bytes) -> None:
    """A minute is what each handshake may take, so that only their number can help."""
    limits = {"MODELSERVER_MAX_CONNECTIONS": str(MOST), "MODELSERVER_HEADER_TIMEOUT_SECONDS": "60"}
    with serving(linear_model, tmp_path, **limits) as (_, port, client), ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(MOST + REFUSALS + 50)]
        for one in slow:
            with suppress(ConnectionError):  # among those that were too many
                one.sendall(said)
        eventually(lambda: sum(map(closed, slow)) >= 50)
        eventually(lambda: answered(client))
        eventually(lambda: gauge(client) < MOST)
        assert all(map(closed, slow))


def test_few_slow_handshakes_disturb_nobody(linear_model: Path, tmp_path: Path) -> None:
    limits = {"MODELSERVER_MAX_CONNECTIONS": "40", "MODELSERVER_HEADER_TIMEOUT_SECONDS": "60"}
    with serving(linear_model, tmp_path, **limits) as (_, port, client), ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(10)]
        eventually(lambda: gauge(client) == 11)
        time.sleep(3)  # more than a handshake may take in a full server
        assert not any(map(closed, slow)) and answered(client)


def test_a_handshake_that_takes_too_long_ends_by_itself(linear_model: Path, tmp_path: Path) -> None:
    with serving(linear_model, tmp_path, MODELSERVER_HEADER_TIMEOUT_SECONDS="1") as (_, port, client):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
            assert slow.recv(1) == b""
        eventually(lambda: gauge(client) == 1)


def test_a_server_with_a_handshake_under_way_leaves(linear_model: Path, tmp_path: Path) -> None:
    limits = {"MODELSERVER_HEADER_TIMEOUT_SECONDS": "60"}
    with (
        serving(linear_model, tmp_path, **limits) as (process, port, _),
        socket.create_connection(("127.0.0.1", port)),
    ):
        process.terminate()
        assert process.wait(20) == 0


def test_who_finds_no_room_is_closed_at_once(tmp_path: Path) -> None:
    async def knock() -> list[int]:
        listening = socket.create_server(("127.0.0.1", 0))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate(tmp_path, "server"))
        door: TlsDoor = TlsDoor(listening, context, 60.0, lambda: len(door) < 3, asyncio.Protocol)
        streams = [await asyncio.open_connection(*listening.getsockname()) for _ in range(5)]
        ended = [number for number in (3, 4) if await streams[number][0].read() == b""]
        assert len(door) == 3
        streams[0][1].transport.abort()
        while len(door) == 3:  # noqa: ASYNC110 - the door has no event for it
            await asyncio.sleep(0.01)
        door.let_go(0.0)
        ended += [number for number in (1, 2) if await streams[number][0].read() == b""]
        door.close()
        return ended

    assert asyncio.run(asyncio.wait_for(knock(), 20)) == [3, 4, 1, 2]


def test_a_slow_handshake_over_grpc_ends_by_itself(linear_model: Path, tmp_path: Path) -> None:
    port = free_port()
    settings = {"MODELSERVER_GRPC_PORT": str(port), "MODELSERVER_HEADER_TIMEOUT_SECONDS": "1"}
    with (
        serving(linear_model, tmp_path, **settings),
        socket.create_connection(("127.0.0.1", port), timeout=15) as slow,
        suppress(ConnectionResetError),
    ):
        assert slow.recv(1) == b""
