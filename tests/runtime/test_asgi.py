"""The ASGI application gives the same answers as the connections."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelserver.core import Core
from modelserver.errors import MalformedRequest
from modelserver.execution.batcher import Batcher, Limits
from modelserver.execution.choice import Mode
from modelserver.execution.execution import Execution
from modelserver.server.app import App
from modelserver.server.asgi import AsgiApp, head_of
from modelserver.session import load
from modelserver.settings import ServeSettings
from modelserver.threads import Cpus
from tests.runtime.processes import infer_body, running


def app(linear_model: Path, inline: bool, **settings: Any) -> App:
    one = App(ServeSettings(**{"revision": "abc", "max_body_bytes": 1000, **settings}), "tiny")
    session = load(linear_model, Cpus(1.0, 1), None)
    batcher = Batcher(session.run, Limits(max_rows=8, threads=1, max_waiting=10, max_waiting_bytes=1000))
    one.serve(Core("tiny", None, session), Execution(session, Mode.INLINE if inline else Mode.BATCHING, batcher))
    return one


def ask(one: App, *requests: tuple[str, str, bytes], **headers: str) -> list[httpx.Response]:
    async def run() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=AsgiApp(one))
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            return [await client.request(method, path, content=body) for method, path, body in requests]

    return asyncio.run(run())


@pytest.mark.parametrize("inline", [True, False])
def test_the_same_answers(linear_model: Path, inline: bool) -> None:
    one = app(linear_model, inline)
    good, wrong, missing, ready, large = ask(
        one,
        ("POST", "/v2/models/tiny/infer", infer_body([1, 2, 3, 4])),
        ("GET", "/v2/models/tiny/infer", b""),
        ("GET", "/nothing", b""),
        ("GET", "/v2/health/ready", b""),
        ("POST", "/model/predict", b"x" * 1001),
    )
    assert good.json()["outputs"][0]["data"] == [1.0, 2.0, 3.0]
    assert good.headers["x-modelway-revision"] == "abc"
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert (missing.status_code, ready.status_code, large.status_code) == (404, 200, 413)


def test_unready_while_loading_and_while_draining(linear_model: Path) -> None:
    loading = App(ServeSettings(), "tiny")
    paths = [("GET", "/v2/health/ready", b""), ("GET", "/v2/health/live", b""), ("POST", "/model/predict", b"{}")]
    answers = ask(loading, *paths)
    assert [answer.status_code for answer in answers] == [503, 200, 503]
    assert answers[0].headers["retry-after"] == "1"
    draining = app(linear_model, True)
    draining.drain()
    assert ask(draining, ("GET", "/v2/health/ready", b""))[0].status_code == 503
    assert ask(draining, ("POST", "/model/predict", b'{"data": [[1, 2, 3, 4]]}'))[0].status_code == 200


def test_the_keys_hold(linear_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("alpha\n")
    one = app(linear_model, True, api_keys_file=file)
    asked = [("POST", "/v2/models/tiny/infer", infer_body([1, 2, 3, 4])), ("GET", "/v2/health/live", b"")]
    without, live = ask(one, *asked)
    assert (without.status_code, live.status_code) == (401, 200)
    assert without.headers["www-authenticate"].startswith("Bearer")
    assert [answer.status_code for answer in ask(one, *asked, **{"x-api-key": "alpha"})] == [200, 200]
    assert ask(one, *asked, authorization="Bearer beta")[0].status_code == 401


@pytest.mark.parametrize("inline", [True, False])
def test_bodies_and_requests_in_flight_are_bounded(linear_model: Path, inline: bool) -> None:
    served = AsgiApp(app(linear_model, inline, max_in_flight=2, max_buffered_bytes=300))
    body, statuses = infer_body([1, 2, 3, 4]), []

    async def caller(gate: asyncio.Event) -> None:
        parts = [{"body": body[:50], "more_body": True}, {"body": body[50:], "more_body": False}]

        async def receive() -> Any:
            if len(parts) == 1:
                await gate.wait()
            return parts.pop(0)

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await served({"type": "http", "method": "POST", "path": "/v2/models/tiny/infer", "headers": []}, receive, send)

    async def crowd() -> None:
        gate = asyncio.Event()
        callers = [asyncio.create_task(caller(gate)) for _ in range(8)]
        await asyncio.sleep(0)
        assert served.held <= 300
        gate.set()
        await asyncio.gather(*callers)

    asyncio.run(crowd())
    assert set(statuses) == {200, 503} and len(statuses) == 8
    assert (served.held, served.in_flight) == (0, 0)


def test_what_is_asked_without_the_model_is_answered_alike(linear_model: Path) -> None:
    one = app(linear_model, True, max_header_bytes=300)
    path = "/v2/repository/index"
    index, wrong, large = ask(
        one, ("POST", path, b'{"ready": true}'), ("POST", path, b"[]"), ("GET", f"/{'a' * 300}", b"")
    )
    assert index.json() == [{"name": "tiny", "version": "", "state": "READY"}]
    assert (wrong.status_code, large.status_code) == (400, 431)


def test_ids_come_back_and_the_access_log_is_written(linear_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("POST", "/v2/models/tiny/infer?key=secret", infer_body([1, 2, 3, 4]))
    assert ask(app(linear_model, True), asked, **{"x-request-id": "a-1"})[0].headers["x-request-id"] == "a-1"
    [answer] = ask(app(linear_model, True, access_log_sample=1.0), asked)
    line = json.loads(capsys.readouterr().out)
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v2/models/tiny/infer", 200)
    assert line["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v2/models/größe", b"/v2/models/gr%C3%B6%C3%9Fe?a=b"),
        ("/v1/models/tiny:predict", b"/v1/models/tiny:predict?a=b"),
    ],
)
def test_a_head_is_written_down(path: str, target: bytes) -> None:
    headers = [(b"x-a", b"1"), (b"connection", b"close"), (b"content-length", b"5"), (b"host", b"t")]
    scope = {"method": "POST", "path": path, "query_string": b"a=b", "headers": headers}
    assert head_of(scope) == b"POST " + target + b" HTTP/1.1\r\nx-a: 1\r\nhost: t\r\n\r\n"
    with pytest.raises(MalformedRequest, match="line break"):
        head_of({**scope, "headers": [(b"x-a", b"1\r\nx-model: candidate")]})


@pytest.mark.parametrize("inline", [True, False])
def test_a_share_goes_to_the_candidate_and_copies_do(linear_model: Path, tmp_path: Path, inline: bool) -> None:
    asked = ("POST", "/v2/models/tiny/infer", infer_body([1, 2, 3, 4]))
    with running(linear_model, MODELSERVER_REVISION="def", MODELSERVER_TRAFFIC_DIR=str(tmp_path)) as candidate:
        to = {"revision": "def", "http": f"http://127.0.0.1:{candidate.port}"}
        document = {"generation": 4, "stable": "abc", "candidate": to, "weight": 25, "shadow": {"percent": 100}}
        (tmp_path / "traffic.json").write_text(json.dumps(document))
        one = app(linear_model, inline, traffic_dir=tmp_path)
        *answers, state = ask(one, *[asked] * 200, ("GET", "/modelway/state", b""))
        assert Counter(answer.headers["x-modelway-revision"] for answer in answers) == {"abc": 150, "def": 50}
        assert {answer.headers.get_list("content-length")[0] for answer in answers} == {str(len(answers[0].content))}
        told = state.json()
        assert (told["generation"], told["own"]["requests"], told["forwarded"]["requests"]) == (4, 150, 50)
        assert told["shadow"]["sent"] > 0
        candidate.process.kill()
        candidate.process.wait()
        answers = ask(app(linear_model, inline, traffic_dir=tmp_path), *[asked] * 20)
    assert {(answer.status_code, answer.headers["x-modelway-revision"]) for answer in answers} == {(200, "abc")}


def test_the_lifespan(linear_model: Path) -> None:
    async def live() -> list[str]:
        served, sent = AsgiApp(app(linear_model, True)), []
        messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await served({"type": "lifespan"}, receive, send)
        assert served.app.draining
        return sent

    assert asyncio.run(live()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
