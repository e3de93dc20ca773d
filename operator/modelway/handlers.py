"""The watches: one for each kind, kept going by kopf.

The only file that imports kopf, of which we use the watches: list, bookmarks, 410, reconnection, label selectors.
A handler is what makes kopf watch a kind; the objects are taken in on their way to it (``cluster.lean``).
Its higher services (causes, diffs, progress, finalizers) get no object to work on; peering and posting are off.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import kopf

from modelway.cluster.kinds import SELECTOR, WATCHED

NewSession = Callable[[], aiohttp.ClientSession]


async def watch(new_session: NewSession, server: str, namespaces: Sequence[str], started: Callable[[], None]) -> None:
    """Runs kopf's watches over HTTP sessions of ours, which it closes, until cancelled. ``started`` is called at
    its first request, when it has taken the process's signals for itself, so that they can be taken back."""
    registry = kopf.OperatorRegistry()
    for kind in WATCHED:
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=kind.plural)(_unused)
    kopf.on.login(registry=registry)(_login(new_session, server, started))
    await kopf.operator(
        registry=registry,
        settings=settings(),
        standalone=True,
        identity="modelway",  # peering's, which is off; kopf would look for our uid's name, and the image has none
        clusterwide=not namespaces,
        namespaces=list(namespaces),
    )


async def _unused(**_: Any) -> None:
    """Never called: no object reaches kopf."""


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
    configured.process.ultimate_exiting_timeout = 30
    for kind in WATCHED:
        if kind.selected:
            configured.watching.label_selectors[kind.group, kind.version, kind.plural] = SELECTOR
    logging.getLogger("kopf").setLevel(logging.WARNING)  # its info is a line per event
    return configured
