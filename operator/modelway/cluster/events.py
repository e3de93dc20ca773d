"""events.k8s.io/v1 Events about ModelDeployments: aggregated, bounded, beside the writes and never in their way.

The same (type, reason, message) about the same object within ten minutes is one Event with a series that counts.
What cannot be sent is counted in ``modelway_events_total``; nothing is dropped in silence.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import orjson

from modelway import metrics
from modelway.cluster.client import JSON, MERGE, Api, OutcomeUnknown, Unreachable
from modelway.cluster.kinds import EVENT
from modelway.manifests import names
from modelway.world import Event, Resource

log = logging.getLogger(__name__)

SERIES: Final = timedelta(minutes=10)
REMEMBERED: Final = 4096  # series; the longest unused goes first
QUEUED: Final = 10_000  # Events that wait to be sent: 1,000 objects with ten news each
BURST: Final = 25  # per object, then one in REFILL: client-go's spam filter
REFILL: Final = timedelta(minutes=5)
ATTEMPTS: Final = 5
NOTE_BYTES: Final = 1024  # the API server counts bytes, and refuses an Event with more

_Identity = tuple[str, str, str, str]  # uid, type, reason, message


@dataclass(frozen=True, slots=True)
class _Series:
    name: str
    count: int
    last: datetime


@dataclass(frozen=True, slots=True)
class _Bucket:
    tokens: float
    at: datetime


class Recorder:
    """Takes Events from the workers at once, and sends them from a task of its own."""

    def __init__(self, api: Api, instance: str, now: Callable[[], datetime]) -> None:
        self._api = api
        self._instance = instance
        self._now = now
        self._series: OrderedDict[_Identity, _Series] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._outbox: deque[tuple[Resource, Event, _Identity]] = deque()
        self._news = asyncio.Event()

    def record(self, resource: Resource, events: Iterable[Event]) -> None:
        """Never waits and never fails."""
        for event in events:
            identity = (resource.uid, event.type, event.reason, event.message)
            if len(self._outbox) >= QUEUED or not self._allowed(resource.uid):
                metrics.EVENTS.labels("dropped").inc()
                continue
            light = replace(resource, spec={}, status={}, annotations={})
            self._outbox.append((light, event, identity))
            self._news.set()

    def _allowed(self, uid: str) -> bool:
        now = self._now()
        bucket = self._buckets.pop(uid, _Bucket(BURST, now))
        tokens = min(BURST, bucket.tokens + max((now - bucket.at) / REFILL, 0.0))  # a clock may be set back
        self._buckets[uid] = _Bucket(max(tokens - 1, 0), now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return tokens >= 1

    async def run(self) -> None:
        """Sends what is recorded, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self.flush()

    async def flush(self) -> None:
        """Sends everything that is recorded so far."""
        while self._outbox:
            await self._send(*self._outbox.popleft())

    async def _send(self, resource: Resource, event: Event, identity: _Identity) -> None:
        for attempt in range(ATTEMPTS):
            try:
                status = await self._once(resource, event, identity)
            except (Unreachable, OutcomeUnknown) as error:
                status = 0
                log.debug("event not sent: %s", error)
            if 200 <= status < 300:
                metrics.EVENTS.labels("sent").inc()
                return
            if status in (403, 404, 422):
                break  # forbidden, or the namespace is going away: another attempt gets the same answer
            await asyncio.sleep(0.2 * 2**attempt)
        self._series.pop(identity, None)
        metrics.EVENTS.labels("failed").inc()
        log.warning("event %s about %s/%s was not sent", event.reason, resource.namespace, resource.name)

    async def _once(self, resource: Resource, event: Event, identity: _Identity) -> int:
        now = self._now()
        series = self._series.get(identity)
        if series is not None and now - series.last <= SERIES:
            series = replace(series, count=series.count + 1, last=now)
            body = orjson.dumps({"series": {"count": series.count, "lastObservedTime": _micro(now)}})
            response = await self._api.send("PATCH", EVENT.path(resource.namespace, series.name), None, body, MERGE)
            if response.status != 404:  # else it expired meanwhile: begin a new one
                self._remember(identity, series)
                return response.status
        name = f"{resource.name}.{uuid.uuid4().hex[:16]}"
        body = orjson.dumps(self._manifest(resource, event, name, now))
        response = await self._api.send("POST", EVENT.path(resource.namespace), None, body, JSON)
        if 200 <= response.status < 300:
            self._remember(identity, _Series(name, 1, now))
        return response.status

    def _remember(self, identity: _Identity, series: _Series) -> None:
        self._series[identity] = series
        self._series.move_to_end(identity)
        if len(self._series) > REMEMBERED:
            self._series.popitem(last=False)

    def _manifest(self, resource: Resource, event: Event, name: str, now: datetime) -> dict[str, object]:
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": name, "namespace": resource.namespace},
            "eventTime": _micro(now),
            "type": event.type,
            "reason": event.reason,
            "action": event.action,
            "note": event.message.encode()[:NOTE_BYTES].decode(errors="ignore"),
            "regarding": {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "namespace": resource.namespace,
                "name": resource.name,
                "uid": resource.uid,
            },
            "reportingController": f"{names.GROUP}/operator",
            "reportingInstance": self._instance[:128],
        }


def _micro(moment: datetime) -> str:
    """A Kubernetes MicroTime."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
