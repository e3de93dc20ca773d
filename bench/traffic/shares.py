"""The share that the candidate got against the weight that was asked, as each kind of client sees it."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.traffic.callers import Caller
from bench.traffic.pair import CANDIDATE, Pair

WEIGHTS = (0, 1, 5, 25, 50, 100)
REQUESTS = 2000
TOLERANCE = 1.0  # points


@dataclass(frozen=True)
class Measured:
    """`got` is the candidate's part of the answers, in percent, by kind of client."""

    weight: int
    got: dict[str, float]

    @property
    def right(self) -> bool:
        return all(abs(share - self.weight) <= TOLERANCE for share in self.got.values())


def measure(both: Pair, callers: dict[str, Callable[[], Caller]]) -> list[Measured]:
    """`REQUESTS` of each kind of client, with one connection for all and with one for each, at each weight."""
    found = []
    for weight in WEIGHTS:
        got = {}
        for name, connect in callers.items():
            both.apply(weight=weight)
            one = connect()
            got[f"{name}, kept alive"] = _share(one.ask)
            one.close()
            got[f"{name}, new connections"] = _share(lambda connect=connect: _anew(connect))  # type: ignore[misc]
        found.append(Measured(weight, got))
    return found


def table(found: list[Measured]) -> list[str]:
    """In Markdown."""
    names = list(found[0].got)
    lines = [f"| weight | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    lines += [f"| {one.weight}% | {' | '.join(f'{one.got[name]:g}%' for name in names)} |" for one in found]
    return lines


def _share(ask: Callable[[], str]) -> float:
    return 100 * sum(ask() == CANDIDATE for _ in range(REQUESTS)) / REQUESTS


def _anew(connect: Callable[[], Caller]) -> str:
    one = connect()
    try:
        return one.ask()
    finally:
        one.close()
