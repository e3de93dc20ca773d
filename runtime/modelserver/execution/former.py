"""Which of the waiting requests make the next batch: a plain function of what waits.

There is no timer: whatever has come while the session was busy is there to be taken when it is free.
"""

from collections.abc import Hashable, Iterable
from typing import NamedTuple

from modelserver.inference import Inference


class Load(NamedTuple):
    """What matters of a waiting request: requests of one `kind` may run together, None means alone."""

    kind: Hashable
    rows: int


def load_of(inference: Inference) -> Load:
    """Same inputs, same shapes behind the first axis, same requested outputs: the same kind.

    Alone run requests without rows, scalars, and inputs whose numbers of rows differ: their rows can't be told apart.
    """
    shapes = [array.shape for array in inference.inputs.values()]
    rows = {shape[0] if shape else 0 for shape in shapes}
    if len(rows) != 1 or 0 in rows:
        return Load(None, 1)
    wanted = None if inference.outputs is None else tuple(spec.name for spec in inference.outputs)
    return Load((frozenset((name, array.shape[1:]) for name, array in inference.inputs.items()), wanted), rows.pop())


def next_batch(waiting: Iterable[Load], max_rows: int) -> list[int]:
    """Positions in `waiting` (oldest first) that run next; empty only if nothing waits.

    The oldest always goes, even with more than `max_rows`, so what stands at position p is run by the p+1st batch at
    the latest. Others of its kind join in their order; the first that does not fit closes the batch, for a smaller
    one behind it must not overtake it.
    """
    chosen: list[int] = []
    kind: Hashable = None
    room = 0
    for position, load in enumerate(waiting):
        if not chosen:
            chosen, kind, room = [position], load.kind, max_rows - load.rows
        elif load.kind == kind:
            if load.rows > room:
                break
            chosen.append(position)
            room -= load.rows
        if kind is None or room <= 0:
            break
    return chosen
