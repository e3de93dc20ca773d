"""What kopf gets to read is lean: of a list and of a watch what keeps it going, and no objects.

kopf lists, watches, resumes after a bookmark and lists anew after a 410; but it makes a task, a queue and several
copies for each object, to find out which handlers want it: a third of the operator's CPU. So objects are taken in
here, from the responses as they arrive, in the order of the API server. Half of a watch's events are the echo of a
write whose answer the store has taken in already, and end here.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import orjson

from modelway import metrics

log = logging.getLogger(__name__)

Inbox = Callable[[str, str | None, dict[str, Any]], None]
"""Called with kind, the watch's word (None: listed) and the object."""

Known = Callable[[str, int, bool], bool]
"""Whether an object's uid is known at that resourceVersion or a later one; the flag says that it is deleted."""

Heard = Callable[[str], None]
"""Called with a watch's path whenever it says anything, be it a bookmark: the API server sends one a minute."""


Listed = Callable[[str], None]
"""Called with a list's path when its first page has come, be it empty."""


def take_list(document: dict[str, Any], inbox: Inbox) -> None:
    """Takes a page of a list in, and its objects out of it: what is left is the page's own metadata."""
    kind = document.get("kind", "").removesuffix("List")
    for obj in document.get("items") or ():
        _tell(inbox, kind, None, obj)
    document["items"] = []


def take_line(line: bytes, known: Known, inbox: Inbox) -> bool:
    """Takes a watch's line in; False if it is no event about an object but a bookmark or an error, which are kopf's."""
    event = orjson.loads(line)
    obj = event["object"]
    word = event["type"]
    if word == "BOOKMARK" or "uid" not in obj.get("metadata", ()):
        return False
    kind = obj.get("kind", "")
    if known(obj["metadata"]["uid"], int(obj["metadata"]["resourceVersion"]), word == "DELETED"):
        metrics.WATCH_EVENTS.labels(kind, "echo").inc()
        return True
    _tell(inbox, kind, word, obj)
    return True


def _tell(inbox: Inbox, kind: str, word: str | None, obj: dict[str, Any]) -> None:
    """An object that the inbox fails at is lost, and only that one: the watch goes on."""
    try:
        inbox(kind, word, obj)
    except Exception:
        metrics.INTERNAL_ERRORS.inc()
        log.exception("internal error at what a watch tells of a %s; please report it", kind)


class _LeanStream:
    """A response's body, its events taken in and the rest handed on; all else is the stream's own."""

    def __init__(self, stream: aiohttp.StreamReader, known: Known, inbox: Inbox, heard: Callable[[], None]) -> None:
        self._stream = stream
        self._known = known
        self._inbox = inbox
        self._heard = heard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Whole lines only. ``size`` bounds what is read at once, as it does in aiohttp."""
        rest = b""
        async for data in self._stream.iter_chunked(size):
            self._heard()
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line and not take_line(line, self._known, self._inbox):
                    yield line + b"\n"


def lean_response(known: Known, inbox: Inbox, heard: Heard, listed: Listed) -> type[aiohttp.ClientResponse]:
    """The response class of the session that kopf watches with."""

    class LeanResponse(aiohttp.ClientResponse):
        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            await super().start(connection)
            if "watch" in self.url.query and self.status == 200:
                path = self.url.path
                self.content = _LeanStream(self.content, known, inbox, lambda: heard(path))  # type: ignore[assignment]
            return self

        async def json(self, **_: Any) -> Any:
            """A page of a list in one go by orjson, its objects taken in before the next page is read."""
            document = orjson.loads(await self.read())
            self._body = None  # else the text lives as long as the objects
            if isinstance(document, dict) and "resourceVersion" in document.get("metadata", {}):
                if "continue" not in self.url.query:
                    listed(self.url.path)
                take_list(document, inbox)
            return document

    return LeanResponse
