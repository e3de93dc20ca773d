"""Leader election: the step as a table, and two replicas over a Lease in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from modelway.cluster.client import JSON, OutcomeUnknown, Response
from modelway.cluster.election import Election
from modelway.cluster.lease import Lease, Step, lease_step, read, write

WALL = datetime(2026, 1, 1, tzinfo=UTC)


def lease(holder: str, seen_at: float = 100.0) -> Lease:
    return Lease(holder, 0, "", "t", 15, "1", seen_at)


@pytest.mark.parametrize(
    ("what", "seen", "now", "expected"),
    [
        ("there is none", None, 0.0, Step.CREATE),
        ("it is ours", lease("me"), 100.0, Step.RENEW),
        ("it is ours since a former life", lease("me"), 500.0, Step.RENEW),
        ("another holds it", lease("other"), 114.9, Step.WAIT),
        ("another held it and stopped renewing", lease("other"), 115.0, Step.TAKE),
        ("another released it", lease(""), 100.0, Step.TAKE),
    ],
)
def test_what_to_do_when(what: str, seen: Lease | None, now: float, expected: Step) -> None:
    assert lease_step(seen, "me", now) is expected


def test_looking_at_a_lease_again_does_not_renew_it() -> None:
    obj = write("system", "lease", None, "other", WALL) | {"metadata": {"resourceVersion": "7"}}
    first = read(obj, None, now=100.0)
    assert read(obj, first, now=110.0).seen_at == 100.0


def test_transitions_count_new_holders_only() -> None:
    assert write("system", "lease", lease("me"), "me", WALL)["spec"]["leaseTransitions"] == 0
    assert write("system", "lease", lease("other"), "me", WALL)["spec"]["leaseTransitions"] == 1
    assert write("system", "lease", lease("me"), "", WALL)["spec"]["holderIdentity"] == ""


class LeaseApi:
    """One Lease with optimistic concurrency and watches. ``down`` makes every request time out."""

    def __init__(self) -> None:
        self.obj: dict[str, Any] | None = None
        self.version = 0
        self.down = False
        self.changed = asyncio.Condition()

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        within: float = 5.0,
    ) -> Response:
        if self.down:
            raise OutcomeUnknown("timed out")
        if method == "GET":
            return Response(200, orjson.dumps(self.obj)) if self.obj else Response(404, b"{}")
        sent = orjson.loads(body or b"")
        if self.obj and sent["metadata"].get("resourceVersion") != self.obj["metadata"]["resourceVersion"]:
            return Response(409, b"{}")
        self.version += 1
        sent["metadata"]["resourceVersion"] = str(self.version)
        self.obj = sent
        async with self.changed:
            self.changed.notify_all()
        return Response(200, orjson.dumps(sent))

    async def watch(self, path: str, query: Mapping[str, str], seconds: int) -> AsyncIterator[dict[str, Any]]:
        known = int(query["resourceVersion"])
        while True:
            if self.obj and self.version > known:
                known = self.version
                yield {"type": "MODIFIED", "object": self.obj}
            async with self.changed:
                await self.changed.wait()


class Replica:
    def __init__(self, api: LeaseApi, name: str) -> None:
        self.name = name
        clock = asyncio.get_running_loop().time
        self.election = Election(api, "system", "lease", name, clock, lambda: datetime.now(UTC))
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(self.election.lead(self._work))

    async def _work(self) -> None:
        await self.stop.wait()


def test_a_released_lease_is_taken_at_once_and_never_held_by_two() -> None:
    async def story() -> None:
        api = LeaseApi()
        first = Replica(api, "a")
        await asyncio.sleep(0.01)
        second = Replica(api, "b")
        await asyncio.sleep(0.05)
        assert (first.election.leading, second.election.leading) == (True, False)
        first.stop.set()
        await first.task
        assert not first.election.leading
        await first.election.release()
        await asyncio.sleep(0.05)
        assert second.election.leading
        second.stop.set()
        await second.task

    asyncio.run(story())


def test_a_leader_that_cannot_renew_stops_working(monkeypatch: pytest.MonkeyPatch) -> None:
    from modelway.cluster import election

    monkeypatch.setattr(election, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(election, "RENEW_DEADLINE_SECONDS", 0.1)

    async def story() -> None:
        api = LeaseApi()
        first = Replica(api, "a")
        await asyncio.sleep(0.05)
        assert first.election.leading
        api.down = True
        await asyncio.sleep(0.3)
        assert not first.election.leading
        api.down = False
        await asyncio.sleep(0.1)
        assert first.election.leading
        first.stop.set()
        await first.task

    asyncio.run(story())
