"""The ASGI application gives the same answers as the connections."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelserver.core import Core
from modelserver.execution.batcher import Batcher, Limits
from modelserver.execution.choice import Mode
from modelserver.execution.execution import Execution
from modelserver.server.app import App
from modelserver.server.asgi import AsgiApp
from modelserver.session import load
from modelserver.settings import ServeSettings
from modelserver.threads import Cpus
from tests.runtime.processes import infer_body


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
