"""Golden requests to a revision's pod, and its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

import aiohttp
import orjson

from modelway.decide.golden import Answer
from modelway.decide.golden_cases import Case
from modelway.manifests import runtime

from .bounded import Unanswered, request

SECONDS: Final = 10.0
LARGEST: Final = 8_000_000  # bytes of one answer
AT_A_TIME: Final = 2  # a candidate that has one pod shall not be slowed for its callers


async def answers(
    session: aiohttp.ClientSession,
    address: str,
    model: str,
    cases: Iterable[Case],
    headers: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> Mapping[str, Answer]:
    """The answer to each case by its name. ``address`` is a pod's, ``http://10.1.2.3:8080``, or a revision's Service's.

    The requests say that they are shadows, so that a stable pod answers them itself and nobody counts them.
    """
    url = f"{address}{runtime.MODELS_PATH}/{quote(model, safe='')}/infer"
    sent = {"Content-Type": "application/json", runtime.SHADOW_HEADER: "golden", **(headers or {})}
    turn = asyncio.Semaphore(AT_A_TIME)

    async def one(case: Case) -> tuple[str, Answer]:
        async with turn:
            return case.name, await _answer(session, url, orjson.dumps(case.request), sent, seconds)

    return dict(await asyncio.gather(*map(one, cases)))


async def _answer(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str], seconds: float
) -> Answer:
    answer = await request(session, "POST", url, seconds=seconds, largest=LARGEST, body=body, headers=headers)
    if isinstance(answer, Unanswered):
        return Answer(0, trouble=answer.why)
    try:
        return Answer(answer.status, answer.json())
    except ValueError:
        return Answer(answer.status, {"error": "an answer that is not JSON"})
