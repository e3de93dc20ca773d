"""What a caller does must not count against the candidate: a caller could else undo every rollout."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from modelserver.traffic.channel import Channel
from modelserver.traffic.contact import Contact
from modelserver.traffic.document import Address
from modelserver.traffic.forward import Failed
from modelserver.traffic.patience import Patience
from tests.runtime import models
from tests.runtime.processes import Reader, post, scraped
from tests.runtime.test_grpc import Client as GrpcClient
from tests.runtime.test_grpc import request
from tests.runtime.traffic.fleet import BODY, CANDIDATE, PATH, STABLE, Client, Fleet, fleet, state, wait_until
from tests.runtime.traffic.test_fallback import GOOD, made_up, to
from tests.runtime.traffic.test_grpc_splitting import revision

LIMIT = 32 * 1024  # MODELSERVER_MAX_HEADER_BYTES


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("pair"), models.linear(), models.linear(), grpc=True) as both:
        yield both


def failures(pair: Fleet) -> dict[str, int]:
    return {kind: count for kind, count in state(pair.stable)["forwarded"]["failed"].items() if count}


def answer(pair: Fleet, wire: bytes) -> tuple[int, str]:
    """Status, and whose answer it was."""
    with pair.stable.connect() as client:
        client.sendall(wire)
        told = Reader(client).answer()
    return told.status, told.headers["x-modelway-revision"]


def test_callers_in_a_hurry_keep_nobody_from_the_candidate(pair: Fleet) -> None:
    def serve(connection: socket.socket, number: int) -> None:
        while got := connection.recv(65536):
            if b"x-request-timeout-ms" not in got:
                connection.sendall(GOOD)

    with made_up(serve) as (port, _):
        pair.apply(candidate=to(port), weight=100)
        hurried, client = Client(pair.stable), Client(pair.stable)
        for _ in range(6):
            assert hurried.ask(**{"x-request-timeout-ms": "1"})[0] in (200, 504)
        assert client.revision() == CANDIDATE
        assert failures(pair) == {}
        assert b'outcome="hurried"} 6' in client.ask("/metrics", method="GET")[2]


def test_what_nobody_waits_for_any_more_the_candidate_does_not_run_or_count(tmp_path: Path) -> None:
    """The first call runs, the others wait behind it: all end with the connections that they came over."""
    slow = {"MODELSERVER_EXECUTION": "thread", "MODELSERVER_BATCHING": "off", "MODELSERVER_WARMUP_REQUESTS": "0"}
    body = json.dumps({"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1.0]}]}).encode()
    with fleet(tmp_path, models.slow(64), models.slow(2400), **slow) as both:
        both.apply(weight=100)

        def ask() -> None:
            assert Client(both.stable).ask(body=body, **{"x-request-timeout-ms": "400"})[0] in (200, 504)

        callers = [threading.Thread(target=ask) for _ in range(8)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(20)
        wait_until(lambda: both_quiet(both))
        assert state(both.candidate)["own"]["requests"] == state(both.candidate)["own"]["errors"] == 0
        assert sum(failures(both).values()) == 8


def both_quiet(both: Fleet) -> bool:
    return all("modelserver_requests_in_flight 0" in scraped(server) for server in (both.stable, both.candidate))


def test_a_patient_caller_still_finds_a_candidate_that_hangs(pair: Fleet) -> None:
    def serve(connection: socket.socket, number: int) -> None:
        while connection.recv(65536):
            pass

    with made_up(serve) as (port, _):
        pair.apply(candidate=to(port), weight=100)
        assert Client(pair.stable).ask(**{"x-request-timeout-ms": "200"})[0] == 200
        assert failures(pair) == {"timeout": 1}


def test_calls_in_a_hurry_keep_nobody_from_the_candidate(pair: Fleet) -> None:
    pair.apply(weight=100)
    client = GrpcClient(pair.stable_grpc)
    for _ in range(20):
        try:
            client.call("ModelInfer", request(), timeout=0.001)
        except grpc.RpcError as problem:
            assert problem.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert revision(client) == CANDIDATE
    assert failures(pair) == {}


def test_odd_spaces_and_connection_options_are_no_failure(pair: Fleet) -> None:
    pair.apply(weight=100)
    spaced = post(PATH, BODY).replace(b"POST ", b"POST  ")
    assert answer(pair, spaced) == (200, CANDIDATE)
    assert answer(pair, post(PATH, BODY, "Connection: host, content-type")) == (200, CANDIDATE)
    assert failures(pair) == {}


def test_a_head_that_fits_here_and_would_not_fit_there_stays_here(pair: Fleet) -> None:
    pair.apply(weight=100, shadow={"percent": 100})
    length = LIMIT - (len(post(PATH, BODY, "x-long: ")) - len(BODY))
    assert answer(pair, post(PATH, BODY, f"x-long: {'a' * length}")) == (200, STABLE)
    assert answer(pair, post(PATH, BODY, f"x-long: {'a' * (length - 2000)}")) == (200, CANDIDATE)
    assert failures(pair) == {} and state(pair.stable)["shadow"]["sent"] == 0


def test_metadata_that_fit_here_and_would_not_fit_there_stay_here(pair: Fleet) -> None:
    pair.apply(weight=100)
    for length in range(LIMIT - 100, LIMIT - 1500, -60):
        client = GrpcClient(pair.stable_grpc)
        try:
            who = revision(client, ("x-long", "a" * length))
        except grpc.RpcError as problem:
            assert problem.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        else:
            break
    assert who == STABLE, "the longest that this pod takes"
    assert revision(client, ("x-long", "a" * (length - 3000))) == CANDIDATE
    assert failures(pair) == {}


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Of HTTP/2 (RFC 9113 §4.1)."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def literal(name: bytes, value: bytes) -> bytes:
    """A header field without indexing, of a new name (RFC 7541 §6.2.2)."""
    return bytes((0, len(name))) + name + bytes((len(value),)) + value


@pytest.mark.parametrize("odd", [b"\xe9", b"a\tb", "\u00e9".encode()])
def test_metadata_that_python_would_not_send_are_no_failure(pair: Fleet, odd: bytes) -> None:
    """By hand, because gRPC's own clients refuse to."""
    pair.apply(weight=100)
    body = request().SerializeToString()
    path = b"/inference.GRPCInferenceService/ModelInfer"
    fields = {b":method": b"POST", b":scheme": b"http", b":path": path, b":authority": b"t"}
    fields |= {b"content-type": b"application/grpc", b"te": b"trailers", b"x-odd": odd}
    head = b"".join(literal(name, value) for name, value in fields.items())
    message = b"\0" + len(body).to_bytes(4, "big") + body
    with socket.create_connection(("127.0.0.1", pair.stable_grpc), timeout=10) as client:
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
        client.sendall(frame(1, 4, 1, head) + frame(0, 1, 1, message))
        got = b""
        while b"grpc-status" not in got:
            more = client.recv(65536)
            assert more, got
            got += more
    assert CANDIDATE.encode() in got
    assert failures(pair) == {}


def test_a_call_that_was_meant_for_a_former_candidate_is_answered_here() -> None:
    """The document may change between the decision and the call, which come in two threads."""
    channel = Channel(Address("127.0.0.1", 1), 1, Contact(0.0))
    channel.retire()
    with pytest.raises(Failed) as failed:
        channel.send(b"", (), Patience(1.0))
    assert failed.value.kind == "unreachable"
