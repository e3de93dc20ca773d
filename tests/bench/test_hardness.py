"""The phases of `python -m bench.hardness`, in seconds: nobody who is honest notices the others."""

import pytest

from bench.hardness.phases import PHASES, Sizes, run

SMALL = Sizes(seconds=1.5, few=32, many=200, attackers=150, idle=500)
GROWTH_MB = 60.0  # of memory, in whatever phase


@pytest.mark.parametrize("name", PHASES)
def test_no_honest_request_fails_and_memory_is_bounded(name: str) -> None:
    result = run(name, SMALL)
    assert dict(result.errors) == {}
    assert result.requests > SMALL.few
    assert result.memory.peak - result.memory.before < GROWTH_MB
