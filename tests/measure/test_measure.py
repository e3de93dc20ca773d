"""Scraping pods, asking Prometheus and sending golden requests, against real servers on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import web

from modelway.decide.golden import Answer
from modelway.decide.golden_cases import Case
from modelway.measure.bounded import new_session
from modelway.measure.golden import answers
from modelway.measure.prometheus import ask, number
from modelway.measure.scrape import Target, Unreadable, scrape
from modelway.measurement import Report

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATE = {"revision": "6f9c", "digest": "", "generation": 7, "ready": True, "since": 1.0}


def served(handler: Handler, asked: Callable[[aiohttp.ClientSession, int], Awaitable[T]]) -> T:
    """What ``asked(session, port)`` gives while every path is answered by ``handler``."""

    async def main() -> T:
        app = web.Application(client_max_size=10**7)
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with new_session() as session:
                return await asked(session, runner.addresses[0][1])
        finally:
            await runner.cleanup()

    return asyncio.run(main())


def answering(body: bytes | str, status: int = 200, **headers: str) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        raw = body.encode() if isinstance(body, str) else body
        return web.Response(
            body=raw, status=status, headers={key.replace("_", "-"): text for key, text in headers.items()}
        )

    return handler


async def silent(_: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 65536)


def scraped(handler: Handler, seconds: float = 2.0) -> Report | Unreadable:
    def asked(session: aiohttp.ClientSession, port: int) -> Awaitable[tuple[Report | Unreadable, ...]]:
        return scrape(session, [Target("digits-x", "uid-1", "127.0.0.1", port)], lambda: NOW, seconds)

    return served(handler, asked)[0]


def test_a_pods_state_becomes_a_report() -> None:
    report = scraped(answering(json.dumps(STATE)))
    assert isinstance(report, Report)
    assert (report.pod, report.uid, report.revision, report.taken_at) == ("digits-x", "uid-1", "6f9c", NOW)


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (answering("", 404), "answers 404 to GET /modelway/state"),
        (answering("<html>"), "Pod digits-x answers GET /modelway/state with what is no JSON"),
        (answering(json.dumps(STATE | {"generation": -1})), "generation is -1"),
        (answering(b"\x1f\x8b", 200, Content_Encoding="gzip"), ""),  # never unpacked
        (answering("", 302, Location="http://127.0.0.1:1/"), "answers 302"),  # never followed
        (endless, "answers with more than 1000000 bytes"),
    ],
)
def test_what_is_no_state_is_a_sentence(handler: Handler, said: str) -> None:
    found = scraped(handler)
    assert isinstance(found, Unreadable)
    assert (found.pod, found.uid) == ("digits-x", "uid-1")
    assert said in found.sentence


def test_a_silent_pod_is_not_waited_for() -> None:
    found = scraped(silent, seconds=0.05)
    assert isinstance(found, Unreadable)
    assert "did not answer within 0.05 s" in found.sentence


def test_one_bad_pod_does_not_harm_the_others() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(STATE)

    async def asked(session: aiohttp.ClientSession, port: int) -> tuple[Report | Unreadable, ...]:
        targets = [Target(f"digits-{place}", "", "127.0.0.1", port) for place in range(100)]
        return await scrape(session, [Target("gone", "", "127.0.0.1", 1), *targets], lambda: NOW)

    gone, *others = served(handler, asked)
    assert isinstance(gone, Unreadable)
    assert "Pod gone at http://127.0.0.1:1 can't be reached" in gone.sentence
    assert [report.pod for report in others] == [f"digits-{place}" for place in range(100)]


def test_addresses() -> None:
    assert Target("a", "", "10.1.2.3").address == "http://10.1.2.3:8080"
    assert Target("a", "", "fd00::1", 80).address == "http://[fd00::1]:80"


def vector(*values: Any) -> dict[str, Any]:
    result = [{"metric": {}, "value": [1.0, value]} for value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


NUMBERS = (
    (vector("0.25"), 0.25),
    ({"status": "success", "data": {"resultType": "scalar", "result": [1.0, "7"]}}, 7.0),
    (vector(), "finds no samples"),
    (vector("1", "2"), "gives 2 samples, where one is wanted. Aggregate it"),
    (vector("NaN"), "gives nan"),
    (vector("+Inf"), "gives inf"),
    (vector("many"), "no number"),
    (vector(None), "no number"),
    ({"status": "success", "data": {"resultType": "matrix", "result": []}}, "gives a matrix"),
    ({"status": "error", "error": "parse error at char 3"}, "answers 200: parse error at char 3."),
    ({"status": "success"}, "gives a None"),
    ([], "no success"),
)


@pytest.mark.parametrize(("document", "expected"), NUMBERS, ids=range(len(NUMBERS)))
def test_prometheus_gives_a_number_or_a_sentence(document: Any, expected: float | str) -> None:
    found = number(document)
    assert expected in found if isinstance(expected, str) and isinstance(found, str) else found == expected


def test_a_query_is_asked_as_it_is_with_the_token_of_the_moment(tmp_path: Path) -> None:
    seen: list[tuple[str, str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path, request.query["query"], request.headers.get("Authorization", "")))
        return web.json_response(vector("3"))

    token = tmp_path / "token"

    async def asked(session: aiohttp.ClientSession, port: int) -> list[float | str]:
        address, query = f"http://127.0.0.1:{port}/prometheus/", 'sum(rate(x{a="b+c"}[1m])) > 0'
        found = [await ask(session, address, query)]
        for text in ("one\n", "two"):
            token.write_text(text)
            found.append(await ask(session, address, query, token))
        token.write_text("two\nlines")
        return [*found, await ask(session, address, query, token), await ask(session, "nonsense", query)]

    found = served(handler, asked)
    assert found[:3] == [3.0, 3.0, 3.0]
    assert "The token for Prometheus can't be read" in str(found[3])
    assert "Prometheus at nonsense can't be reached" in str(found[4])
    path, query = "/prometheus/api/v1/query", 'sum(rate(x{a="b+c"}[1m])) > 0'
    assert seen == [(path, query, ""), (path, query, "Bearer one"), (path, query, "Bearer two")]


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (answering("<html>login</html>"), "answers 200 and no JSON. Is that its address?"),
        (
            answering(json.dumps({"status": "error", "error": "unknown function"}), 400),
            "answers 400: unknown function.",
        ),
        (answering(json.dumps(vector(*["1"] * 10_000))), "many samples"),
        (silent, "did not answer within 0.05 s."),
    ],
)
def test_a_prometheus_in_trouble_is_a_sentence(handler: Handler, said: str) -> None:
    seconds = 0.05 if handler is silent else 5.0
    found = served(handler, lambda session, port: ask(session, f"http://127.0.0.1:{port}", "x", seconds=seconds))
    assert isinstance(found, str)
    assert said in found


def test_golden_requests_are_sent_as_shadows_and_every_answer_is_brought_back() -> None:
    seen: dict[str, tuple[str, str, str]] = {}

    async def handler(request: web.Request) -> web.Response:
        case = (await request.json())["inputs"][0]["name"]
        headers = request.headers
        seen[case] = (request.path, headers["x-modelway-shadow"], headers["x-api-key"])
        if case == "html":
            return web.Response(text="<html>", status=502)
        return web.json_response({"outputs": [{"name": case}]}, status=200 if case == "seven" else 400)

    cases = [Case(name, {"inputs": [{"name": name}]}) for name in ("seven", "wrong", "html")]

    def asked(session: aiohttp.ClientSession, port: int) -> Awaitable[Any]:
        return answers(session, f"http://127.0.0.1:{port}", "digits/a", cases, {"x-api-key": "k"})

    found = served(handler, asked)
    assert found["seven"] == Answer(200, {"outputs": [{"name": "seven"}]})
    assert found["wrong"].status == 400
    assert found["html"] == Answer(502, {"error": "an answer that is not JSON"})
    assert seen["seven"] == ("/v2/models/digits/a/infer", "golden", "k")


def test_golden_requests_to_nobody() -> None:
    async def asked() -> Any:
        async with new_session() as session:
            return await answers(session, "http://127.0.0.1:1", "digits", [Case("seven", {"inputs": []})])

    found = asyncio.run(asked())["seven"]
    assert found.status == 0
    assert found.trouble.startswith("can't be reached")
