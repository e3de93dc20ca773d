"""What the client programs share: a call, what is expected of it, and what came of it.

Imports nothing of the project and nothing that is installed: the programs also run in environments of their own.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

CALL_SECONDS = 30
WORDS = 200  # of a refusal that are handed on


@dataclass(frozen=True)
class Call:
    """`do(client)` raises AssertionError where the answer is not the right one.

    `refused`: words that must be in the refusal, None where an answer is expected.
    """

    name: str
    do: Callable[[Any], Awaitable[None]]
    refused: str | None = None


@dataclass(frozen=True)
class Outcome:
    """`kind` is "answered", "refused" (by the client's own exception, as its documentation says) or "broken"."""

    call: str
    kind: str
    words: str
    expected: bool


async def outcome(call: Call, client: Any, refusal: type[BaseException]) -> Outcome:
    try:
        await asyncio.wait_for(call.do(client), CALL_SECONDS)
    except refusal as told:
        words = str(told)
        right = call.refused is not None and call.refused in words
        return Outcome(call.name, "refused", words[:WORDS], right)
    except Exception as broken:
        return Outcome(call.name, "broken", f"{type(broken).__name__}: {broken}"[:WORDS], False)
    return Outcome(call.name, "answered", "", call.refused is None)


async def tell(calls: Iterable[Call], client: Any, refusal: type[BaseException]) -> None:
    """Make the calls, one after the other, and print what came of each as a line of JSON."""
    for call in calls:
        print(json.dumps(asdict(await outcome(call, client, refusal))), flush=True)


def addresses() -> dict[str, dict[str, str]]:
    """Where each model is served: {model: {"http": "host:port", "grpc": "host:port"}}, the program's last argument."""
    told: dict[str, dict[str, str]] = json.loads(sys.argv[-1])
    return told
