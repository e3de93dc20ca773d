"""Whether a live object holds what was sent: the API server and others may have added to it."""

from __future__ import annotations

from typing import Any, Final

from modelway.api.field import amount

_QUANTITIES: Final = frozenset({"requests", "limits", "emptyDir"})  # below these keys "0.5" and "500m" are the same
_WHOLE: Final = frozenset({"parentRefs", "hostnames", "rules", "matches", "headers", "backendRefs"})
# of routes, whose lists are ours alone


def covers(live: Any, wanted: Any, below: str = "") -> bool:
    """Whether ``live`` holds all of ``wanted``; lists are compared place by place, quantities by their amount. A list
    may be longer than what was sent, but for those that are ours as a whole."""
    if live == wanted:  # whole parts at once where the API server filled nothing in: a third of a decision's time
        return True
    if isinstance(wanted, dict):
        if not wanted:
            return True
        return isinstance(live, dict) and all(
            live.get(key) == value or covers(live.get(key), value, _scope(key, below)) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        if not wanted:
            return below not in _WHOLE or not live
        return (
            isinstance(live, list)
            and (len(live) == len(wanted) or (len(live) > len(wanted) and below not in _WHOLE))
            and all(a == b or covers(a, b, below) for a, b in zip(live, wanted, strict=False))
        )
    return below in _QUANTITIES and _same_amount(live, wanted)


def _scope(key: str, below: str) -> str:
    return below if below in _QUANTITIES else key


def _same_amount(live: Any, wanted: Any) -> bool:
    try:
        return amount(live) == amount(wanted)
    except ValueError:
        return False
