"""A server that is full makes room: for those who ask, of those who only hold a connection."""

import time
from pathlib import Path

import pytest

from tests.runtime.processes import Reader, Server, infer_body, post, running

REQUEST = post("/v2/models/tiny/infer", infer_body([1.0, 2.0, 3.0, 4.0]))
MOST = 40
HOLDERS = {"silence": b"", "half a head": REQUEST[:30]}


def status(server: Server) -> int:
    with server.connect() as client:
        client.sendall(REQUEST)
        return Reader(client).answer().status


@pytest.mark.parametrize("what", HOLDERS)
def test_who_only_holds_a_connection_must_go(linear_model: Path, what: str) -> None:
    settings = {
        "MODELSERVER_MAX_CONNECTIONS": str(MOST),
        # A silent one has this long; for a head that has begun the usual time would be far too long here.
        "MODELSERVER_HEADER_TIMEOUT_SECONDS": "1" if what == "silence" else "600",
    }
    with running(linear_model, **settings) as server:
        asking = server.connect()
        reader = Reader(asking)
        asking.sendall(REQUEST)
        assert reader.answer().status == 200
        holders = [server.connect() for _ in range(MOST)]
        for holder in holders:
            holder.sendall(HOLDERS[what])
        assert status(server) == 503
        end = time.monotonic() + 15
        while status(server) != 200:
            assert time.monotonic() < end
            time.sleep(0.2)
        asking.sendall(REQUEST)  # it has asked before, so it stays
        assert reader.answer().status == 200
        for holder in (asking, *holders):
            holder.close()
