"""Several requests as one, and the answer taken apart again."""

from collections.abc import Sequence

import numpy as np

from modelserver.errors import InternalError
from modelserver.inference import Array, Inference, Outputs


def joined(inferences: Sequence[Inference]) -> dict[str, Array]:
    """The inputs of requests of one kind, one behind the other along the first axis."""
    return {name: np.concatenate([one.inputs[name] for one in inferences]) for name in inferences[0].inputs}


def parted(outputs: Outputs, rows: Sequence[int]) -> list[Outputs]:
    """Each request's share of the outputs, as views. Raises InternalError where the rows do not add up."""
    total = sum(rows)
    for spec, array in outputs:
        if array.ndim == 0 or array.shape[0] != total:
            raise InternalError(f"Output '{spec.name}' has shape {list(array.shape)} for a batch of {total} rows.")
    parts: list[Outputs] = []
    start = 0
    for count in rows:
        parts.append([(spec, array[start : start + count]) for spec, array in outputs])
        start += count
    return parts
