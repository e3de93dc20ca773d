"""What a connection keeps account of, and when it reads: the real Connection, a transport and a loop that wait."""

from dataclasses import replace

import pytest

from modelserver.execution.choice import Mode
from modelserver.server import connection as connections
from modelserver.server.acceptor import Acceptor
from modelserver.server.connection import Connection
from modelserver.server.deadlines import sweep
from tests.fuzz import served
from tests.fuzz.served import Loop, Transport
from tests.runtime import models
from tests.runtime.processes import infer_body, post

INFER = "/v2/models/tiny/infer"
REQUEST = post(INFER, infer_body([1.0, 2.0, 3.0, 4.0]))
LARGE = 80_000  # bytes: more than what a connection reads ahead
ROOMY = replace(served.SETTINGS, max_body_bytes=1_000_000, max_buffered_bytes=2_000_000)


def met(mode: Mode = Mode.INLINE) -> tuple[Acceptor, Connection, Transport, Loop]:
    loop = Loop()
    at = served.acceptor(served.app(models.linear(), ROOMY, mode), loop)
    return at, *served.connected(at), loop


@pytest.mark.parametrize("pieces", [1, 2])
def test_a_caller_who_leaves_while_the_model_runs_takes_its_bytes_along(pieces: int) -> None:
    at, connection, _, _ = met(Mode.THREAD)
    cut = len(REQUEST) if pieces == 1 else len(REQUEST) - 7
    connection.data_received(REQUEST[:cut])
    if pieces == 2:
        connection.data_received(REQUEST[cut:])
    assert connection.busy and at.buffered == len(REQUEST) - REQUEST.index(b"{")
    connection.connection_lost(None)
    assert at.buffered == 0


@pytest.mark.parametrize("steps", range(6))
@pytest.mark.parametrize("length", [100, LARGE], ids=["decoded in the loop", "decoded in a thread"])
def test_a_caller_may_leave_between_any_two_steps_of_its_request(length: int, steps: int) -> None:
    loop = Loop()
    at = served.acceptor(served.app(models.linear(), ROOMY, Mode.THREAD, loop), loop)
    (connection, gone), (other, there) = served.connected(at), served.connected(at)
    body = infer_body([1.0, 2.0, 3.0, 4.0])
    request = post(INFER, body + b" " * (length - len(body)))
    for one in (connection, other):
        one.data_received(request[:50])
        one.data_received(request[50:])
    for _ in range(steps):
        loop.step()
    answered = len(gone.sent)
    connection.connection_lost(None)
    gone.open = False  # whatever is written from now on is a failure
    loop.run()
    assert len(gone.sent) == answered and there.sent.startswith(b"HTTP/1.1 200 OK")
    assert at.buffered == 0 and at.workers.in_flight == 0


def test_a_large_body_behind_a_turn_of_small_requests_is_read_on() -> None:
    _, connection, transport, loop = met()
    connection.data_received(REQUEST * connections.TURN + post(INFER, b" " * 2 * LARGE)[:LARGE])
    loop.run()
    assert transport.sent.count(b"200 OK") == connections.TURN
    assert transport.reading, "nobody would ever read the rest of the body"


def test_what_comes_while_a_turn_waits_is_read_on_from() -> None:
    _, connection, transport, loop = met()
    connection.data_received(REQUEST * connections.TURN + REQUEST[:9])
    connection.data_received(REQUEST[9:12])
    loop.run()
    assert transport.reading
    connection.data_received(REQUEST[12:])
    assert transport.sent.count(b"200 OK") == connections.TURN + 1


def test_a_refused_client_that_sends_on_is_read_so_that_it_learns_why() -> None:
    _, connection, transport, loop = met()
    connection.data_received(REQUEST * connections.TURN + b"?" * LARGE)
    assert not transport.reading  # it is ahead by more than its share
    loop.run()
    assert transport.sent.count(b"400 Bad Request") == 1
    assert transport.reading


def test_a_body_that_comes_slowly_has_no_more_time_for_answers_that_went_out_slowly() -> None:
    at, connection, transport, loop = met()
    connection.data_received(REQUEST + post(INFER, b" " * 100)[:-50])
    connection.pause_writing()  # uvloop tells it after the turn
    connection.resume_writing()
    loop.now += at.settings.body_timeout + 1
    sweep(at)
    assert transport.sent.count(b"408 Request Timeout") == 1


def test_a_last_answer_that_is_read_halfway_is_not_kept_for_ever() -> None:
    at, connection, transport, loop = met()
    connection.data_received(post(INFER, infer_body([1, 2, 3, 4]), "Connection: close"))
    connection.pause_writing()
    connection.resume_writing()
    assert connection.closing
    loop.now += at.settings.write_timeout + 1
    ended: list[bool] = []
    transport.abort = lambda: ended.append(True)  # type: ignore[method-assign]
    sweep(at)
    assert ended


def test_a_client_that_half_closes_and_does_not_read_is_let_go() -> None:
    at, connection, transport, loop = met()
    connection.data_received(REQUEST)
    assert not connection.eof_received()
    transport.open = True  # uvloop has bytes to write yet
    connection.pause_writing()
    connection.resume_writing()
    ended: list[bool] = []
    transport.abort = lambda: ended.append(True)  # type: ignore[method-assign]
    loop.now += at.settings.write_timeout + 1
    sweep(at)
    assert ended


def test_the_answer_to_a_refused_head_request_has_no_body() -> None:
    _, connection, transport, _ = met()
    connection.data_received(b"HEAD / HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999\r\n\r\n")
    assert transport.sent.startswith(b"HTTP/1.1 413 ") and transport.sent.endswith(b"\r\n\r\n")


def test_what_the_server_itself_can_not_tell_is_a_500_and_the_connection_goes_on() -> None:
    def full() -> dict[str, float]:
        raise OSError(24, "Too many open files")

    at, connection, transport, _ = met()
    at.app.gauges = full
    connection.data_received(b"GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n" + REQUEST)
    assert transport.sent.startswith(b"HTTP/1.1 500 ") and transport.sent.count(b"200 OK") == 1
