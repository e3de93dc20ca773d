"""Which waiting requests make the next batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelserver.execution.former import Load, load_of, next_batch
from modelserver.inference import Answer, Inference, Outputs
from modelserver.tensors import DATATYPES, TensorSpec


def loads(*words: str) -> list[Load]:
    """`a2` is a request of kind a with two rows; `-1` is one that must run alone."""
    return [Load(None if word[0] == "-" else word[0], int(word[1:])) for word in words]


@pytest.mark.parametrize(
    ("told", "waiting", "expected"),
    [
        ("nothing waits", [], []),
        ("one alone does not wait for company", ["a1"], [0]),
        ("all that fit go together", ["a1", "a2", "a1"], [0, 1, 2]),
        ("what fills the batch is the end of it", ["a2", "a2", "a1"], [0, 1]),
        ("a smaller one does not overtake one that does not fit", ["a3", "a2", "a1"], [0]),
        ("the oldest says the kind; others of it come from behind", ["a1", "b1", "a1"], [0, 2]),
        ("one that is larger than a batch goes alone", ["a9", "a1"], [0]),
        ("one that must run alone does", ["-1", "a1", "-1"], [0]),
        ("and nobody takes it along", ["a1", "-1", "a1"], [0, 2]),
    ],
)
def test_the_next_batch(told: str, waiting: list[str], expected: list[int]) -> None:
    assert next_batch(loads(*waiting), 4) == expected, told


@given(
    st.lists(st.builds(Load, st.sampled_from([None, "a", "b"]), st.integers(1, 12)), max_size=40), st.integers(1, 10)
)
def test_everybody_is_run_once_and_the_oldest_first(waiting: list[Load], max_rows: int) -> None:
    left = list(enumerate(waiting))
    run: list[int] = []
    batches = 0
    while left:
        chosen = next_batch([load for _, load in left], max_rows)
        batch = [left[position] for position in chosen]
        assert chosen[0] == 0
        assert len({load.kind for _, load in batch}) == 1
        assert len(batch) == 1 or (batch[0][1].kind is not None and sum(load.rows for _, load in batch) <= max_rows)
        batches += 1
        assert all(batches <= number + 1 for number, _ in batch)  # nobody starves
        run += [number for number, _ in batch]
        left = [one for position, one in enumerate(left) if position not in chosen]
    assert sorted(run) == list(range(len(waiting)))
    for kind in ("a", "b"):
        of_kind = [number for number in run if waiting[number].kind == kind]
        assert of_kind == sorted(of_kind)


def inference(*shapes: tuple[int, ...], outputs: tuple[TensorSpec, ...] | None = None) -> Inference:
    def encode(outputs: Outputs) -> Answer:
        return Answer(b"")

    return Inference({f"x{i}": np.zeros(shape, np.float32) for i, shape in enumerate(shapes)}, outputs, encode)


def test_what_makes_requests_of_one_kind() -> None:
    y = TensorSpec("y", DATATYPES["FP32"], (-1, 3))
    assert load_of(inference((1, 4))).kind == load_of(inference((7, 4))).kind
    assert load_of(inference((7, 4))).rows == 7
    assert load_of(inference((1, 4))).kind != load_of(inference((1, 5))).kind
    assert load_of(inference((1, 4))).kind != load_of(inference((1, 4), outputs=(y,))).kind
    assert load_of(inference((1, 4))).kind != load_of(inference((1, 4), (1, 4))).kind


@pytest.mark.parametrize("shapes", [((),), ((0, 4),), ((2, 4), (3, 4)), ((2, 4), ())])
def test_requests_whose_rows_cannot_be_told_apart_run_alone(shapes: tuple[tuple[int, ...], ...]) -> None:
    assert load_of(inference(*shapes)).kind is None
