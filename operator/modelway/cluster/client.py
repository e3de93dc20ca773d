"""One HTTP session to the API server: bytes in, bytes out, each request bounded in time and counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import aiohttp
import orjson

from modelway import metrics
from modelway.cluster.credentials import Credentials

APPLY: Final = "application/apply-patch+yaml"  # JSON is YAML
MERGE: Final = "application/merge-patch+json"
JSON: Final = "application/json"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

REQUEST_SECONDS: Final = 5.0  # at most the lease's 15 - 10 s: a lost leader's last write ends first


class Unreachable(Exception):
    """The request was not sent: no connection to the API server."""


class OutcomeUnknown(Exception):
    """The request was sent and no answer came: it may have been carried out."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the API server; ``retry_after`` in seconds, 0 if it did not say."""

    status: int
    body: bytes
    retry_after: float = 0.0

    def json(self) -> dict[str, Any]:
        """The decoded body; an empty object if it is none (a proxy's HTML, an empty 502)."""
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {"message": self.body[:200].decode(errors="replace")}
        return value if isinstance(value, dict) else {}


class Api(Protocol):
    """What the rest of the operator needs of an API server; the simulation implements it in memory."""

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
        """One request. Raises ``Unreachable`` or ``OutcomeUnknown``; any answer, also a 500, is a ``Response``."""
        ...


class ApiServer:
    """The real API server, over aiohttp."""

    def __init__(self, credentials: Credentials, agent: str = "modelway-operator") -> None:
        self._credentials = credentials
        self._agent = agent
        self.server = credentials.server
        self._session = self.new_session()

    def new_session(
        self, response_class: type[aiohttp.ClientResponse] = aiohttp.ClientResponse
    ) -> aiohttp.ClientSession:
        """A session with our identity. kopf gets one of its own, for it closes what it was given."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._credentials.tls or True, keepalive_timeout=60),
            headers={"User-Agent": self._agent, "Accept": JSON},
            middlewares=(self._authorize,),
            response_class=response_class,
        )

    async def _authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Puts the current token on every request, kopf's watches included: it changes within the hour."""
        if token := self._credentials.token():
            request.headers["Authorization"] = f"Bearer {token}"
        return await handler(request)

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
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            async with asyncio.timeout(within):
                async with self._session.request(
                    method, self.server + path, params=query, data=body, headers=headers
                ) as answer:
                    data = await answer.read()
        except aiohttp.ClientConnectorError as error:
            metrics.REQUESTS.labels("<error>", method).inc()
            raise Unreachable(str(error)) from error
        except (TimeoutError, aiohttp.ClientError) as error:
            metrics.REQUESTS.labels("<error>", method).inc()
            raise OutcomeUnknown(f"{method} {path}: {error or 'timed out'}") from error
        metrics.REQUESTS.labels(str(answer.status), method).inc()
        return Response(answer.status, data, _seconds(answer.headers.get("Retry-After", "")))

    async def watch(self, path: str, query: Mapping[str, str], seconds: int) -> AsyncIterator[dict[str, Any]]:
        """The events of one watch request, until the server ends it. For the lease only; kopf watches the rest."""
        wanted = {**query, "watch": "true", "timeoutSeconds": str(seconds)}
        timeout = aiohttp.ClientTimeout(total=seconds + 5, sock_connect=REQUEST_SECONDS)
        async with self._session.get(self.server + path, params=wanted, timeout=timeout) as answer:
            metrics.REQUESTS.labels(str(answer.status), "GET").inc()
            if answer.status != 200:
                raise Unreachable(f"watch of {path} answered {answer.status}")
            async for line in answer.content:
                yield orjson.loads(line)

    async def close(self) -> None:
        await self._session.close()


def _seconds(header: str) -> float:
    return float(header) if header.isdigit() else 0.0
