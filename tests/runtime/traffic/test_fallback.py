"""Whatever the candidate does, callers get answers. Real servers that die, drain or hang, and made-up ones."""

import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.runtime import models
from tests.runtime.traffic.fleet import BODY, CANDIDATE, PATH, STABLE, Client, Fleet, fleet, state, wait_until
from tests.runtime.traffic.load import Load

ANSWER = b"HTTP/1.1 200 OK\r\nx-modelway-revision: ca4d1date0\r\ncontent-type: application/json\r\n"
GOOD = ANSWER + b"content-length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("pair"), models.linear(), models.linear()) as both:
        yield both


def load_of(pair: Fleet) -> Load:
    """Kept-alive clients of the stable server."""
    return Load(lambda: Client(pair.stable).revision)


@contextmanager
def made_up(serve: Callable[[socket.socket, int], None]) -> Iterator[tuple[int, list[bytes]]]:
    """A candidate that treats each connection (and its number) as told; gives its port and what it was sent first."""
    listening = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []

    def one(connection: socket.socket, number: int) -> None:
        with connection:
            connection.settimeout(10)
            try:
                seen.append(connection.recv(65536, socket.MSG_PEEK))
                serve(connection, number)
            except OSError:
                pass  # the server under test has hung up, as it may

    def accept() -> None:
        number = 0
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection, number), daemon=True).start()
            number += 1

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1], seen
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def saying(answer: bytes) -> Callable[[socket.socket, int], None]:
    """Every request is answered so."""

    def serve(connection: socket.socket, number: int) -> None:
        while connection.recv(65536):
            connection.sendall(answer)

    return serve


def to(port: int) -> dict[str, Any]:
    return {"revision": CANDIDATE, "http": f"http://127.0.0.1:{port}"}


def plain(status: str, body: bytes = b"{}") -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status.encode(), len(body), body)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (plain("500 Internal Server Error"), "error"),
        (plain("503 Service Unavailable"), "overloaded"),
        (plain("504 Gateway Timeout"), "timeout"),
        (plain("404 Not Found"), "error"),
        (plain("401 Unauthorized"), "error"),
        (plain("302 Found"), "error"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "unreachable"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "unreachable"),
    ],
)
def test_what_is_no_answer_is_answered_here_and_counted(pair: Fleet, answer: bytes, kind: str) -> None:
    with made_up(saying(answer)) as (port, _):
        pair.apply(candidate=to(port), weight=100)
        client = Client(pair.stable)
        assert [client.revision() for _ in range(5)] == [STABLE] * 5
        told = state(pair.stable)
        assert told["forwarded"]["failed"][kind] == told["forwarded"]["requests"] == 5
        assert (told["own"]["requests"], told["own"]["errors"], told["forwarded"]["latency"]["count"]) == (5, 0, 0)


@pytest.mark.parametrize(
    "body", [b"content-length: 2\r\n\r\n{}", b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"]
)
def test_answers_are_framed_anew(pair: Fleet, body: bytes) -> None:
    with made_up(saying(b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER + body)) as (port, seen):
        pair.apply(candidate=to(port), weight=100)
        client = Client(pair.stable)
        for _ in range(3):
            status, headers, got = client.ask()
            assert (status, headers["x-modelway-revision"], got) == (200, CANDIDATE, b"{}")
        assert len(seen) == 1, "one kept-alive connection"
        assert b"x-modelway-forwarded: 5table0000\r\n" in seen[0]


def test_a_kept_alive_connection_that_was_closed_in_the_meantime_costs_nothing(pair: Fleet) -> None:
    def serve(connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        connection.sendall(GOOD)  # and closes without a word

    with made_up(serve) as (port, seen):
        pair.apply(candidate=to(port), weight=100)
        client = Client(pair.stable)
        assert [client.revision() for _ in range(20)] == [CANDIDATE] * 20
        assert len(seen) == 20


def test_a_connection_that_dies_with_the_second_request_is_tried_once_more(pair: Fleet) -> None:
    def serve(connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        connection.sendall(GOOD)
        connection.recv(65536)  # the next request arrives, and is never answered

    with made_up(serve) as (port, _):
        pair.apply(candidate=to(port), weight=100)
        client = Client(pair.stable)
        assert [client.revision() for _ in range(20)] == [CANDIDATE] * 20
        assert set(state(pair.stable)["forwarded"]["failed"].values()) == {0}


def test_connection_close_is_respected(pair: Fleet) -> None:
    late: list[bytes] = []

    def serve(connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        connection.sendall(GOOD.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        late.append(connection.recv(65536))

    with made_up(serve) as (port, seen):
        pair.apply(candidate=to(port), weight=100)
        client = Client(pair.stable)
        assert [client.revision() for _ in range(5)] == [CANDIDATE] * 5
        wait_until(lambda: len(late) == 5)
        assert len(seen) == 5 and late == [b""] * 5


def test_an_answer_that_breaks_off_is_none(pair: Fleet) -> None:
    def serve(connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        connection.sendall(ANSWER + b"content-length: 1000\r\n\r\n{")

    with made_up(serve) as (port, _):
        pair.apply(candidate=to(port), weight=100)
        assert Client(pair.stable).revision() == STABLE
        assert state(pair.stable)["forwarded"]["failed"]["unreachable"] == 1


def test_a_second_answer_never_reaches_the_next_caller(pair: Fleet) -> None:
    with made_up(saying(GOOD + GOOD.replace(b"{}", b"[]"))) as (port, seen):
        pair.apply(candidate=to(port), weight=100)
        client = Client(pair.stable)
        assert [client.ask()[2] for _ in range(10)] == [b"{}"] * 10
        assert len(seen) == 10, "each such connection is given up"


def test_a_caller_who_leaves_cancels_the_candidate_s_work(pair: Fleet) -> None:
    left = threading.Event()

    def serve(connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        try:
            connection.recv(65536)
        except ConnectionResetError:  # an end alone would be half a close, and no cancellation
            left.set()

    with made_up(serve) as (port, seen):
        pair.apply(candidate=to(port), weight=100)
        client = Client(pair.stable)
        client.connection.request("POST", "/model/predict", body=b'{"data": [[1, 2, 3, 4]]}')
        wait_until(lambda: len(seen) == 1)
        # A reset: closing alone could be a caller who has sent all and still waits.
        client.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.connection.close()
        assert left.wait(10)
        assert state(pair.stable)["forwarded"]["requests"] == 0, "it was not the time-out"


def test_a_caller_s_time_is_left_for_an_answer_of_our_own(tmp_path: Path) -> None:
    over = threading.Event()
    with (
        fleet(tmp_path, models.linear(), models.linear(), MODELSERVER_EXECUTION="thread") as pair,
        made_up(lambda connection, number: over.wait(10)) as (port, _),
    ):
        pair.apply(candidate=to(port), weight=100)
        assert Client(pair.stable).revision(x_request_timeout_ms="800") == STABLE
        over.set()
        assert state(pair.stable)["forwarded"]["failed"]["timeout"] == 1


def test_a_stable_server_that_drains_answers_what_it_forwarded(tmp_path: Path) -> None:
    draining = threading.Event()

    def serve(connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        draining.wait(10)
        connection.sendall(GOOD)

    with fleet(tmp_path, models.linear(), models.linear()) as pair, made_up(serve) as (port, seen):
        pair.apply(candidate=to(port), weight=100)
        client = Client(pair.stable)
        client.connection.request("POST", PATH, body=BODY)
        wait_until(lambda: len(seen) == 1)
        pair.stable.terminate()
        wait_until(lambda: not state(pair.stable)["ready"])
        draining.set()
        answer = client.connection.getresponse()
        assert (answer.status, answer.headers["x-modelway-revision"]) == (200, CANDIDATE)
        assert pair.stable.wait() == 0


def test_a_candidate_that_hangs_holds_few_and_fails_nobody(tmp_path: Path) -> None:
    with fleet(tmp_path, models.linear(), models.linear()) as pair:
        pair.apply(weight=50)
        with load_of(pair) as load:
            load.answered(CANDIDATE)
            pair.candidate.process.send_signal(signal.SIGSTOP)
            load.answered(STABLE, 2000)
            pair.candidate.process.send_signal(signal.SIGCONT)
            load.answered(CANDIDATE)
        assert set(load.found) == {STABLE, CANDIDATE}
        failed = state(pair.stable)["forwarded"]["failed"]
        assert 0 < failed["timeout"] < 20 < failed["unreachable"]


def test_candidates_come_and_go_under_load_and_fail_nobody(pair: Fleet) -> None:
    pair.apply(weight=50)
    with load_of(pair) as load:
        for _ in range(4):
            pair.apply(candidate=None)
            load.answered(STABLE)
            pair.apply(weight=50)
            load.answered(CANDIDATE)
        assert set(state(pair.stable)["forwarded"]["failed"].values()) == {0}
    assert set(load.found) == {STABLE, CANDIDATE}


def test_what_is_under_way_to_a_candidate_that_is_no_more_named_is_answered_by_it(pair: Fleet) -> None:
    renamed = threading.Event()

    def serve(connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        renamed.wait(10)
        connection.sendall(GOOD)

    with made_up(serve) as (port, seen):
        pair.apply(candidate=to(port), weight=100)
        client = Client(pair.stable)
        client.connection.request("POST", PATH, body=BODY)
        wait_until(lambda: len(seen) == 1)
        pair.apply(candidate=None)
        renamed.set()
        assert client.connection.getresponse().headers["x-modelway-revision"] == CANDIDATE
