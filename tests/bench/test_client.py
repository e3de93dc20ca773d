"""The load's client against a small server: several connections at once, closed ones opened anew, refusals told."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from bench.runtime.client import AT_LEAST, Connection, Refused, closed_loop, latencies

ASKED = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CLOSED = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"


class Counting(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64
    connections = 0


@contextmanager
def serving(answer: bytes) -> Iterator[tuple[int, Counting]]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            server.connections += 1
            with suppress(ConnectionError):  # clients leave with answers under way
                while self.request.recv(4096):
                    # In two pieces: what came is not yet the answer.
                    self.request.sendall(answer[:20])
                    self.request.sendall(answer[20:])
                    if b"close" in answer:
                        return

    with Counting(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1], server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("answer", [KEPT, CHUNKED, CLOSED])
def test_an_answer_is_read_whole(answer: bytes) -> None:
    with serving(answer) as (port, _):
        connection = Connection(port)
        assert connection.exchange(ASKED)[1] == b"hello"
        assert connection.exchange(ASKED)[1] == b"hello"
        connection.close()


def test_every_connection_is_kept_and_has_a_request_under_way() -> None:
    with serving(KEPT) as (port, server):
        connections = [Connection(port) for _ in range(4)]
        told = closed_loop(connections, ASKED, 0.0, lambda: 7.0)
        assert told["requests"] >= AT_LEAST
        assert told["cpu"] == 0.0
        assert server.connections == 4
        for connection in connections:
            connection.close()


def test_a_server_that_closes_after_each_answer_gets_new_connections() -> None:
    with serving(CLOSED) as (port, server):
        connections = [Connection(port) for _ in range(3)]
        told = closed_loop(connections, ASKED, 0.0, lambda: 0.0)
        assert told["requests"] >= AT_LEAST
        assert server.connections >= told["requests"]
        for connection in connections:
            connection.close()


def test_a_refusal_ends_the_load() -> None:
    with serving(BUSY) as (port, _):
        connection = Connection(port)
        with pytest.raises(Refused, match="503 busy"):
            closed_loop([connection], ASKED, 0.0, lambda: 0.0)
        connection.close()


def test_latencies_come_in_ascending_order() -> None:
    with serving(KEPT) as (port, _):
        connection = Connection(port)
        times = latencies(connection, ASKED, 0.0)
        assert len(times) == AT_LEAST
        assert times == sorted(times)
        connection.close()
