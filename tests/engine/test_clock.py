"""A clock that somebody sets: what is to come is brought forward, and nothing else is changed."""

from __future__ import annotations

from datetime import timedelta

from agent.engine.clock import SetBack
from agent.engine.schedule import Schedule
from tests.engine.bench import ORDER, OTHER, THIRD, Bench, FakeClock


def test_only_a_clock_that_is_set_back_counts() -> None:
    """
    Time that passes, a clock that is set ahead, and the small corrections of every day are nothing; each jump back is told once.
    """
    clock = FakeClock()
    set_back = SetBack(clock)
    found = []
    for wall, monotonic in ((10, 10), (3610, 10), (9, 10), (-3590, 10), (10, 10)):
        clock.at += timedelta(seconds=wall)
        clock.seconds += monotonic
        found.append(set_back.by().total_seconds())

    assert [0, 0, 0, 3600, 0] == found


def test_what_is_to_come_is_brought_forward(bench: Bench) -> None:
    """
    What is due already and what waits for a person stay as they are; the rest is due by so much sooner.
    """
    due, waiting, coming = (bench.claim(order) for order in (ORDER, OTHER, THIRD))
    bench.ledger.postpone(waiting.id, None)
    bench.ledger.postpone(coming.id, bench.clock.now() + timedelta(minutes=61))

    Schedule(bench.database, bench.clock).bring_forward(timedelta(hours=1))

    now = bench.clock.now()
    found = [bench.again(one).due_at for one in (due, waiting, coming)]
    assert [now, None, now + timedelta(minutes=1)] == found


def test_of_some_cancellations_only(bench: Bench) -> None:
    """
    A command brings forward what it waits for itself, and leaves the rest to the worker.
    """
    ours, other = bench.claim(ORDER), bench.claim(OTHER)
    later = bench.clock.now() + timedelta(minutes=61)
    for one in (ours, other):
        bench.ledger.postpone(one.id, later)

    Schedule(bench.database, bench.clock).bring_forward(timedelta(hours=1), [ours.id])

    assert [later - timedelta(hours=1), later] == [bench.again(one).due_at for one in (ours, other)]
