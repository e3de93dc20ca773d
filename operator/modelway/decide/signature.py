"""May a candidate take the place of the stable revision as far as its inputs and outputs go?

Compatible means: every request that stable accepts the candidate accepts too, and everything that a reader finds in
stable's answers is in the candidate's, of the same datatype and of dimensions that the reader can take. It is the rule
of subtypes (Liskov and Wing 1994): wider in what goes in, narrower in what comes out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelway.measurement import Signature, Tensor
from modelway.measurement.report import ANY


@dataclass(frozen=True, slots=True)
class Compatibility:
    """``differences`` say what would break, without a full stop; ``notes`` what changed and breaks nothing."""

    compatible: bool
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Said:
    """One remark about a change."""

    text: str
    breaks: bool = True


def compare(stable: Signature, candidate: Signature) -> Compatibility:
    """Whether the candidate may replace stable, with each difference explained."""
    said = (*_inputs(stable, candidate), *_outputs(stable, candidate))
    differences = tuple(each.text for each in said if each.breaks)
    return Compatibility(not differences, differences, tuple(each.text for each in said if not each.breaks))


def _inputs(stable: Signature, candidate: Signature) -> Iterator[_Said]:
    now = {tensor.name: tensor for tensor in stable.inputs}
    then = {tensor.name: tensor for tensor in candidate.inputs}
    for name, old in now.items():
        if name in then:
            yield from _input(old, then[name])
        else:
            yield _Said(
                f"input '{name}' ({old}) is gone in the candidate, which takes {_names(candidate.inputs)}:"
                " requests of today that send it would be refused"
            )
    for name, new in then.items():
        if name not in now and new.optional:
            yield _Said(f"input '{name}' ({new}) is new and may be left out", breaks=False)
        elif name not in now:
            yield _Said(
                f"input '{name}' ({new}) is new and required in the candidate: requests of today, which do not send it,"
                " would be refused"
            )


def _input(old: Tensor, new: Tensor) -> Iterator[_Said]:
    both = f"input '{old.name}' takes {old} now and {new} in the candidate"
    if old.optional and not new.optional:
        yield _Said(
            f"input '{old.name}' may be left out now and is required in the candidate: requests of today without it"
            " would be refused"
        )
    elif new.optional and not old.optional:
        yield _Said(f"input '{old.name}' is required now and may be left out in the candidate", breaks=False)
    if new.datatype != old.datatype or len(new.shape) != len(old.shape):
        yield _Said(f"{both}: requests of today would be refused")
        return
    narrower = [size for size, then in zip(old.shape, new.shape, strict=True) if then not in (ANY, size)]
    if narrower:
        which = " of other sizes" if set(narrower) == {ANY} else ""
        yield _Said(f"{both}: requests of today{which} would be refused")
    elif new.shape != old.shape:
        yield _Said(f"{both}: it accepts more than today", breaks=False)


def _outputs(stable: Signature, candidate: Signature) -> Iterator[_Said]:
    then = {tensor.name: tensor for tensor in candidate.outputs}
    freed = _freed(stable, candidate)
    for old in stable.outputs:
        if old.name in then:
            yield from _output(old, then[old.name], freed)
        else:
            yield _Said(
                f"output '{old.name}' ({old}) is gone in the candidate, which gives {_names(candidate.outputs)}:"
                " readers of today would not find it"
            )
    known = {tensor.name for tensor in stable.outputs}
    for new in candidate.outputs:
        if new.name not in known:
            yield _Said(f"output '{new.name}' ({new}) is new: readers of today overlook it", breaks=False)
    kept = [tensor.name for tensor in candidate.outputs if tensor.name in known]
    if kept != [tensor.name for tensor in stable.outputs if tensor.name in then]:
        yield _Said(
            f"the outputs come in another order, {_names(candidate.outputs)}: read them by name, not by place",
            breaks=False,
        )


def _output(old: Tensor, new: Tensor, freed: frozenset[int]) -> Iterator[_Said]:
    both = f"output '{old.name}' is {old} now and {new} in the candidate"
    if new.optional and not old.optional:
        yield _Said(
            f"output '{old.name}' is in every answer now and may be missing from the candidate's: readers of today"
            " would not find it"
        )
    if new.datatype != old.datatype or len(new.shape) != len(old.shape):
        yield _Said(f"{both}: readers of today could not take it")
        return
    pairs = [pair for pair in zip(old.shape, new.shape, strict=True) if pair[0] != pair[1]]
    if any(size != ANY and not (then == ANY and size in freed) for size, then in pairs):
        yield _Said(f"{both}: readers of today rely on the size that it has now")
    elif any(size != ANY for size, _ in pairs):
        yield _Said(f"{both}: the size follows the input's, which requests of today leave as it is", breaks=False)
    elif pairs:
        yield _Said(f"{both}: of the sizes that it may have now, it always has the same", breaks=False)


def _freed(stable: Signature, candidate: Signature) -> frozenset[int]:
    """Sizes that inputs had to have and need no more. An output's dimension of such a size that became free as well
    follows the input's: a model exported anew with a free batch, from [1, 64] → [1, 10] to [-1, 64] → [-1, 10], gives
    today's requests what they get today."""
    then = {tensor.name: tensor.shape for tensor in candidate.inputs}
    return frozenset(
        size
        for old in stable.inputs
        for size, new in zip(old.shape, then.get(old.name, ()), strict=False)
        if size != ANY and new == ANY
    )


def _names(tensors: tuple[Tensor, ...]) -> str:
    return ", ".join(f"'{tensor.name}'" for tensor in tensors) or "none"
