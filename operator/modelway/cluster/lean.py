"""What kopf gets to read is lean: of a watch what keeps it going, of a list objects without what nobody here looks at.

kopf lists, watches, resumes after a bookmark and lists anew after a 410; but it makes a task, a queue and several
copies for each event, to find out which handlers want it: a quarter of the operator's CPU. So the events are taken in
here, from the lines of the response as they arrive, in the order of the watch. Half of them are the echo of a write
whose answer the store has taken in already, and end here. kopf's own handlers see the listed objects.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

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

_UNUSED_METADATA: Final = ("managedFields", "selfLink", "generateName", "finalizers")


def slim(obj: dict[str, Any], kind: str) -> dict[str, Any]:
    """Takes away, in place, what ``records`` does not keep."""
    meta = obj["metadata"]
    owners = [entry for entry in meta.get("managedFields") or () if _owns_replicas(entry)]
    for name in _UNUSED_METADATA:
        meta.pop(name, None)
    if owners and kind == "Deployment":
        meta["managedFields"] = [
            {"manager": entry["manager"], "fieldsV1": {"f:spec": {"f:replicas": {}}}} for entry in owners
        ]
    if kind == "Pod":
        obj["spec"] = {"nodeName": obj.get("spec", {}).get("nodeName", "")}
    return obj


def _owns_replicas(entry: dict[str, Any]) -> bool:
    return "f:replicas" in (entry.get("fieldsV1") or {}).get("f:spec", ())


def take_line(line: bytes, known: Known, inbox: Inbox) -> bool:
    """Takes a watch's line in; False if it is no event about an object but a bookmark or an error, which are kopf's.

    An event that the inbox fails at is lost, and only that one: the watch goes on.
    """
    event = orjson.loads(line)
    obj = event["object"]
    word = event["type"]
    if word == "BOOKMARK" or "uid" not in obj.get("metadata", ()):
        return False
    kind = obj.get("kind", "")
    if known(obj["metadata"]["uid"], int(obj["metadata"]["resourceVersion"]), word == "DELETED"):
        metrics.WATCH_EVENTS.labels(kind, "echo").inc()
        return True
    try:
        inbox(kind, word, obj)
    except Exception:
        metrics.INTERNAL_ERRORS.inc()
        log.exception("internal error at a watch event about a %s; please report it", kind)
    return True


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


def lean_response(known: Known, inbox: Inbox, heard: Heard) -> type[aiohttp.ClientResponse]:
    """The response class of the session that kopf watches with."""

    class LeanResponse(aiohttp.ClientResponse):
        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            await super().start(connection)
            if "watch" in self.url.query and self.status == 200:
                path = self.url.path
                self.content = _LeanStream(self.content, known, inbox, lambda: heard(path))  # type: ignore[assignment]
            return self

        async def json(self, **_: Any) -> Any:
            """A list in one go by orjson, its items made lean before the next page is read."""
            document = orjson.loads(await self.read())
            self._body = None  # else the text lives as long as the objects
            if isinstance(document, dict) and "resourceVersion" in document.get("metadata", {}):
                kind = document.get("kind", "").removesuffix("List")
                for item in document.get("items") or ():
                    slim(item, kind)
            return document

    return LeanResponse
