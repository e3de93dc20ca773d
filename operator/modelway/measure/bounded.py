"""One HTTP request to somebody who is not trusted: bounded in time and size, no redirects, no cookies, no proxies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, whatever its status."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The decoded body. Raises ValueError."""
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No usable answer; ``why`` goes behind the name of who was asked: "did not answer within 2 s"."""

    why: str


def new_session(connections: int = 64) -> aiohttp.ClientSession:
    """A session for pods and Prometheus, without any credentials in it.

    Answers are not decompressed: a kilobyte may unpack to a gigabyte. Connections are kept for a minute, so that a look
    each 10 s costs no new one.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "modelway-operator", "Accept": "application/json", "Accept-Encoding": "identity"},
        auto_decompress=False,
    )


async def request(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    seconds: float,
    largest: int,
    body: bytes | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answered | Unanswered:
    """One request, with its whole answer of at most ``largest`` bytes within ``seconds``."""
    try:
        async with asyncio.timeout(seconds):
            async with session.request(
                method, url, data=body, params=query, headers=headers, allow_redirects=False
            ) as answer:
                return await _read(answer, largest)
    except TimeoutError:
        return Unanswered(f"did not answer within {seconds:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: an address that is none
        return Unanswered(f"can't be reached: {str(error)[:200] or type(error).__name__}")


async def _read(answer: aiohttp.ClientResponse, largest: int) -> Answered | Unanswered:
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > largest:
            answer.close()  # the rest is not waited for
            return Unanswered(f"answers with more than {largest} bytes")
    return Answered(answer.status, bytes(body))
