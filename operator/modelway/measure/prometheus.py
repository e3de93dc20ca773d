"""One number out of Prometheus.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/, "Instant queries": ``GET /api/v1/query`` answers
``{"status": "success", "data": {"resultType": "scalar" | "vector" | …, "result": …}}``. Thanos, Mimir and
VictoriaMetrics do the same.
"""

from __future__ import annotations

import asyncio
from math import isfinite
from pathlib import Path
from typing import Any, Final

import aiohttp

from .bounded import Unanswered, request

SECONDS: Final = 5.0
LARGEST: Final = 100_000  # bytes: one sample is 200
LONGEST_TOKEN: Final = 64_000
QUERY_PATH: Final = "/api/v1/query"


async def ask(
    session: aiohttp.ClientSession, address: str, query: str, token_file: Path | None = None, seconds: float = SECONDS
) -> float | str:
    """The number that the query gives now, or a sentence that says why there is none.

    The token file is read each time, for tokens change. Give one only with an address of the operator's own settings:
    an address out of a resource is a user's choice, and the token would be the user's.
    """
    headers = {}
    if token_file is not None:
        try:
            headers["Authorization"] = f"Bearer {await asyncio.to_thread(_token, token_file)}"
        except (OSError, ValueError) as error:
            return f"The token for Prometheus can't be read from {token_file}: {error}."
    url = address.rstrip("/") + QUERY_PATH
    answer = await request(
        session, "GET", url, seconds=seconds, largest=LARGEST, query={"query": query}, headers=headers
    )
    if isinstance(answer, Unanswered):
        if answer.why.startswith("answers with more"):
            return "The query gives many samples, where one is wanted. Aggregate it, for example with sum()."
        return f"Prometheus at {address} {answer.why}."
    try:
        document = answer.json()
    except ValueError:
        return f"Prometheus at {address} answers {answer.status} and no JSON. Is that its address?"
    return number(document, answer.status)


def number(document: Any, status: int = 200) -> float | str:
    """The one number in a decoded answer, or a sentence that says why there is none."""
    if not isinstance(document, dict) or document.get("status") != "success":
        said = document.get("error") if isinstance(document, dict) else None
        return f"Prometheus answers {status}: {str(said)[:200] if said else 'no success, and no error in words'}."
    data = document.get("data")
    kind, result = (data.get("resultType"), data.get("result")) if isinstance(data, dict) else (None, None)
    if kind == "scalar":
        return _value(result)
    if kind != "vector" or not isinstance(result, list):
        return f"The query gives a {str(kind)[:20]}, where a scalar or a vector with one sample is wanted."
    if not result:
        return (
            "The query finds no samples. Does the metric exist, and do its labels match? If none means 0, add: or"
            " vector(0)."
        )
    if len(result) > 1:
        return f"The query gives {len(result)} samples, where one is wanted. Aggregate it, for example with sum()."
    return _value(result[0].get("value") if isinstance(result[0], dict) else None)


def _value(pair: Any) -> float | str:
    """The number of ``[time, "number"]``."""
    try:
        value = float(pair[1])
    except (TypeError, ValueError, LookupError):
        return "Prometheus answers with a sample that holds no number."
    return value if isfinite(value) else f"The query gives {value}, which is no number to compare: 0 / 0, or x / 0."


def _token(path: Path) -> str:
    with path.open() as file:
        token = file.read(LONGEST_TOKEN).strip()
    if not token.isascii() or not token.isprintable() or not token:
        raise ValueError("it is empty or holds more than one line")
    return token
