"""The signature gate: every request of today is accepted, and every reader of today finds what is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.decide.signature import compare
from modelway.measurement import Signature, Tensor

IMAGE, PROBABILITIES = Tensor("image", "FP32", (-1, 64)), Tensor("probabilities", "FP32", (-1, 10))
TODAY = Signature((IMAGE,), (PROBABILITIES,))
FIXED = Signature((Tensor("image", "FP32", (1, 64)),), (Tensor("probabilities", "FP32", (1, 10)),))


def takes(*inputs: Tensor) -> Signature:
    return Signature(inputs, (PROBABILITIES,))


def gives(*outputs: Tensor) -> Signature:
    return Signature((IMAGE,), outputs)


INCOMPATIBLE = (
    (TODAY, takes(Tensor("image", "FP32", (-1, 100))),
     "input 'image' takes FP32 [-1, 64] now and FP32 [-1, 100] in the candidate: requests of today would be refused"),
    (TODAY, takes(Tensor("image", "FP16", (-1, 64))), "takes FP32 [-1, 64] now and FP16 [-1, 64] in the candidate"),
    (TODAY, takes(Tensor("image", "FP32", (-1, 8, 8))), "takes FP32 [-1, 64] now and FP32 [-1, 8, 8]"),
    (TODAY, takes(Tensor("image", "FP32", (1, 64))), "requests of today of other sizes would be refused"),
    (TODAY, takes(Tensor("picture", "FP32", (-1, 64), optional=True)), "input 'image' (FP32 [-1, 64]) is gone in the"
     " candidate, which takes 'picture': requests of today that send it would be refused"),
    (TODAY, takes(IMAGE, Tensor("mask", "BOOL", (-1,))), "input 'mask' (BOOL [-1]) is new and required"),
    (takes(IMAGE, Tensor("mask", "BOOL", (-1,), optional=True)), takes(IMAGE, Tensor("mask", "BOOL", (-1,))),
     "input 'mask' may be left out now and is required in the candidate"),
    (TODAY, gives(), "output 'probabilities' (FP32 [-1, 10]) is gone in the candidate, which gives none"),
    (TODAY, gives(Tensor("probabilities", "FP64", (-1, 10))), "readers of today could not take it"),
    (TODAY, gives(Tensor("probabilities", "FP32", (10,))), "readers of today could not take it"),
    (TODAY, gives(Tensor("probabilities", "FP32", (-1, 11))), "readers of today rely on the size that it has now"),
    (TODAY, gives(Tensor("probabilities", "FP32", (-1, -1))), "readers of today rely on the size that it has now"),
    (TODAY, gives(Tensor("probabilities", "FP32", (-1, 10), optional=True)), "may be missing from the candidate's"),
)  # fmt: skip

COMPATIBLE = (
    (TODAY, TODAY, None),
    (TODAY, takes(Tensor("image", "FP32", (-1, -1))), "it accepts more than today"),
    (TODAY, takes(IMAGE, Tensor("mask", "BOOL", (-1,), optional=True)), "is new and may be left out"),
    (TODAY, takes(Tensor("image", "FP32", (-1, 64), optional=True)), "may be left out in the candidate"),
    (TODAY, gives(PROBABILITIES, Tensor("label", "INT64", (-1,))), "output 'label' (INT64 [-1]) is new"),
    (TODAY, gives(Tensor("label", "INT64", (-1,)), PROBABILITIES), "is new"),
    (gives(PROBABILITIES, Tensor("label", "INT64", (-1,))), gives(Tensor("label", "INT64", (-1,)), PROBABILITIES),
     "the outputs come in another order, 'label', 'probabilities'"),
    (TODAY, gives(Tensor("probabilities", "FP32", (1, 10))), "it always has the same"),
    (FIXED, TODAY, "the size follows the input's"),
)  # fmt: skip


@pytest.mark.parametrize(("stable", "candidate", "said"), INCOMPATIBLE, ids=range(len(INCOMPATIBLE)))
def test_what_would_break_someone(stable: Signature, candidate: Signature, said: str) -> None:
    found = compare(stable, candidate)
    assert not found.compatible
    assert len(found.differences) == 1
    assert said in found.differences[0]


@pytest.mark.parametrize(("stable", "candidate", "said"), COMPATIBLE, ids=range(len(COMPATIBLE)))
def test_what_breaks_nobody(stable: Signature, candidate: Signature, said: str | None) -> None:
    found = compare(stable, candidate)
    assert found.compatible, found.differences
    assert any(said in note for note in found.notes) if said else not found.notes


def test_every_difference_is_told() -> None:
    found = compare(TODAY, Signature((Tensor("image", "FP16", (-1, 64)), Tensor("mask", "BOOL", (1,))), ()))
    assert len(found.differences) == 3


TENSORS = st.lists(
    st.builds(
        Tensor,
        st.sampled_from("abc"),
        st.sampled_from(["FP32", "INT64"]),
        st.lists(st.sampled_from([-1, 1, 2]), max_size=2).map(tuple),
        st.booleans(),
    ),
    max_size=3,
    unique_by=lambda tensor: tensor.name,
).map(tuple)
SIGNATURES = st.builds(Signature, TENSORS, TENSORS)


def accepts(signature: Signature, request: dict[str, tuple[str, tuple[int, ...]]]) -> bool:
    """Whether a model of that signature takes a request of name → (datatype, shape)."""
    known = {tensor.name: tensor for tensor in signature.inputs}
    if not set(request) <= set(known) or any(not each.optional and each.name not in request for each in known.values()):
        return False
    return all(
        datatype == known[name].datatype
        and len(shape) == len(known[name].shape)
        and all(want in (-1, got) for want, got in zip(known[name].shape, shape, strict=True))
        for name, (datatype, shape) in request.items()
    )


REQUESTS = st.dictionaries(
    st.sampled_from("abc"),
    st.tuples(st.sampled_from(["FP32", "INT64"]), st.lists(st.sampled_from([1, 2, 3]), max_size=2).map(tuple)),
    max_size=3,
)


@given(SIGNATURES, SIGNATURES, REQUESTS)
def test_compatible_means_that_every_request_of_today_is_accepted(
    stable: Signature, candidate: Signature, request: dict[str, tuple[str, tuple[int, ...]]]
) -> None:
    if compare(stable, candidate).compatible and accepts(stable, request):
        assert accepts(candidate, request)


@given(SIGNATURES)
def test_a_signature_is_compatible_with_itself(signature: Signature) -> None:
    assert compare(signature, signature).compatible
    assert not compare(signature, signature).notes


@given(SIGNATURES, SIGNATURES, SIGNATURES)
def test_inputs_stay_compatible_over_two_versions(a: Signature, b: Signature, c: Signature) -> None:
    a, b, c = (Signature(each.inputs, ()) for each in (a, b, c))
    if compare(a, b).compatible and compare(b, c).compatible:
        assert compare(a, c).compatible
