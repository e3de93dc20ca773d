"""kopf's handlers: each takes one object into the store and puts the key that it concerns on the queue. Nothing else.

The only file that imports kopf, of which we use the watches: list, bookmarks, 410, reconnection, label selectors.
What handlers see are the listed objects; the events that follow are taken in on their way to kopf (``cluster.lean``).
Its higher services (causes, diffs, progress, finalizers, peering, posting) are off or replaced by nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import kopf
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory  # not public; see _NoMemories

from modelway.cluster.kinds import SELECTOR, WATCHED, ApiKind
from modelway.cluster.lean import Inbox

NewSession = Callable[[], aiohttp.ClientSession]


async def watch(
    new_session: NewSession, server: str, namespaces: Sequence[str], inbox: Inbox, started: Callable[[], None]
) -> None:
    """Runs kopf's watches over HTTP sessions of ours, which it closes, until cancelled. ``started`` is called at
    its first request, when it has taken the process's signals for itself, so that they can be taken back."""
    registry = kopf.OperatorRegistry()
    for kind in WATCHED:
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=kind.plural)(_handler(kind, inbox))
    kopf.on.login(registry=registry)(_login(new_session, server, started))
    await kopf.operator(
        registry=registry,
        settings=settings(),
        memories=_NoMemories(),
        standalone=True,
        identity="modelway",  # peering's, which is off; kopf would look for our uid's name, and the image has none
        clusterwide=not namespaces,
        namespaces=list(namespaces),
    )


def _handler(kind: ApiKind, inbox: Inbox) -> Callable[..., Any]:
    async def seen(event: kopf.RawEvent, **_: Any) -> None:
        inbox(kind.kind, event["type"], dict(event["object"]))

    return seen


def _login(new_session: NewSession, server: str, started: Callable[[], None]) -> Callable[..., Any]:
    async def login(**_: Any) -> kopf.AiohttpSession:
        asyncio.get_running_loop().call_soon(started)  # soon: kopf takes the signals in this very turn of the loop
        # A new one each time: kopf logs in again when a session of its own was closed, and would do so for ever.
        return kopf.AiohttpSession(server=server, aiohttp_session=new_session())

    return login


def settings() -> kopf.OperatorSettings:
    """kopf as a watcher and nothing more."""
    configured = kopf.OperatorSettings()
    configured.posting.enabled = False
    configured.scanning.disabled = True
    configured.peering.standalone = True
    configured.watching.chunk_size = 250  # a page and its objects are all in memory at a time, for eight kinds
    configured.queueing.idle_timeout = 0.02  # a task, a queue and an object until then, for each that is listed: 10 kB
    configured.queueing.exit_timeout = 0.2
    configured.process.ultimate_exiting_timeout = 30
    configured.persistence.diffbase_storage = _NoDiffBase()
    configured.persistence.progress_storage = _NoProgress()
    for kind in WATCHED:
        if kind.selected:
            configured.watching.label_selectors[kind.group, kind.version, kind.plural] = SELECTOR
    logging.getLogger("kopf").setLevel(logging.WARNING)  # its info is a line per event
    return configured


class _NoMemories(ResourceMemories):  # type: ignore[misc]
    """kopf keeps 2 kB of memory for each object that it ever saw, for services that we do not use."""

    async def recall(self, raw_body: Any, *, noticed_by_listing: bool = False, **_: Any) -> ResourceMemory:
        return ResourceMemory(noticed_by_listing=noticed_by_listing)


class _NoDiffBase(kopf.DiffBaseStorage):  # type: ignore[misc]
    """kopf copies each object deeply, twice, to compare it with its last state; nobody asks for the difference."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> Any:
        return None

    def store(self, **_: Any) -> None:
        return None


class _NoProgress(kopf.ProgressStorage):  # type: ignore[misc]
    """The progress of high-level handlers, of which there are none."""

    def fetch(self, **_: Any) -> Any:
        return None

    def store(self, **_: Any) -> None:
        return None

    def purge(self, **_: Any) -> None:
        return None

    def touch(self, **_: Any) -> None:
        return None

    def clear(self, *, essence: Any) -> Any:
        return essence
