"""Which way a request goes: shares are exact and follow no pattern, sticky keys stay, pins win."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from modelserver.traffic.document import WHOLE, Address, Candidate, Document, Pin
from modelserver.traffic.share import Asked, Dealt, next_in_share, step_of, to_candidate

TO = Candidate("81ab", Address("candidate", 8080))
KEYS = [str(number).encode() for number in range(20_000)]


DEALT = Dealt(0, 17)
DICE = st.one_of(st.integers(0, 2**32).map(Random), st.sampled_from([0, 1, WHOLE // 2, WHOLE - 1]))


def row(share: int, length: int, die: Random | int) -> list[bool]:
    """The decisions for so many requests, one after the other; a number is a die that shows nothing else."""

    def drawn() -> int:
        return die if isinstance(die, int) else die.randrange(WHOLE)

    found, dealt = [], Dealt(0, drawn())
    for _ in range(length):
        chosen, dealt = next_in_share(share, dealt, drawn())
        assert dealt.owed in (0, 1)
        found.append(chosen)
    return found


@given(st.sampled_from([1, 2, 4, 5, 10, 20, 50]), st.integers(0, 30), DICE)
def test_of_each_hundred_exactly_the_percentage_where_it_divides(
    percent: int, hundreds: int, die: Random | int
) -> None:
    assert sum(row(percent * 100, hundreds * 100, die)) == percent * hundreds


@given(st.integers(0, WHOLE), st.integers(1, 700), DICE)
def test_the_first_so_many_have_their_share_but_for_less_than_two(share: int, length: int, die: Random | int) -> None:
    assert abs(sum(row(share, length, die)) - share * length / WHOLE) < 2


@given(st.integers(0, WHOLE), st.integers(1, 700), st.integers(0, 300), DICE)
def test_any_row_has_its_share_but_for_less_than_three(share: int, length: int, start: int, die: Random | int) -> None:
    assert abs(sum(row(share, start + length, die)[start:]) - share * length / WHOLE) < 3


@given(DICE)
def test_nothing_and_all(die: Random | int) -> None:
    assert not any(row(0, 1000, die))
    assert all(row(WHOLE, 1000, die))


@given(st.integers(0, 2**32))
def test_requests_that_come_in_a_pattern_have_their_share_each(seed: int) -> None:
    """Four images in turn at 25%: a counter without a die would send the candidate always the same one."""
    chosen = row(2500, 4000, Random(seed))
    assert all(175 < sum(chosen[image::4]) < 325 for image in range(4))


def test_sticky_keys_stay_at_a_higher_weight_and_are_a_fair_share() -> None:
    document = Document(1, candidate=TO, weight=1000)
    there = {key for key in KEYS if to_candidate(Asked(sticky=key), document, DEALT, 0)[0]}
    more = {key for key in KEYS if to_candidate(Asked(sticky=key), Document(1, candidate=TO, weight=2500), DEALT, 0)[0]}
    assert there < more
    assert abs(len(there) / len(KEYS) - 0.10) < 0.01
    assert abs(len(more) / len(KEYS) - 0.25) < 0.01


def test_another_candidate_deals_the_keys_anew() -> None:
    both = Counter((step_of(key, "81ab") < 1000, step_of(key, "92bc") < 1000) for key in KEYS)
    assert abs(both[True, True] / len(KEYS) - 0.01) < 0.005


def test_a_key_s_place_never_changes() -> None:
    assert step_of(b"alice", "81ab") == 2971  # in every pod and every release


def test_the_order_of_the_rules() -> None:
    nothing = Document(1, candidate=TO, weight=0, pins=(Pin(b"x", b"y"),), sticky=b"z")
    everything = Document(1, candidate=TO, weight=WHOLE)
    assert to_candidate(Asked(pinned=True), nothing, DEALT, 0) == (True, DEALT)
    assert to_candidate(Asked(pinned=True, sticky=b"k"), nothing, DEALT, 0) == (True, DEALT)
    assert to_candidate(Asked(settled=True, pinned=True), everything, DEALT, 0) == (False, DEALT)
    assert to_candidate(Asked(sticky=b"k"), everything, DEALT, 0) == (True, DEALT)
    assert to_candidate(Asked(), everything, DEALT, 0)[0]
    assert to_candidate(Asked(pinned=True), Document(1), DEALT, 0) == (False, DEALT)
