"""What becomes of a watch's lines, and what kopf gets to read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from modelway.cluster.lean import _LeanStream, lean_response, take_line, take_list

META = {
    "namespace": "models",
    "name": "digits-1",
    "uid": "u",
    "resourceVersion": "7",
    "creationTimestamp": "2026-01-01T00:00:00Z",
    "managedFields": [
        {"manager": "modelway", "fieldsV1": {"f:spec": {"f:template": {}}}},
        {"manager": "hpa", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    ],
}


def deployment() -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": dict(META), "spec": {"replicas": 2}, "status": {"readyReplicas": 2}}


def pod() -> dict[str, Any]:
    spec = {"nodeName": "node-1", "containers": [{"name": "server"}]}
    return {"kind": "Pod", "metadata": dict(META), "spec": spec, "status": {"phase": "Running"}}


def test_the_objects_of_a_list_are_taken_in_and_the_page_stays() -> None:
    told: list[tuple[str, str | None, str]] = []
    page = {"kind": "PodList", "metadata": {"resourceVersion": "9", "continue": "more"}, "items": [pod(), pod()]}
    take_list(page, lambda kind, word, obj: told.append((kind, word, obj["metadata"]["uid"])))
    assert told == [("Pod", None, "u")] * 2
    assert page == {"kind": "PodList", "metadata": {"resourceVersion": "9", "continue": "more"}, "items": []}


def _taken(event: dict[str, Any], known: bool = False) -> tuple[bool, list[tuple[str, str | None]]]:
    """Whether a line was taken in, and what the inbox was told."""
    told: list[tuple[str, str | None]] = []
    line = orjson.dumps(event)
    taken = take_line(line, lambda uid, version, deleted: known, lambda kind, word, obj: told.append((kind, word)))
    return taken, told


def test_an_event_goes_to_the_inbox() -> None:
    assert _taken({"type": "MODIFIED", "object": deployment()}) == (True, [("Deployment", "MODIFIED")])
    assert _taken({"type": "DELETED", "object": pod()}) == (True, [("Pod", "DELETED")])


def test_the_echo_of_a_known_version_ends_here() -> None:
    assert _taken({"type": "MODIFIED", "object": deployment()}, known=True) == (True, [])


def test_bookmarks_and_errors_are_kopfs() -> None:
    for event in (
        {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "9"}}},
        {"type": "ERROR", "object": {"kind": "Status", "code": 410}},
    ):
        assert _taken(event) == (False, [])


def test_an_event_that_fails_is_lost_alone() -> None:
    def poisoned(kind: str, word: str | None, obj: dict[str, Any]) -> None:
        raise ValueError("not an object as we know them")

    line = orjson.dumps({"type": "MODIFIED", "object": pod()})
    assert take_line(line, lambda uid, version, deleted: False, poisoned)


async def _chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def _read(*chunks: bytes) -> tuple[list[Any], int]:
    """What kopf reads of these chunks, line by line, and how often the watch was heard."""

    class Body:
        def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
            return _chunks(*chunks)

    heard: list[None] = []
    stream = _LeanStream(
        Body(),  # type: ignore[arg-type]
        lambda uid, version, deleted: False,
        lambda kind, word, obj: None,
        lambda: heard.append(None),
    )
    text = b"".join([chunk async for chunk in stream.iter_chunked(1024)])
    return [orjson.loads(line) for line in text.splitlines()], len(heard)


def test_bookmarks_that_come_together_stay_apart() -> None:
    """Two in one chunk once ended kopf: they had lost the ends of their lines."""
    bookmark = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "9"}}}
    line = orjson.dumps(bookmark) + b"\n"
    assert asyncio.run(_read(line + line)) == ([bookmark, bookmark], 1)
    assert asyncio.run(_read(line[:20], line[20:] + line[:5], line[5:])) == ([bookmark, bookmark], 3)


def test_each_list_is_told_of_once_also_an_empty_one() -> None:
    async def story() -> None:
        async def answer(request: web.Request) -> web.Response:
            return web.json_response({"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": None})

        app, told = web.Application(), list[str]()
        app.router.add_get("/api/v1/pods", answer)
        lean = lean_response(lambda *_: False, lambda *_: None, lambda _: None, told.append)
        async with TestServer(app) as server, aiohttp.ClientSession(response_class=lean) as session:
            for query in ("?limit=250", "?limit=250&continue=x", "?limit=250"):
                async with session.get(server.make_url("/api/v1/pods" + query)) as page:
                    assert (await page.json())["items"] == []
        assert told == ["/api/v1/pods", "/api/v1/pods"]

    asyncio.run(story())
