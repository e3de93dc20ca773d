"""Leader election: the step as a table, and two replicas over a Lease in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from modelway.cluster.client import JSON, OutcomeUnknown, Response
from modelway.cluster.election import Election
from modelway.cluster.lease import RENEW_DEADLINE_SECONDS, Lease, Step, lease_step, read, write

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


def test_a_watch_that_tells_nonsense_is_begun_anew() -> None:
    """A line that was cut, or one that is longer than aiohttp reads, ended the standby."""

    async def story() -> None:
        api = LeaseApi()
        first = Replica(api, "a")
        await asyncio.sleep(1)
        watch, told = api.watch, asyncio.Event()

        async def nonsense(*_: Any, **__: Any) -> AsyncIterator[dict[str, Any]]:
            told.set()
            api.watch = watch  # type: ignore[method-assign]
            yield orjson.loads(b'{"type":"MODI')

        api.watch = nonsense  # type: ignore[method-assign,assignment]
        second = Replica(api, "b")
        await told.wait()
        await asyncio.sleep(5)
        first.stop.set()
        await first.task
        await first.election.release()
        await asyncio.sleep(1)
        assert second.election.leading
        second.task.cancel()

    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        runner.run(story())


class VirtualTime(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer instead of waiting for it."""

    moment = 0.0

    def time(self) -> float:
        return self.moment

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.moment = max(self.moment, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


class SlowApi(LeaseApi):
    """Answers a write ``slow`` seconds after it was carried out, and from some moment on nothing any more."""

    def __init__(self, slow: float, trouble: Sequence[tuple[float, float]]) -> None:
        super().__init__()
        self.slow = slow
        self.trouble = trouble  # from when on, and how long a request takes then before it fails
        self.carried_out: list[float] = []

    async def send(self, method: str, path: str, *rest: Any, within: float = 5.0) -> Response:
        now = asyncio.get_running_loop().time
        for begin, takes in reversed(self.trouble):
            if now() >= begin:
                await asyncio.sleep(min(takes, within))
                raise OutcomeUnknown("timed out")
        answer = await super().send(method, path, *rest)
        if method != "GET":
            self.carried_out.append(now())
            await asyncio.sleep(self.slow)
        return answer


@pytest.mark.parametrize(
    ("what", "slow", "trouble"),
    [
        ("the write that took it was answered late, and no other one", 4.9, [(0.1, 2.0)]),
        ("requests fail at once, and then hang", 0.0, [(1.0, 0.0), (5.9, 2.0)]),
        ("each takes its whole time", 1.9, [(2.0, 2.0)]),
    ],
)
def test_a_leader_stops_five_seconds_before_others_may_begin(
    what: str, slow: float, trouble: Sequence[tuple[float, float]]
) -> None:
    """A request that it sent last ends within those 5 s. Others count from when they saw the Lease written."""

    async def story() -> float:
        api, clock = SlowApi(slow, trouble), asyncio.get_running_loop().time
        ended = asyncio.Event()

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        election = Election(api, "system", "lease", "a", clock, lambda: datetime.now(UTC))
        leading = asyncio.create_task(election.lead(work))
        await ended.wait()
        leading.cancel()
        return clock() - api.carried_out[-1]

    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        assert runner.run(story()) <= RENEW_DEADLINE_SECONDS
