"""What is sent to bring a server down: each is told off in JSON with the right status, and costs hardly any memory."""

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.runtime import models
from tests.runtime.processes import Reader, Server, infer_body, post, running

INFER = "/v2/models/tiny/infer"
BODY = infer_body([1.0, 2.0, 3.0, 4.0])
HOST = b"Host: t\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
MB = 1024**2
# Far below what the bombs weigh, far above what one request takes: a body of 2 MB, several times over.
BOUND = 60 * MB


@pytest.fixture(scope="module")
def victim(linear_model: Path) -> Iterator[Server]:
    limits = {"MODELSERVER_MAX_BODY_BYTES": "2Mi", "MODELSERVER_MAX_BUFFERED_BYTES": "16Mi"}
    with running(linear_model, **limits) as server:
        yield server


def resident(server: Server) -> int:
    """Bytes."""
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096


def input_of(shape: list[int], data: object = None, **more: object) -> bytes:
    entry = {"name": "x", "shape": shape, "datatype": "FP32", **more}
    return json.dumps({"inputs": [entry if data is None else entry | {"data": data}]}).encode()


def binary(told: object, *more: str) -> bytes:
    head = input_of([1, 4], parameters={"binary_data_size": 16})
    return post(INFER, head + bytes(16), f"Inference-Header-Content-Length: {told}", *more)


def chunked(wire: bytes) -> bytes:
    return f"POST {INFER} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + wire


ZIPPED = gzip.compress(bytes(50 * MB))
BOMBS: dict[str, tuple[bytes, int]] = {
    "JSON nested 100,000 deep": (post(INFER, b'{"inputs":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), 400),
    "objects nested 100,000 deep": (post(INFER, b'{"a":' * 100_000 + b"1" + b"}" * 100_000), 400),
    "nested as deep as JSON is read": (post(INFER, b'{"inputs":[{"name":' + b"[" * 1000 + b"]" * 1000 + b"}]}"), 400),
    "a shape beyond any memory": (post(INFER, input_of([2**40, 4], [1])), 400),
    "a shape whose size overflows": (post(INFER, input_of([2**62, 2**62], [1])), 400),
    "an empty shape beyond any memory": (post(INFER, input_of([2**63 - 1, 0], [])), 400),
    "a million sizes in a shape": (post(INFER, input_of([9] * 500_000, [1])), 400),
    "a tensor of a terabyte in 16 bytes": (
        post(
            INFER,
            input_of([2**36, 4], parameters={"binary_data_size": 2**40}) + bytes(16),
            f"Inference-Header-Content-Length: {len(input_of([2**36, 4], parameters={'binary_data_size': 2**40}))}",
        ),
        400,
    ),
    "half a million empty lists": (post(INFER, b'{"inputs":[' + b"[]," * 500_000 + b"[]]}"), 400),
    "a name of a megabyte": (post(INFER, json.dumps({"inputs": [{"name": "x" * MB}]}).encode()), 400),
    "a gzip bomb": (post(INFER, ZIPPED, "Content-Encoding: gzip"), 415),
    "a terabyte announced": (POST + b"Content-Length: 1099511627776\r\n\r\n", 413),
    "more than 64 bits announced": (
        POST + b"Content-Length: 99999999999999999999\r\n\r\n",
        400,
    ),
    "a terabyte expected": (
        POST + b"Expect: 100-continue\r\nContent-Length: 1099511627776\r\n\r\n",
        413,
    ),
    "two lengths": (POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400),
    "the same length twice": (
        POST + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        400,
    ),
    "a list of lengths": (POST + b"Content-Length: 4, 4\r\n\r\nabcd", 400),
    "a length and chunks": (
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunks twice": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunks that are not the last encoding": (
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunks in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a space before the colon": (POST + b"Content-Length : 4\r\n\r\nabcd", 400),
    "a header that goes on in the next line": (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n", 400),
    "a bare line feed": (b"GET / HTTP/1.1\r\nHost: t\nX: a\r\n\r\n", 400),
    "a zero byte in a header": (b"GET / HTTP/1.1\r\nHost: t\r\nX: a\x00b\r\n\r\n", 400),
    "a line break in the target": (b"GET /\rX HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a chunk of a terabyte": (chunked(b"10000000000\r\n"), 413),
    "a chunk beyond 64 bits": (chunked(b"f" * 40 + b"\r\n"), 400),
    "a negative chunk": (chunked(b"-1\r\n"), 400),
    "a chunk longer than it says": (chunked(b"3\r\nabcdef\r\n0\r\n\r\n"), 400),
    "a chunk extension of a megabyte": (chunked(b"1;" + b"a" * MB + b"\r\nx\r\n0\r\n\r\n"), 400),
    "many chunk extensions": (chunked((b"1;" + b"a" * 200 + b"\r\n[\r\n") * 10_000), 400),
    "trailers of a megabyte": (chunked(b"0\r\n" + b"X: a\r\n" * 200_000), 400),
    "a negative JSON length": (binary(-1), 400),
    "a huge JSON length": (binary(10**14), 400),
    "a JSON length beyond 64 bits": (binary(10**30), 400),
    "a JSON length of nothing": (binary(0), 400),
    "a JSON length that cuts the JSON": (binary(20), 400),
    "a JSON length in words": (binary("ten"), 400),
    "two JSON lengths": (binary(84, "Inference-Header-Content-Length: 85"), 400),
    "a tunnel": (b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 400),
    "HTTP/2 at once": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(40), 400),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_in_json_and_the_server_stays_small(victim: Server, bomb: str) -> None:
    wire, status = BOMBS[bomb]
    before = resident(victim)
    with victim.connect() as client:
        with suppress(ConnectionError):  # the answer may come, and the end, while we still send
            client.sendall(wire)
        answer = Reader(client).answer()
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    told = answer.json
    assert isinstance(told, dict) and set(told) == {"error"} and told["error"].endswith(".")
    assert len(answer.body) < 5000
    assert resident(victim) - before < BOUND
    assert_well(victim)


def assert_well(server: Server) -> None:
    with server.connect() as client:
        client.sendall(post(INFER, BODY))
        assert Reader(client).answer().status == 200


@pytest.mark.parametrize("part", [b"[],", b"{},"])
def test_small_json_that_would_be_large_objects(linear_model: Path, part: bytes) -> None:
    with running(linear_model) as server, server.connect(60) as client:
        body = b'{"inputs":[' + part * (60 * MB // len(part)) + b"1]}"
        client.sendall(post(INFER, body))
        answer = Reader(client).answer()
        assert answer.status == 400
        assert "lists and objects; more than 4194304 are not read" in str(answer.json)
        assert highest(server) < 350 * MB  # of which the body is 60, in the buffer and in one piece


def highest(server: Server) -> int:
    """Resident bytes, at the most so far."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024


def test_hundreds_of_megabytes_of_headers(victim: Server) -> None:
    """To a server that has refused them long ago: what comes is thrown away as it comes."""
    before, line = resident(victim), b"X-Filling: " + b"a" * 8000 + b"\r\n"
    with victim.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\n" + HOST)
        with suppress(ConnectionError, TimeoutError):
            for _ in range(300 * MB // (len(line) * 100)):
                client.sendall(line * 100)
        with suppress(ConnectionError):
            assert Reader(client).answer().status == 431
    assert resident(victim) - before < BOUND
    assert_well(victim)


def test_an_upgrade_to_h2c_keeps_the_body(victim: Server) -> None:
    upgrade = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"]
    with victim.connect() as client:
        client.sendall(post(INFER, BODY, *upgrade))
        assert Reader(client).answer().json["outputs"][0]["data"] == [1.0, 2.0, 3.0]  # type: ignore[index]


@pytest.mark.parametrize("target", ["http://t", "https://other:8443", "HTTP://t"])
def test_targets_in_absolute_form(victim: Server, target: str) -> None:
    with victim.connect() as client:
        client.sendall(post(INFER, BODY).replace(INFER.encode(), f"{target}{INFER}".encode()))
        assert Reader(client).answer().status == 200


def test_ten_thousand_requests_ahead_leave_others_their_turn(victim: Server) -> None:
    count = 10_000
    with victim.connect(60) as greedy, victim.connect() as modest:
        greedy.settimeout(60)
        before = resident(victim)
        sending = count
        reader = Reader(greedy)
        answered = 0
        while answered < count:
            part = min(500, sending)
            if part:
                greedy.sendall(post(INFER, BODY) * part)
                sending -= part
            modest.sendall(post(INFER, BODY))
            assert Reader(modest).answer().status == 200
            for _ in range(min(500, count - answered)):
                assert reader.answer().status == 200
                answered += 1
        assert resident(victim) - before < BOUND


def test_ten_thousand_requests_of_somebody_who_does_not_read(victim: Server) -> None:
    before = resident(victim)
    with victim.connect(2) as greedy:
        with suppress(TimeoutError):  # nobody takes more once the answers are not read
            greedy.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: t\r\n\r\n" * 10_000)
        assert resident(victim) - before < BOUND
        assert_well(victim)


def echo_body(count: int) -> bytes:
    head = json.dumps(
        {
            "inputs": [
                {"name": "in", "shape": [count], "datatype": "FP32", "parameters": {"binary_data_size": 4 * count}}
            ],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    return post(INFER, head + bytes(4 * count), f"Inference-Header-Content-Length: {len(head)}")


def test_unread_answers_are_bounded_together(tmp_path: Path) -> None:
    """100 readers of nothing ask for 6 MB each; only 16 MB may wait. Whoever reads meanwhile is answered.

    6 MB, because the kernel takes up to 4 of each, which is not the server's memory.
    """
    path = tmp_path / "echo.onnx"
    path.write_bytes(models.echo("FP32"))
    with running(path, MODELSERVER_MAX_BUFFERED_BYTES="16Mi") as server:
        before = resident(server)
        wire, clients = echo_body(6 * MB // 4), []
        for _ in range(100):
            client = server.connect()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with suppress(ConnectionError):
                client.sendall(wire)
            clients.append(client)
        with server.connect() as reading:
            reading.sendall(wire)
            assert len(Reader(reading).answer().body) > 6 * MB
        assert resident(server) - before < 120 * MB
        for client in clients:
            client.close()


def test_a_half_closed_client_gets_all_its_answers(tmp_path: Path) -> None:
    path = tmp_path / "slow.onnx"
    path.write_bytes(models.slow())
    body = b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[5]}]}'
    with running(path, MODELSERVER_EXECUTION="thread") as server, server.connect() as client:
        client.sendall(post(INFER, body) * 5)
        client.shutdown(socket.SHUT_WR)
        reader = Reader(client)
        answers = [reader.answer() for _ in range(5)]
        assert [answer.status for answer in answers] == [200] * 5
        assert answers[-1].headers["connection"] == "close"
        assert reader.ended()


SENDERS: dict[str, Callable[[socket.socket], None]] = {
    "a head": lambda client: client.sendall(post(INFER, BODY)[:40]),
    "half a body": lambda client: client.sendall(post(INFER, BODY)[:-20]),
    "half a chunk": lambda client: client.sendall(chunked(b"10\r\nabc")),
    "two CRs and LFs in pieces": lambda client: client.sendall(b"\r"),
}


@pytest.mark.parametrize("what", SENDERS)
def test_a_half_closed_client_that_has_sent_too_little_is_let_go(victim: Server, what: str) -> None:
    with victim.connect() as client:
        SENDERS[what](client)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
