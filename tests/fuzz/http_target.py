"""HTTP: bytes in arbitrary pieces into a real Connection, with whatever else may happen to a socket meanwhile."""

from functools import cache
from random import Random

from modelserver.execution.choice import Mode
from modelserver.server.app import App
from modelserver.server.deadlines import sweep
from tests.fuzz import answers, served
from tests.fuzz.seeds import REQUESTS
from tests.runtime import models

SLACK = 300_000  # what arrives in one piece is in memory whatever the limits are


@cache
def _app() -> App:
    return served.app(models.linear())


def run(data: bytes) -> None:
    """The first byte is the seed of the cuts, the second chooses what happens beside them. Raises on a finding."""
    if len(data) < 3:
        return
    cuts, events, wire = Random(data[0]), data[1], data[2:]
    with served.failures_raised():
        whole = exchange(wire, [len(wire)], 0)
        pieces = exchange(wire, _sizes(cuts, len(wire)), events)
    if not events & 35:
        assert _statuses(whole) == _statuses(pieces), "other answers, because the network cut the bytes elsewhere"


def _sizes(cuts: Random, length: int) -> list[int]:
    sizes = []
    while length > 0:
        sizes.append(min(length, cuts.choice((1, 1, 2, 7, 40, 300, 5000))))
        length -= sizes[-1]
    return sizes


def exchange(wire: bytes, sizes: list[int], events: int) -> bytes:
    """`events`, by bits: 1 writing is blocked now and then, 2 time passes, 4 the client half-closes, 8 the model runs
    in a thread, 16 the loop does little between two pieces, 32 the client leaves before the answers."""
    loop = served.Loop()
    threaded = served.app(models.linear(), mode=Mode.THREAD, loop=loop) if events & 8 else None
    at = served.acceptor(threaded or _app(), loop)
    connection, transport = served.connected(at)
    position = 0
    for number, size in enumerate(sizes):
        if not transport.open:
            break
        if events & 1 and number % 3 == 0:
            connection.pause_writing()
        connection.data_received(wire[position : position + size])
        position += size
        if events & 1 and number % 3 == 0 and transport.open:
            connection.resume_writing()
        if events & 2 and number % 5 == 4:
            loop.now += 4.0
            sweep(at)
        if events & 16:
            loop.step()
        else:
            loop.run()
            waits = not (connection.write_blocked or connection.busy)
            assert transport.reading or not (waits and transport.open), "waits for more, and does not read"
        assert len(connection.buffer) <= at.settings.max_header_bytes + at.settings.max_body_bytes + SLACK
    if not events & 32:
        loop.run()
    sent = bytes(transport.sent)
    if transport.open and events & 4:
        connection.eof_received()
        loop.run()
    connection.connection_lost(None)
    assert at.buffered == 0, f"{at.buffered} bytes are still accounted for after the end"
    loop.run()
    assert at.buffered == 0 and at.workers.in_flight == 0
    assert not at.connections
    answers.parse(sent, bodiless=wire.count(b"HEAD "))
    return sent


def _statuses(sent: bytes) -> list[bytes]:
    """By first digit: of two reasons for a refusal, the one that is seen first depends on what has come by then."""
    return [line[9:10] for line in sent.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


EVENTS = (0, 1, 6, 8, 24, 56, 59)
SEEDS = [bytes((number, events)) + request for number, request in enumerate(REQUESTS) for events in EVENTS]
