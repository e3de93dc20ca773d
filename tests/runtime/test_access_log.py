"""Requests can be found again: `traceparent` and `x-request-id` come back, and the access log names them."""

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from modelserver.errors import BadSettings
from modelserver.server.access_log import AccessLog
from modelserver.server.app import Reply
from modelserver.server.http1 import Head, ResponseHeads, parse_head
from modelserver.settings import ServeSettings, read
from tests.fuzz import served
from tests.runtime import models
from tests.runtime.processes import Server, infer_body

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
URL = "/v2/models/tiny/infer"


def test_what_came_goes_back(server: Server) -> None:
    body = infer_body([1, 2, 3, 4])
    with httpx.Client() as client:
        traced = client.post(server.url(URL), content=body, headers={"traceparent": PARENT, "x-request-id": "a-1"})
        plain = client.post(server.url(URL), content=body)
    assert (traced.headers["traceparent"], traced.headers["x-request-id"]) == (PARENT, "a-1")
    assert "x-request-id" not in plain.headers and "traceparent" not in plain.headers


@pytest.mark.parametrize(
    "lines",
    ["x-request-id: a b", f"x-request-id: {'a' * 129}", "x-request-id: a\r\nx-request-id: b", "traceparent: 00-1"],
)
def test_what_is_of_no_usual_form_stays_away(lines: str) -> None:
    assert parse_head(f"GET / HTTP/1.1\r\nHost: t\r\n{lines}\r\n\r\n".encode()).echo == ""


def test_a_line_for_a_request(capsys: pytest.CaptureFixture[str]) -> None:
    log = AccessLog(1.0)
    head = Head("GET", "/v2?key=secret", 0, True, False, echo=f"traceparent: {PARENT}\r\nx-request-id: a-1\r\n")
    assert log.record(head, Reply(404, b"{}", error="NotFound"), 0.0012345678) == head.echo
    line = json.loads(capsys.readouterr().out)
    assert line.pop("time").endswith("Z")
    assert line == {
        "method": "GET",
        "path": "/v2",
        "status": 404,
        "bytes": 2,
        "seconds": 0.001235,
        "request_id": "a-1",
        "traceparent": PARENT,
        "error": "NotFound",
    }


def test_an_id_is_made_up_where_none_came(capsys: pytest.CaptureFixture[str]) -> None:
    echo = AccessLog(1.0).record(Head("GET", "/v2", 0, True, False), Reply(200, b""), 0.1)
    assert echo == f"x-request-id: {json.loads(capsys.readouterr().out)['request_id']}\r\n"


def test_a_sample(capsys: pytest.CaptureFixture[str]) -> None:
    log = AccessLog(0.5)
    for _ in range(200):
        log.record(Head("GET", "/v2", 0, True, False), Reply(200, b""), 0.1)
    assert 50 < len(capsys.readouterr().out.splitlines()) < 150  # 7 standard deviations either side


def test_many_ids_are_not_kept() -> None:
    heads = ResponseHeads({})
    for number in range(5000):
        assert f"x-request-id: {number}\r\n".encode() in heads.start(200, False, extra=f"x-request-id: {number}\r\n")
    assert len(heads._made) <= 256


def test_the_setting(tmp_path: Path) -> None:
    assert read(ServeSettings, {}, {"MODELSERVER_ACCESS_LOG_SAMPLE": "0.01"}).access_log_sample == 0.01
    for wrong in ("2", "1.5", "-1", "half"):
        with pytest.raises(BadSettings, match="from 0 to 1"):
            read(ServeSettings, {}, {"MODELSERVER_ACCESS_LOG_SAMPLE": wrong})


@pytest.mark.parametrize(
    ("wire", "told"),
    [
        (b"nonsense\r\n\r\n", ("-", "-", 400, "MalformedRequest")),
        (b"POST /v2?key=1 HTTP/1.1\r\nHost: t\r\nContent-Length: 99999\r\n\r\n", ("POST", "/v2", 413, "BodyTooLarge")),
        (
            b"POST /v2?key=1 HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            ("POST", "/v2", 400, "MalformedRequest"),
        ),
    ],
)
def test_what_is_refused_before_it_is_whole_is_logged(
    capsys: pytest.CaptureFixture[str], wire: bytes, told: tuple[str, str, int, str]
) -> None:
    app = served.app(models.linear(), replace(served.SETTINGS, access_log_sample=1.0))
    connection, transport = served.connected(served.acceptor(app, served.Loop()))
    connection.data_received(wire)
    line = json.loads(capsys.readouterr().out)
    assert (line["method"], line["path"], line["status"], line["error"]) == told
    assert f"x-request-id: {line['request_id']}\r\n".encode() in transport.sent
