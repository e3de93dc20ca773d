"""Real sockets against a real server: manners, and the lack of them."""

import socket
import time

import httpx
import pytest

from tests.runtime.processes import Reader, Server, infer_body, post

INFER = "/v2/models/tiny/infer"
BODY = infer_body([1.0, 2.0, 3.0, 4.0])
EXPECTED = [1.0, 2.0, 3.0]


def data(answer: object) -> object:
    return answer["outputs"][0]["data"]  # type: ignore[index]


def test_one_connection_many_requests(server: Server) -> None:
    with server.connect() as client:
        reader = Reader(client)
        for _ in range(3):
            client.sendall(post(INFER, BODY))
            answer = reader.answer()
            assert answer.status == 200
            assert data(answer.json) == EXPECTED
            assert answer.headers["x-modelway-revision"] == "6f9c81ab2d"
            assert answer.headers["x-modelway-version"] == "7"
            assert answer.headers["connection"] == "keep-alive"


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    paths = ["/v2/health/live", "/nothing", "/v2/health/ready"] * 5
    with server.connect() as client:
        client.sendall(b"".join(f"GET {path} HTTP/1.1\r\nHost: t\r\n\r\n".encode() for path in paths))
        reader = Reader(client)
        assert [reader.answer().status for _ in paths] == [200, 404, 200] * 5


def test_a_request_in_single_bytes(server: Server) -> None:
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post(INFER, BODY):
            client.send(bytes([byte]))
        assert data(Reader(client).answer().json) == EXPECTED


def test_a_chunked_body_then_another_request(server: Server) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:7], BODY[7:])) + b"0\r\n\r\n"
    head = f"POST {INFER} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with server.connect() as client:
        client.sendall(head + chunks + post(INFER, BODY))
        reader = Reader(client)
        assert data(reader.answer().json) == EXPECTED
        assert data(reader.answer().json) == EXPECTED


def test_expect_100_continue(server: Server) -> None:
    request = post(INFER, BODY, "Expect: 100-continue")
    head = request[: -len(BODY)]
    with server.connect() as client:
        for _ in range(2):
            client.sendall(head)
            reader = Reader(client)
            assert reader.answer(bodiless=True).status == 100
            client.sendall(BODY)
            assert reader.answer().status == 200


def test_an_upgrade_to_h2c_does_not_lose_the_body(server: Server) -> None:
    extra = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"]
    with server.connect() as client:
        client.sendall(post(INFER, BODY, *extra) + post(INFER, BODY))
        reader = Reader(client)
        assert data(reader.answer().json) == EXPECTED
        assert data(reader.answer().json) == EXPECTED


def test_connection_close_and_http_1_0(server: Server) -> None:
    for request in (post(INFER, BODY, "Connection: close"), post(INFER, BODY).replace(b"HTTP/1.1", b"HTTP/1.0")):
        with server.connect() as client:
            client.sendall(request)
            reader = Reader(client)
            answer = reader.answer()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert reader.ended()


def test_a_half_closed_client_gets_its_answer(server: Server) -> None:
    with server.connect() as client:
        client.sendall(post(INFER, BODY))
        client.shutdown(socket.SHUT_WR)
        assert Reader(client).answer().status == 200


def test_head_tells_the_length_without_the_body(server: Server) -> None:
    with server.connect() as client:
        client.sendall(b"HEAD /v2 HTTP/1.1\r\nHost: t\r\n\r\nGET /v2 HTTP/1.1\r\nHost: t\r\n\r\n")
        reader = Reader(client)
        told = reader.answer(bodiless=True).headers["content-length"]
        assert int(told) == len(reader.answer().body)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\nHost: t\n\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"POST /model/predict HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: t\r\nX: " + b"a" * 5000, 431),
        (b"POST /model/predict HTTP/1.1\r\nHost: t\r\nContent-Length: 100001\r\n\r\n", 413),
        (b"POST /model/predict HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n30000\r\n", 413),
        (b"POST /model/predict HTTP/1.1\r\nHost: t\r\nExpect: more\r\nContent-Length: 3\r\n\r\nabc", 417),
        (b"GET / HTTP/1.1\r\nHost", 408),
        (b"POST /model/predict HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nabc", 408),
    ],
)
def test_abuse_is_told_in_json_and_ends_the_connection(server: Server, sent: bytes, status: int) -> None:
    with server.connect() as client:
        client.sendall(sent)
        reader = Reader(client)
        answer = reader.answer()
        assert answer.status == status
        assert answer.json["error"].endswith(".")  # type: ignore[index]
        assert answer.headers["connection"] == "close"
        assert reader.ended()


def test_a_refused_upload_can_read_why(server: Server) -> None:
    head = b"POST /model/predict HTTP/1.1\r\nHost: t\r\nContent-Length: 50000000\r\n\r\n"
    with server.connect() as client:
        client.sendall(head)
        try:
            for _ in range(50):
                client.sendall(b"x" * 100_000)
        except (BrokenPipeError, ConnectionResetError):
            pytest.fail("The server cut the connection before the client could read the answer.")
        assert Reader(client).answer().status == 413


@pytest.mark.parametrize(
    ("method", "path", "status", "told"),
    [
        ("GET", "/v2/models/other", 404, "no model 'other' here; this server has 'tiny'"),
        ("POST", "/v2/models/tiny/versions/8/infer", 404, "no version '8'"),
        ("GET", "/nothing", 404, "/v2/models/tiny/infer"),
        ("GET", INFER, 405, "answers POST, not GET"),
        ("DELETE", "/v2", 405, "answers GET, HEAD, not DELETE"),
        ("POST", INFER, 400, "The body is empty"),
    ],
)
def test_refusals(server: Server, method: str, path: str, status: int, told: str) -> None:
    answer = httpx.request(method, server.url(path))
    assert answer.status_code == status
    assert told in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        INFER,
        "/v2/models/tiny/versions/7/infer",
        "/v2/models/tiny/versions/6f9c81ab2d/infer",
        INFER + "/",
        INFER + "?a=1",
    ],
)
def test_paths_of_the_model(server: Server, path: str) -> None:
    assert httpx.post(server.url(path), content=BODY).status_code == 200


def test_metadata_health_and_metrics(server: Server) -> None:
    with httpx.Client() as client:
        assert client.get(server.url("/v2")).json()["name"] == "modelserver"
        assert client.get(server.url("/v2/health/live")).json() == {"live": True}
        assert client.get(server.url("/v2/models/tiny/ready")).json()["ready"] is True
        assert client.get(server.url("/v2/models/tiny")).json()["versions"] == ["7"]
        assert client.post(server.url("/model/predict"), json={"data": [[1, 2, 3, 4]]}).json() == {
            "predictions": [EXPECTED]
        }
        text = client.get(server.url("/metrics")).text
    assert 'revision="6f9c81ab2d"' in text
    assert 'modelserver_requests_total{path="/model/predict",code="200"}' in text
    assert "modelserver_ready 1" in text


def test_slow_clients_do_not_slow_others(server: Server) -> None:
    slow = [server.connect() for _ in range(50)]
    for client in slow:
        client.sendall(b"POST /model/predict HTTP/1.1\r\nHost: t\r\nContent-Length: 90000\r\n\r\n[")
    started = time.monotonic()
    assert httpx.post(server.url(INFER), content=BODY).status_code == 200
    assert time.monotonic() - started < 1.0
    for client in slow:
        client.close()


def test_clients_that_vanish_leave_nothing_behind(server: Server) -> None:
    for _ in range(50):
        client = server.connect()
        client.sendall(post(INFER, BODY)[:-5])
        client.close()
    time.sleep(0.2)
    text = httpx.get(server.url("/metrics")).text
    assert "modelserver_connections 1\n" in text
    assert "modelserver_buffered_bytes 0\n" in text
