"""The deliberate bugs of ``python -m tests.sim.mutants`` are bugs of the source as it is."""

from __future__ import annotations

import pytest

from tests.sim.mutants import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.bug)
def test_its_text_is_in_the_source_once(mutant: Mutant) -> None:
    text = (ROOT / "operator" / "modelway" / "decide" / mutant.file).read_text()
    assert text.count(mutant.before) == 1
