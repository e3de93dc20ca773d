"""A server that is full makes room: for those who ask, of those who only hold a connection."""

import socket
import time
from pathlib import Path

import pytest

from modelserver.server.acceptor import REFUSALS
from tests.runtime.processes import Reader, Server, infer_body, post, running

REQUEST = post("/v2/models/tiny/infer", infer_body([1.0, 2.0, 3.0, 4.0]))
MOST = 40
HOLDERS = {"silence": b"", "half a head": REQUEST[:30]}


def status(server: Server) -> int:
    with server.connect() as client:
        client.sendall(REQUEST)
        return Reader(client).answer().status


def asked(server: Server) -> socket.socket:
    client = server.connect()
    client.sendall(REQUEST)
    assert Reader(client).answer().status == 200
    return client


@pytest.mark.parametrize("what", HOLDERS)
def test_who_only_holds_a_connection_must_go(linear_model: Path, what: str) -> None:
    settings = {
        "MODELSERVER_MAX_CONNECTIONS": str(MOST),
        # A silent one has this long; for a head that has begun the usual time would be far too long here.
        "MODELSERVER_HEADER_TIMEOUT_SECONDS": "4" if what == "silence" else "600",
    }
    with running(linear_model, **settings) as server:
        asking = [asked(server) for _ in range(MOST // 2)]
        holders = [server.connect() for _ in range(MOST // 2)]
        for holder in holders:
            holder.sendall(HOLDERS[what])
        assert status(server) == 503
        end = time.monotonic() + 15
        while status(server) != 200:
            assert time.monotonic() < end
            time.sleep(0.2)
        for client in asking:  # they have asked before, so they stay: those, too, who asked as soon as they came
            client.sendall(REQUEST)
            assert Reader(client).answer().status == 200
        for client in (*asking, *holders):
            client.close()


def test_a_flood_of_connections_is_cut_off(linear_model: Path) -> None:
    """Beyond the limit a few hundred are told why; each of them stays for seconds, so the rest is not."""
    with running(linear_model, MODELSERVER_MAX_CONNECTIONS="10") as server:
        asking = asked(server)
        flood = [server.connect() for _ in range(600)]
        open_files = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
        assert open_files < 10 + REFUSALS + 100
        asking.sendall(REQUEST)
        assert Reader(asking).answer().status == 200
        for client in (asking, *flood):
            client.close()
        end = time.monotonic() + 10
        while status(server) != 200:
            assert time.monotonic() < end
            time.sleep(0.1)
        server.process.kill()
        assert server.process.stderr is not None
        assert "exception" not in server.process.stderr.read().lower()
