"""``get --watch``: looks again whenever something changed, for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

import aiohttp

from modelway.cli.reading import Failed, Unanswered, send, succeeded
from modelway.cluster.client import ApiServer, Unreachable
from modelway.cluster.kinds import MODEL_DEPLOYMENT, POD, ROUTES, ApiKind
from modelway.manifests import names

T = TypeVar("T")
WATCH_SECONDS: Final = 300
BURST_SECONDS: Final = 0.1  # one look for the changes of one decision
AWAY_SECONDS: Final = 60.0  # an API server that restarts is back by then
AGAIN_SECONDS: Final = 1.0


async def follow(api: ApiServer, namespace: str, name: str, look: Callable[[], Awaitable[None]]) -> None:
    """Calls ``look`` at once, and whenever the ModelDeployment, one of its pods or one of its routes changed. The first
    look fails at once if the API server does not answer; later ones have patience."""
    woken = asyncio.Event()
    await look()
    mine = {"labelSelector": f"{names.DEPLOYMENT}={name}"}
    async with asyncio.TaskGroup() as group:
        itself = {"fieldSelector": f"metadata.name={name}"}
        group.create_task(_wake(api, MODEL_DEPLOYMENT.path(namespace), itself, woken))
        group.create_task(_wake(api, POD.path(namespace), mine, woken))
        for kind in ROUTES:
            group.create_task(_wake_if_there(api, kind, namespace, mine, woken))
        while True:
            await woken.wait()
            woken.clear()
            await _patiently(look)
            await asyncio.sleep(BURST_SECONDS)


async def _wake_if_there(
    api: ApiServer, kind: ApiKind, namespace: str, selector: Mapping[str, str], woken: asyncio.Event
) -> None:
    """A cluster may not have the Gateway API, or not for this person; the tree says so."""
    try:
        await _wake(api, kind.path(namespace), selector, woken)
    except Unanswered:
        raise
    except Failed:
        return


async def _wake(api: ApiServer, path: str, selector: Mapping[str, str], woken: asyncio.Event) -> None:
    """A watch that begins anew whenever it ends; what was missed meanwhile is read then."""

    async def listed() -> Mapping[str, object]:
        return succeeded(await send(api, "GET", path, {**selector, "limit": "1"}), path)

    while True:
        meta = (await _patiently(listed)).get("metadata")
        version = str(meta.get("resourceVersion", "")) if isinstance(meta, Mapping) else ""
        woken.set()
        try:
            async for _ in api.watch(path, {**selector, "resourceVersion": version}, WATCH_SECONDS):
                woken.set()
        except (Unreachable, aiohttp.ClientError, TimeoutError, ValueError):
            await asyncio.sleep(AGAIN_SECONDS)  # the API server restarts, or the watch is too old: begin again


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Asks again while the API server does not answer, for as long as one takes to restart."""
    deadline = time.monotonic() + AWAY_SECONDS
    while True:
        try:
            return await ask()
        except Unanswered:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(AGAIN_SECONDS)
