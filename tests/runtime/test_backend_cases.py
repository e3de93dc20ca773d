"""ONNX's own node tests, all of them, through JSON and binary tensors: the bytes of the bare session come back."""

from collections import Counter

import pytest

from tests.runtime import backend_cases
from tests.runtime.backend_cases import SAME

# What may be left out, and how much of it: a codec that begins to refuse more is found here. Counted with onnx 1.23.
LEFT_OUT = {
    "ONNX Runtime does not load it": 400,
    "ONNX Runtime does not run it": 100,
    "a type that the protocols have no datatype for": 120,
    "ONNX Runtime answers something else": 40,
    "random": 20,
    "a sequence of tensors of several shapes": 20,
    "bfloat16, which the bare session does not take as an array": 10,
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the cases divide by zero on purpose
def test_every_case_that_onnx_runtime_passes_comes_back_with_the_same_bytes() -> None:
    told = Counter(backend_cases.of(case) for case in backend_cases.cases())
    assert told.pop(SAME) >= 1300
    assert {reason: count for reason, count in told.items() if count > LEFT_OUT.get(reason, 0)} == {}
