"""Triton's repository index over REST, and what becomes of load and unload. Over gRPC: test_grpc.py, clients/."""

import httpx
import pytest

from modelserver.server.app import App
from modelserver.server.repository import index
from modelserver.settings import ServeSettings
from tests.fuzz import served
from tests.runtime import models
from tests.runtime.processes import Server

ENTRY = {"name": "tiny", "version": "7"}
READY = {**ENTRY, "state": "READY"}


@pytest.mark.parametrize(
    ("body", "told"),
    [(b"", [READY]), (b"{}", [READY]), (b'{"ready": true}', [READY]), (b'{"ready": false, "more": 1}', [READY])],
)
def test_the_index(server: Server, body: bytes, told: object) -> None:
    answer = httpx.post(server.url("/v2/repository/index"), content=body)
    assert (answer.status_code, answer.json()) == (200, told)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[]", "a JSON array"),
        (b"{", "not JSON"),
        (b'{"ready": null}', "'ready' is None, but it must be true or false"),
    ],
)
def test_a_wrong_question(server: Server, body: bytes, words: str) -> None:
    answer = httpx.post(server.url("/v2/repository/index"), content=body)
    assert answer.status_code == 400 and words in answer.json()["error"]
    assert httpx.get(server.url("/v2/repository/index")).status_code == 405


@pytest.mark.parametrize("path", ["tiny/load", "tiny/unload", "other/load", "a%20b/unload"])
def test_nothing_is_loaded_or_unloaded(server: Server, path: str) -> None:
    answer = httpx.post(server.url(f"/v2/repository/models/{path}"), json={"parameters": {}})
    assert (answer.status_code, answer.headers["allow"]) == (405, "")
    assert answer.json()["error"].startswith(
        "Models are not loaded or unloaded by requests here: this server has 'tiny'"
    )


def test_states() -> None:
    app = App(ServeSettings(model_version="7"), "tiny")
    assert index(app, False) == [{**ENTRY, "state": "LOADING"}] and index(app, True) == []
    ready = served.app(models.linear())
    assert index(ready, False) == index(ready, True) == [READY]
    ready.drain()
    assert [one["state"] for one in index(ready, False)] == ["UNAVAILABLE"] and index(ready, True) == []
