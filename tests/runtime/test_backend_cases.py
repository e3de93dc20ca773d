"""ONNX's own node tests over REST and gRPC, each fourth: the bytes of the bare session come back.

`python -m tests.runtime.backend_cases` runs them all.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.runtime import backend_cases
from tests.runtime.backend_cases import FORMS, SAME

EACH = 4
# What may be left out, and how much of it: a server that begins to refuse more is found here. Counted with onnx 1.23.
LEFT_OUT = {
    "ONNX Runtime does not load it": 100,
    "ONNX Runtime does not run it": 25,
    "a type that the protocols have no datatype for": 30,
    "ONNX Runtime answers something else": 10,
    "a sequence of tensors of several shapes": 5,
}


@pytest.fixture(scope="module")
def cases() -> list[Any]:
    return backend_cases.cases()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the cases divide by zero on purpose
def test_cases_that_onnx_runtime_passes_come_back_with_the_same_bytes(cases: list[Any], tmp_path: Path) -> None:
    told = backend_cases.tell(cases[::EACH], tmp_path)
    assert (told.refused, told.changed) == ({}, [])
    counts = {reason: len(names) for reason, names in told.left_out.items()}
    assert {reason: count for reason, count in counts.items() if count > LEFT_OUT.get(reason, 0)} == {}
    assert {form: told.forms[form][SAME] for form in FORMS if told.forms[form][SAME] < 310} == {}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_some_cases_with_a_server_process_each(cases: list[Any], tmp_path: Path) -> None:
    told = backend_cases.tell(cases[::300], tmp_path, serve=True)
    assert (told.refused, told.changed) == ({}, [])
    assert all(told.forms[form][SAME] > 2 for form in FORMS)
