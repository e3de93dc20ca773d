"""bfloat16: the upper half of a float32's bits. NumPy has no such type, so tensors of it travel as uint16."""

import numpy as np

from modelserver.inference import Array

NAN = 0x7FC0


def widen(array: Array) -> Array:
    """Bit patterns (uint16) → the same numbers as float32, exactly."""
    return (array.astype(np.uint32) << 16).view(np.float32).reshape(array.shape)


def narrow(numbers: Array) -> tuple[Array, Array]:
    """float32 → (bit patterns, whether each number is exactly that). Inexact ones are cut off towards zero."""
    bits = numbers.view(np.uint32)
    missing = np.isnan(numbers)
    return np.where(missing, np.uint32(NAN), bits >> 16).astype(np.uint16), ((bits & 0xFFFF) == 0) | missing
