"""The end of a server's life, as a plain function of what is known: when to stop accepting, when to leave.

Zero dropped requests is the promise. After SIGTERM the news needs seconds to reach every node's rules and every
client's pool, so the server goes on accepting and answering, each answer with `connection: close`. While newcomers
are expected, nobody else is there to answer them, and the server stays for longer.
"""

from dataclasses import dataclass
from enum import Enum

from modelserver.settings import ServeSettings

QUIET_SECONDS = 1.0  # without any connection coming or going: nobody is on the way any more


class Step(Enum):
    """What to do now."""

    ANSWER = "accept and answer everybody"
    FINISH = "accept nobody, close idle connections, finish what has begun"
    LEAVE = "exit"


@dataclass(frozen=True, slots=True)
class Draining:
    """Times in seconds by one clock. `hurried`: when a second SIGTERM or a SIGINT came."""

    since: float
    hurried: float | None = None


def next_step(
    draining: Draining,
    now: float,
    settings: ServeSettings,
    connections: int,
    busy: int,
    last_seen: float,
    newcomers: bool = False,
) -> Step:
    """`busy` of the `connections` have a request under way; `last_seen` is when the last one came or went;
    `newcomers`: whether more of them are expected."""
    alone = newcomers and settings.drain_alone_seconds > 0
    deadline = draining.since + settings.drain_seconds + (settings.drain_alone_seconds if alone else 0)
    if draining.hurried is not None:
        deadline = min(deadline, draining.hurried)
    if now >= deadline:
        grace_is_over = now >= deadline + settings.drain_grace_seconds
        return Step.LEAVE if busy == 0 or grace_is_over else Step.FINISH
    long_enough = now >= draining.since + min(settings.drain_min_seconds, settings.drain_seconds)
    quiet = not alone and connections == 0 and now >= last_seen + QUIET_SECONDS
    return Step.LEAVE if long_enough and quiet else Step.ANSWER
