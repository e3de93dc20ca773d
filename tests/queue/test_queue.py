"""The work queue's contract, with a clock that the test moves."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.queue import FIRST_BACK_OFF, LONGEST_BACK_OFF, Priority, Queue


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def queue_and_clock() -> tuple[Queue[str], Clock]:
    clock = Clock()
    return Queue(clock, lambda: 0.5), clock


def taken(queue: Queue[str]) -> list[str]:
    keys = []
    while item := queue.take():
        keys.append(item[0])
    return keys


def test_a_key_that_is_added_twice_is_taken_once() -> None:
    queue, _ = queue_and_clock()
    queue.add("a")
    queue.add("a")
    assert taken(queue) == ["a"]


def test_a_key_that_changes_while_it_is_worked_on_comes_again_afterwards_and_not_before() -> None:
    queue, _ = queue_and_clock()
    queue.add("a")
    assert taken(queue) == ["a"]
    queue.add("a")
    assert taken(queue) == []
    queue.done("a")
    assert taken(queue) == ["a"]


def test_users_come_before_changes_and_changes_before_the_resync() -> None:
    queue, _ = queue_and_clock()
    queue.add("resync", Priority.RESYNC)
    queue.add("change")
    queue.add("user", Priority.USER)
    assert taken(queue) == ["user", "change", "resync"]


def test_a_waiting_key_moves_up_but_never_down() -> None:
    queue, _ = queue_and_clock()
    queue.add("first")
    queue.add("second", Priority.RESYNC)
    queue.add("second", Priority.USER)
    queue.add("second", Priority.RESYNC)
    assert taken(queue) == ["second", "first"]


def test_a_timer_rings_when_it_is_due() -> None:
    queue, clock = queue_and_clock()
    queue.add_after("a", 5.0)
    clock.now = 4.9
    assert taken(queue) == []
    clock.now = 5.0
    assert taken(queue) == ["a"]


def test_of_several_timers_the_earliest_counts() -> None:
    queue, clock = queue_and_clock()
    queue.add_after("a", 5.0)
    queue.add_after("a", 9.0)
    queue.add_after("a", 2.0)
    assert queue.next_due() == 2.0
    clock.now = 20.0
    assert taken(queue) == ["a"]
    queue.done("a")
    assert queue.next_due() is None


def test_a_look_fulfils_the_timer() -> None:
    queue, _ = queue_and_clock()
    queue.add_after("a", 5.0)
    queue.add("a")
    assert taken(queue) == ["a"]
    assert queue.next_due() is None


def test_back_off_doubles_up_to_a_bound_and_ends_with_success() -> None:
    queue, _ = queue_and_clock()
    delays = []
    for _ in range(14):
        queue.add("a")
        queue.take()
        delays.append(queue.retry("a"))
        queue.done("a")
    assert delays[:3] == [FIRST_BACK_OFF, 2 * FIRST_BACK_OFF, 4 * FIRST_BACK_OFF]
    assert delays[-1] == LONGEST_BACK_OFF
    queue.succeeded("a")
    assert queue.retry("a") == FIRST_BACK_OFF


def test_back_off_waits_at_least_as_long_as_the_server_asked() -> None:
    queue, _ = queue_and_clock()
    assert queue.retry("a", at_least=7.0) == 7.0


def test_a_user_ends_the_wait_of_a_back_off() -> None:
    queue, _ = queue_and_clock()
    queue.retry("a", at_least=300)
    queue.add("a", Priority.USER)
    assert taken(queue) == ["a"]


def test_a_forgotten_key_leaves_no_timer() -> None:
    queue, clock = queue_and_clock()
    queue.retry("a")
    queue.forget("a")
    clock.now = 1000.0
    assert taken(queue) == []
    assert queue.failures("a") == 0


def test_timers_that_are_replaced_do_not_pile_up() -> None:
    queue, _ = queue_and_clock()
    for _ in range(10_000):
        queue.add_after("a", 600.0)
        queue.add("a")
        queue.take()
        queue.done("a")
    assert len(queue._timers) < 200


def test_the_waiter_wakes_for_a_key_and_for_a_timer() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        queue: Queue[str] = Queue(loop.time, lambda: 0.5)
        queue.add_after("later", 0.02)
        loop.call_later(0.005, queue.add, "soon")
        await queue.wait()
        assert taken(queue) == ["soon"]
        await queue.wait()
        assert taken(queue) == ["later"]

    asyncio.run(scenario())


def test_a_timer_whose_time_has_come_wakes_the_waiter_once() -> None:
    """All workers busy and a timer due: the waiter once went round and round, at 40 ms of CPU an object."""

    async def scenario() -> None:
        queue, clock = queue_and_clock()
        queue.add_after("due", 1.0)
        clock.now = 2.0
        await asyncio.wait_for(queue.wait(), 1)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(queue.wait(), 0.02)
        assert taken(queue) == ["due"]

    asyncio.run(scenario())


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["add", "urgent", "after", "take", "done", "tick"]), st.sampled_from("abc")), max_size=60
)


@given(OPERATIONS)
def test_no_wish_is_ever_lost_and_no_key_is_taken_twice_at_a_time(operations: list[tuple[str, str]]) -> None:
    queue, clock = queue_and_clock()
    running: set[str] = set()
    wished: set[str] = set()
    for operation, key in operations:
        if operation in ("add", "urgent"):
            queue.add(key, Priority.USER if operation == "urgent" else Priority.CHANGE)
            wished.add(key)
        elif operation == "after":
            queue.add_after(key, 1.0)
            wished.add(key)
        elif operation == "take" and (item := queue.take()):
            assert item[0] not in running
            running.add(item[0])
            wished.discard(item[0])
        elif operation == "done" and key in running:
            running.remove(key)
            queue.done(key)
        elif operation == "tick":
            clock.now += 0.6
    for key in sorted(running):
        queue.done(key)
    clock.now += 10
    assert set(taken(queue)) >= wished
