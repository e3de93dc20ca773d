"""Reads what the API server holds about a ModelDeployment; every refusal becomes a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp

from modelway.cli.seen import Document, Seen
from modelway.cluster.client import JSON, Api, ApiServer, OutcomeUnknown, Response, Unreachable
from modelway.cluster.kinds import EVENT, MODEL_DEPLOYMENT, ROUTES, WATCHED, ApiKind
from modelway.manifests import names

WITHIN: Final = 15.0  # seconds for one request: a person waits, no lease depends on it
CHILDREN: Final = tuple(kind for kind in WATCHED if kind is not MODEL_DEPLOYMENT)
WATCH_SECONDS: Final = 300
BURST_SECONDS: Final = 0.1  # one look for the changes of one decision


class Failed(Exception):
    """It can't be done; the message is a sentence for people."""


async def send(
    api: Api,
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    body: bytes | None = None,
    content_type: str = JSON,
) -> Response:
    """A request that a person waits for."""
    try:
        return await api.send(method, path, query, body, content_type, within=WITHIN)
    except (Unreachable, OutcomeUnknown) as error:
        raise Failed(f"the API server does not answer: {error}") from error


def succeeded(response: Response, what: str) -> dict[str, Any]:
    """The answer's document, or ``Failed`` with what the API server said."""
    if response.status < 300:
        return response.json()
    told = str(response.json().get("message", "")) or f"status {response.status}"
    raise Failed(f"{what}: {told}")


async def resource(api: Api, namespace: str, name: str) -> dict[str, Any] | None:
    """The ModelDeployment, None if there is none of that name."""
    response = await send(api, "GET", MODEL_DEPLOYMENT.path(namespace, name))
    if response.status != 404:
        return succeeded(response, f"ModelDeployment {namespace}/{name}")
    if response.json().get("reason") not in (None, "NotFound") or not response.json().get("details", {}).get("name"):
        raise Failed("the cluster knows no ModelDeployments. Is Modelway's chart installed there?")
    return None


async def every(api: Api, kind: ApiKind, namespace: str | None, query: Mapping[str, str] | None = None) -> list[Any]:
    """The objects of a kind, in pages."""
    found: list[Any] = []
    more = ""
    while True:
        page = {**(query or {}), "limit": "500", **({"continue": more} if more else {})}
        told = succeeded(await send(api, "GET", kind.path(namespace), page), f"listing {kind.plural}")
        found += told.get("items") or ()
        more = str((told.get("metadata") or {}).get("continue") or "")
        if not more:
            return found


async def routes(api: Api, namespace: str, name: str) -> dict[str, list[Any] | None]:
    """Its routes of the Gateway API by kind; None for a kind that the cluster does not serve, or not to this person."""
    found: dict[str, list[Any] | None] = {}
    for kind in ROUTES:
        probe = await send(api, "GET", kind.path(namespace), {"limit": "1"})
        selector = {"labelSelector": f"{names.DEPLOYMENT}={name}"}
        found[kind.kind] = await every(api, kind, namespace, selector) if probe.status == 200 else None
    return found


async def see(api: Api, namespace: str, name: str) -> Seen:
    """The ModelDeployment with its children, pods and events."""
    found, events, *lists = await asyncio.gather(
        resource(api, namespace, name), _events(api, namespace, name), *_children(api, namespace, name)
    )
    if found is None:
        raise Failed(f"there is no ModelDeployment {name} in namespace {namespace}. `modelway list -A` shows all.")
    return Seen(found, {kind.kind: tuple(each) for kind, each in zip(CHILDREN, lists, strict=True)}, events)


def _children(api: Api, namespace: str, name: str) -> list[Any]:
    selector = {"labelSelector": f"{names.DEPLOYMENT}={name}"}
    return [every(api, kind, namespace, selector) for kind in CHILDREN]


async def _events(api: Api, namespace: str, name: str) -> tuple[Document, ...]:
    """The events about it, the latest last; none where they may not be read."""
    selector = {"fieldSelector": f"regarding.kind={names.KIND},regarding.name={name}"}
    try:
        found = await every(api, EVENT, namespace, selector)
    except Failed:
        return ()
    return tuple(sorted(found, key=lambda each: str(each.get("eventTime") or "")))


async def follow(api: ApiServer, namespace: str, name: str, changed: Callable[[], Awaitable[None]]) -> None:
    """Calls ``changed`` at once, and whenever the ModelDeployment or one of its pods changed; for ever."""
    woken = asyncio.Event()
    pods = next(kind for kind in CHILDREN if kind.kind == "Pod")
    watched = (
        (MODEL_DEPLOYMENT, {"fieldSelector": f"metadata.name={name}"}),
        (pods, {"labelSelector": f"{names.DEPLOYMENT}={name}"}),
    )
    async with asyncio.TaskGroup() as group:
        for kind, selector in watched:
            group.create_task(_wake(api, kind.path(namespace), selector, woken))
        while True:
            await woken.wait()
            woken.clear()
            await changed()
            await asyncio.sleep(BURST_SECONDS)


async def _wake(api: ApiServer, path: str, selector: Mapping[str, str], woken: asyncio.Event) -> None:
    """A watch that begins anew whenever it ends; what was missed meanwhile is read then."""
    while True:
        told = succeeded(await send(api, "GET", path, {**selector, "limit": "1"}), path)
        version = {"resourceVersion": str((told.get("metadata") or {}).get("resourceVersion", ""))}
        woken.set()
        try:
            async for _ in api.watch(path, {**selector, **version}, WATCH_SECONDS):
                woken.set()
        except (Unreachable, aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(1)  # the API server restarts, or the watch is too old: begin again
