"""How much an account submits, and when: counted from the ledger, and what is over it waits as a row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from agent.engine.records import Cancellation
from agent.errors import TargetMissing
from agent.model import OrderStage, Stage
from agent.settings import AccountSettings, Limits
from tests.engine.bench import NOON, ORDER, OTHER, THIRD, Bench, fails

Limited = Callable[..., Bench]


@pytest.fixture
def limited(bench: Bench) -> Limited:
    """A bench whose accounts have limits."""

    def made(**limits: object) -> Bench:
        table = {"per_hour": "none", "per_day": "none", **limits}
        portal = bench.settings.portal("aliexpress").model_copy(update={"limits": Limits.model_validate(table)})
        bench.workshop.settings = bench.settings = bench.settings.model_copy(update={"portals": {"aliexpress": portal}})
        return bench

    return made


async def advance(bench: Bench) -> None:
    """A fresh process does what is due."""
    await bench.engine().advance(bench.clock.now())


def stands(bench: Bench, one: Cancellation) -> tuple[Stage, datetime | None, object, int]:
    now = bench.again(one)
    return now.stage, now.due_at, now.error, bench.exit_code(one)


def test_sober_defaults() -> None:
    """
    Nobody who sets nothing submits more than an ordinary merchant would.
    """
    assert (20, 100, None) == (Limits().per_hour, Limits().per_day, Limits().hours)


async def test_what_is_over_the_limit_waits(limited: Limited) -> None:
    """
    Two an hour: the third waits until the first is an hour ago, with nothing wrong about it and no account held; then it is submitted.
    """
    bench = limited(per_hour=2)
    ones = []
    for order in (ORDER, OTHER, THIRD):
        ones.append(bench.claim(order))
        await advance(bench)
        bench.clock.forward(60)
    waits, asked, slept = stands(bench, ones[2]), list(bench.portal.asked), list(bench.clock.waited)

    bench.clock.at = NOON + timedelta(hours=1)
    await advance(bench)

    assert (Stage.OPEN, NOON + timedelta(hours=1), None, 0) == waits
    assert ([ORDER, OTHER], []) == (asked, slept)
    assert [ORDER, OTHER, THIRD] == bench.portal.asked
    assert (
        f"account main submits at most 2 in an hour: {ones[2].id} waits until 2026-11-20 13:00 UTC"
        in bench.person.heard
    )


async def test_the_day_counts_too(limited: Limited) -> None:
    """
    One a day, three an hour: the second waits for the day.
    """
    bench = limited(per_hour=3, per_day=1)
    bench.claim(ORDER)
    await advance(bench)
    second = bench.claim(OTHER)
    await advance(bench)

    assert NOON + timedelta(days=1) == bench.again(second).due_at


async def test_another_account_has_a_count_of_its_own(limited: Limited) -> None:
    """
    What one account submitted makes the other one wait for nothing; an account may have limits of its own.
    """
    bench = limited(per_hour=1)
    own = AccountSettings(portal="aliexpress", limits=Limits.model_validate({"per_hour": 2}))
    bench.workshop.settings = bench.settings.model_copy(update={"accounts": {**bench.settings.accounts, "second": own}})
    for order, account in ((ORDER, "main"), (OTHER, "second"), (THIRD, "second")):
        bench.claim(order, account=account)
    await advance(bench)

    assert {ORDER, OTHER, THIRD} == set(bench.portal.asked)


async def test_a_walk_that_sent_nothing_does_not_count(limited: Limited) -> None:
    """
    The page proved that nothing was sent: that was no submit.
    """
    bench = limited(per_hour=1)
    bench.claim(ORDER)
    bench.portal.acts = [fails(TargetMissing("cannot find it"), after="unsent")]
    await advance(bench)
    bench.claim(OTHER)
    await advance(bench)

    assert [ORDER, OTHER] == bench.portal.asked


async def test_a_click_without_a_known_outcome_counts(limited: Limited) -> None:
    """
    It may have been a submit.
    """
    bench = limited(per_hour=1)
    bench.claim(ORDER)
    bench.portal.acts = [fails(TargetMissing("cannot find it"), after="arm")]
    await advance(bench)
    second = bench.claim(OTHER)
    await advance(bench)

    assert ([ORDER], NOON + timedelta(hours=1)) == (bench.portal.asked, bench.again(second).due_at)


async def test_looks_go_on(limited: Limited) -> None:
    """
    Of two orders behind one cancellation one may be submitted: its answer is read while the other waits, and the other is not forgotten.
    """
    bench = limited(per_hour=1)
    one = bench.claim(ORDER, OTHER)
    engine = bench.engine()
    for _ in range(12):
        await engine.advance(bench.clock.now())
        due = bench.again(one).due_at
        assert due is not None
        bench.clock.forward(max(0.0, (due - bench.clock.now()).total_seconds()))
        if bench.clock.now() >= NOON + timedelta(hours=1):
            break
    looked, asked = len(bench.portal.looked), list(bench.portal.asked)
    await engine.advance(bench.clock.now())

    assert ([ORDER], [ORDER, OTHER]) == (asked, bench.portal.asked)
    assert looked >= 3
    assert NOON + timedelta(hours=1) == bench.clock.now()
    assert [OrderStage.AWAITING_DECISION] * 2 == [order.stage for order in bench.again(one).orders]


@pytest.mark.slow
@pytest.mark.parametrize(
    "hours, zone, opens",
    [
        ("09:00-18:00", "UTC", None),
        ("13:00-18:00", "UTC", "2026-11-20T13:00Z"),
        ("08:00-12:00", "UTC", "2026-11-21T08:00Z"),
        ("09:00-12:30", "Europe/Berlin", "2026-11-21T08:00Z"),
        ("22:00-06:00", "UTC", "2026-11-20T22:00Z"),
        ("22:00-06:00", "Asia/Tokyo", "2026-11-20T13:00Z"),
        ("20:00-06:00", "Asia/Tokyo", None),
    ],
)
async def test_working_hours(limited: Limited, hours: str, zone: str, opens: str | None) -> None:
    """
    Outside of them, in the merchant's own time zone, an order waits for the next beginning; over midnight is meant where it says so.
    """
    bench = limited(hours=hours, time_zone=zone)
    one = bench.claim()

    await advance(bench)

    if opens is None:
        assert [ORDER] == bench.portal.asked
    else:
        assert ([], datetime.fromisoformat(opens)) == (bench.portal.asked, bench.again(one).due_at)


async def test_a_clock_that_was_set_back_makes_nobody_wait_for_long(limited: Limited) -> None:
    """
    Stamps of a time that is still to come count, and hold for an hour from now at most.
    """
    bench = limited(per_hour=1)
    bench.claim(ORDER)
    await advance(bench)
    bench.clock.at = NOON - timedelta(days=300)
    second = bench.claim(OTHER)
    await advance(bench)

    assert bench.clock.at + timedelta(hours=1) == bench.again(second).due_at


async def test_two_processes_do_not_submit_one_too_many(limited: Limited) -> None:
    """
    Whoever waited for the account counts again once it is theirs.
    """
    bench = limited(per_hour=1)
    other = bench.beside()
    ones = [bench.claim(ORDER), bench.claim(OTHER)]

    await asyncio.gather(
        bench.engine().advance(bench.clock.now(), [ones[0].id]), other.engine().advance(bench.clock.now(), [ones[1].id])
    )
    other.close()

    assert 1 == len(bench.portal.asked)
    assert sorted([OrderStage.AWAITING_DECISION, OrderStage.QUEUED]) == sorted(
        bench.again(one).orders[0].stage for one in ones
    )


@pytest.mark.parametrize(
    "limits, sentence",
    [
        ({"per_hour": 0}, "greater than or equal to 1"),
        ({"hours": "9-18"}, "are no working hours"),
        ({"hours": "09:00-09:00"}, "are no working hours"),
        ({"time_zone": "Berlin"}, "is no time zone"),
        ({"per_week": 3}, "Extra inputs"),
    ],
)
def test_limits_that_cannot_be(limits: dict[str, object], sentence: str) -> None:
    """
    What is mistyped is said; nothing is not a limit: "none" is.
    """
    with pytest.raises(ValueError, match=sentence):
        Limits.model_validate(limits)
