"""Whether a declared shape can be: settled with plain integers, before anything of that size is allocated."""

from math import prod

from modelserver.errors import InvalidTensor
from modelserver.tensors import TensorSpec

MOST_ELEMENTS = 2**58  # times the 16 bytes of the widest number, still an address of 63 bits


def element_count(spec: TensorSpec, shape: tuple[int, ...]) -> int:
    """How many elements `shape` (sizes ≥ 0) has; raises InvalidTensor where the model does not take it."""
    if not spec.accepts(shape):
        raise InvalidTensor(f"Input '{spec.name}' has shape {list(shape)}, but the model takes {list(spec.shape)}.")
    count = prod(shape)
    # An empty tensor too: NumPy and ONNX Runtime multiply the sizes that are not zero.
    if count > MOST_ELEMENTS or (count == 0 and prod(size or 1 for size in shape) > MOST_ELEMENTS):
        raise InvalidTensor(f"Input '{spec.name}' has shape {list(shape)}, which is larger than any memory.")
    return count
