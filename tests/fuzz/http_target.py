"""HTTP: bytes in arbitrary pieces into a real Connection, with whatever else may happen to a socket meanwhile."""

from functools import cache
from random import Random

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
    if not events & 3:
        assert _statuses(whole) == _statuses(pieces), "other answers, because the network cut the bytes elsewhere"


def _sizes(cuts: Random, length: int) -> list[int]:
    sizes = []
    while length > 0:
        sizes.append(min(length, cuts.choice((1, 1, 2, 7, 40, 300, 5000))))
        length -= sizes[-1]
    return sizes


def exchange(wire: bytes, sizes: list[int], events: int) -> bytes:
    loop = served.Loop()
    at = served.acceptor(_app(), loop)
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
        loop.run()
        assert len(connection.buffer) <= at.settings.max_header_bytes + at.settings.max_body_bytes + SLACK
    sent = bytes(transport.sent)
    if transport.open and events & 4:
        connection.eof_received()
        loop.run()
    connection.connection_lost(None)
    loop.run()
    assert at.buffered == 0, f"{at.buffered} bytes are still accounted for after the end"
    assert not at.connections
    answers.parse(sent, bodiless=wire.count(b"HEAD "))
    return sent


def _statuses(sent: bytes) -> list[bytes]:
    """By first digit: of two reasons for a refusal, the one that is seen first depends on what has come by then."""
    return [line[9:10] for line in sent.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


SEEDS = [bytes((number, number % 8)) + request for number, request in enumerate(REQUESTS)]
