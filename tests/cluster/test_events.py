"""Events: the same news is one Event with a count, a chatterbox is bounded, and what can't be sent is counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modelway import metrics
from modelway.cluster.client import JSON, REQUEST_SECONDS, Response, Unreachable
from modelway.cluster.events import BURST, SERIES, Recorder
from modelway.world import Event, Resource

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
LOADED = Event("Normal", "ModelLoaded", "Load", "digits-6f9c is loaded")


def resource(uid: str = "u1") -> Resource:
    return Resource("shop", "digits", uid, 1, START, False, {"model": {}}, {})


class Answers:
    """An API server that answers from a list, then 201, and keeps what it was sent."""

    def __init__(self, *script: int | Exception) -> None:
        self.script = list(script)
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        within: float = REQUEST_SECONDS,
    ) -> Response:
        self.sent.append((method, path, json.loads(body or b"{}")))
        answer = self.script.pop(0) if self.script else 201
        if isinstance(answer, Exception):
            raise answer
        return Response(answer, b"{}")

    @property
    def methods(self) -> list[str]:
        return [method for method, _, _ in self.sent]


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def tell(api: Answers, *moments: tuple[timedelta, Event]) -> Recorder:
    """Records each Event at its moment and sends it."""
    clock = Clock()

    async def run() -> Recorder:
        recorder = Recorder(api, "operator-0", clock)
        for after, event in moments:
            clock.now = START + after
            recorder.record(resource(), [event])
            await recorder.flush()
        return recorder

    return asyncio.run(run())


def counted(result: str) -> float:
    return float(metrics.EVENTS.labels(result)._value.get())


def test_an_event_says_who_what_and_about_whom() -> None:
    api = Answers()
    tell(api, (timedelta(), LOADED))
    method, path, body = api.sent[0]
    assert (method, path) == ("POST", "/apis/events.k8s.io/v1/namespaces/shop/events")
    assert body["regarding"] == {
        "apiVersion": "modelway.io/v1alpha1",
        "kind": "ModelDeployment",
        "namespace": "shop",
        "name": "digits",
        "uid": "u1",
    }
    assert (body["reason"], body["action"], body["note"]) == ("ModelLoaded", "Load", "digits-6f9c is loaded")
    assert body["eventTime"] == "2026-01-01T12:00:00.000000Z"
    assert body["metadata"]["name"].startswith("digits.")


def test_the_same_news_again_counts_on_the_first_one() -> None:
    api = Answers()
    tell(api, (timedelta(), LOADED), (timedelta(minutes=1), LOADED), (timedelta(minutes=2), LOADED))
    assert api.methods == ["POST", "PATCH", "PATCH"]
    assert api.sent[2][2] == {"series": {"count": 3, "lastObservedTime": "2026-01-01T12:02:00.000000Z"}}
    assert api.sent[1][1].endswith(api.sent[0][2]["metadata"]["name"])


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("another message", Event("Normal", "ModelLoaded", "Load", "digits-81ab is loaded")),
        ("another reason", Event("Normal", "Promoted", "Load", LOADED.message)),
        ("another type", Event("Warning", "ModelLoaded", "Load", LOADED.message)),
    ],
)
def test_other_news_is_another_event(name: str, second: Event) -> None:
    api = Answers()
    tell(api, (timedelta(), LOADED), (timedelta(minutes=1), second))
    assert api.methods == ["POST", "POST"], name


def test_old_news_begins_a_new_series() -> None:
    api = Answers()
    tell(api, (timedelta(), LOADED), (SERIES + timedelta(seconds=1), LOADED))
    assert api.methods == ["POST", "POST"]


def test_an_event_that_expired_meanwhile_is_told_anew() -> None:
    api = Answers(201, 404, 201)
    tell(api, (timedelta(), LOADED), (timedelta(minutes=1), LOADED))
    assert api.methods == ["POST", "PATCH", "POST"]


@pytest.mark.parametrize("trouble", [500, 429, Unreachable("connection refused")])
def test_passing_trouble_is_tried_again(trouble: int | Exception) -> None:
    api, before = Answers(trouble, 201), counted("sent")
    tell(api, (timedelta(), LOADED))
    assert api.methods == ["POST", "POST"]
    assert counted("sent") == before + 1


@pytest.mark.parametrize("answer", [403, 404, 422])
def test_a_final_refusal_is_counted_and_not_repeated(answer: int) -> None:
    api, before = Answers(answer), counted("failed")
    tell(api, (timedelta(), LOADED))
    assert api.methods == ["POST"]
    assert counted("failed") == before + 1


def test_a_chatterbox_is_bounded_and_others_are_heard() -> None:
    api, before = Answers(), counted("dropped")

    async def run() -> None:
        recorder = Recorder(api, "operator-0", Clock())
        noise = [Event("Warning", "Noise", "Shout", f"number {number}") for number in range(BURST + 10)]
        recorder.record(resource("loud"), noise)
        recorder.record(resource("quiet"), [LOADED])
        await recorder.flush()

    asyncio.run(run())
    assert len(api.sent) == BURST + 1
    assert api.sent[-1][2]["reason"] == "ModelLoaded"
    assert counted("dropped") == before + 10


def test_a_long_message_is_cut_to_what_the_api_server_takes() -> None:
    api = Answers()
    tell(api, (timedelta(), Event("Warning", "Noise", "Shout", "x" * 5000)))
    assert len(api.sent[0][2]["note"]) == 1024


def test_a_long_message_in_any_language_is_cut_by_bytes() -> None:
    api = Answers()
    tell(api, (timedelta(), Event("Warning", "Noise", "Shout", "x" + "ü" * 1000)))
    assert len(api.sent[0][2]["note"].encode()) == 1023


def test_a_clock_that_is_set_back_silences_nobody() -> None:
    api, before = Answers(), counted("dropped")
    tell(api, (timedelta(), LOADED), (timedelta(hours=-24), Event("Normal", "Other", "Load", "another one")))
    assert len(api.sent) == 2
    assert counted("dropped") == before
