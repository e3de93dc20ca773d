"""Which way a request goes: shares are exact in every window, sticky keys stay, pins win."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from modelserver.traffic.document import WHOLE, Address, Candidate, Document, Pin
from modelserver.traffic.share import HALF, Asked, next_in_share, step_of, to_candidate

TO = Candidate("81ab", Address("candidate", 8080))
KEYS = [str(number).encode() for number in range(20_000)]


def row(share: int, length: int, carried: int = HALF) -> list[bool]:
    """The decisions for so many requests, one after the other."""
    found = []
    for _ in range(length):
        chosen, carried = next_in_share(share, carried)
        found.append(chosen)
    return found


@given(st.integers(0, 100), st.integers(0, WHOLE - 1), st.integers(0, 500))
def test_any_hundred_in_a_row_have_exactly_the_whole_percentage(percent: int, carried: int, start: int) -> None:
    assert sum(row(percent * 100, start + 100, carried)[start:]) == percent


@given(st.integers(0, WHOLE), st.integers(1, 700), st.integers(0, 300))
def test_any_row_has_its_share_but_for_less_than_one_request(share: int, length: int, start: int) -> None:
    assert abs(sum(row(share, start + length)[start:]) - share * length / WHOLE) < 1


def test_nothing_and_all() -> None:
    assert not any(row(0, 1000))
    assert all(row(WHOLE, 1000))


def test_a_small_share_is_spread_out() -> None:
    places = [place for place, chosen in enumerate(row(500, 1000)) if chosen]
    assert {later - earlier for earlier, later in pairwise(places)} == {20}


def test_sticky_keys_stay_at_a_higher_weight_and_are_a_fair_share() -> None:
    document = Document(1, candidate=TO, weight=1000)
    there = {key for key in KEYS if to_candidate(Asked(sticky=key), document, 0)[0]}
    more = {key for key in KEYS if to_candidate(Asked(sticky=key), Document(1, candidate=TO, weight=2500), 0)[0]}
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
    assert to_candidate(Asked(pinned=True), nothing, 17) == (True, 17)
    assert to_candidate(Asked(pinned=True, sticky=b"k"), nothing, 17) == (True, 17)
    assert to_candidate(Asked(settled=True, pinned=True), everything, 17) == (False, 17)
    assert to_candidate(Asked(sticky=b"k"), everything, 17) == (True, 17)
    assert to_candidate(Asked(), everything, 17) == (True, 17)
    assert to_candidate(Asked(pinned=True), Document(1), 17) == (False, 17)
