"""The stamp: on disk before the click, once per attempt, by the holder of the account only."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from agent.engine.tables import ApprovalRow, StampRow
from agent.errors import CountermandError, Retryable, Uncertain
from agent.model import OrderStage
from tests.engine.bench import NOON, ORDER, OTHER, Bench


async def test_the_stamp_is_on_disk_when_arming_returns(bench: Bench) -> None:
    """
    A reader of the file with nothing of ours sees the stamp, and the order as submitting, once ``arm`` is back.
    """
    order = bench.claim().orders[0]

    await bench.stamper(order, "v-1").arm("details.cancel", ORDER)

    with sqlite3.connect(bench.home / "countermand.db") as connection:
        stamps = connection.execute("select attempt, visit, target, state, armed from stamps").fetchall()
        stages = connection.execute("select stage from supplier_orders").fetchall()
    connection.close()
    assert [(1, "v-1", "details.cancel", "armed", 1)] == stamps
    assert [("submitting",)] == stages


async def test_submitting_is_an_event_of_its_own(bench: Bench) -> None:
    """
    The change to submitting is noted with the visit and the target, once, however often the stamp is armed.
    """
    one = bench.claim()
    stamper = bench.stamper(one.orders[0], "v-1")
    await stamper.arm("details.cancel", ORDER)
    await stamper.unsent("reason_asked")
    await stamper.arm("cancel.submit", ORDER)

    events = [event for event in bench.ledger.events(one.id) if event.what == "order"]

    assert [("queued", "submitting", "v-1", {"target": "details.cancel"})] == [
        (event.before, event.after, event.visit, event.detail) for event in events
    ]
    assert [1, 2] == [event.number for event in bench.ledger.events(one.id)]


async def test_an_armed_stamp_is_not_armed_again(bench: Bench) -> None:
    """
    While what a click did is not known, no second click gets a stamp, in whatever visit.
    """
    order = bench.claim().orders[0]
    await bench.stamper(order, "v-1").arm("details.cancel", ORDER)

    with pytest.raises(Uncertain, match=r"was clicked at 2026-11-20 12:00:00 UTC already \(details.cancel\)"):
        await bench.stamper(order, "v-2").arm("details.cancel", ORDER)

    assert [(1, "armed", 1)] == bench.stamps()


async def test_an_answered_stamp_is_not_armed_again(bench: Bench) -> None:
    """
    An attempt whose outcome is known is over: only a further attempt may click.
    """
    order = bench.claim().orders[0]
    await bench.stamper(order, "v-1").arm("details.cancel", ORDER)
    bench.ledger.move_order(order, OrderStage.AWAITING_DECISION, "v-1", outcome="requested")

    with pytest.raises(Uncertain):
        await bench.stamper(order, "v-2").arm("details.cancel", ORDER)

    assert [(1, "answered", 1)] == bench.stamps()


async def test_an_unsent_stamp_is_armed_anew(bench: Bench) -> None:
    """
    The next commit of the same attempt re-arms the same stamp, also in a later visit.
    """
    order = bench.claim().orders[0]
    first = bench.stamper(order, "v-1")
    await first.arm("details.cancel", ORDER)
    await first.unsent("reason_asked")
    await first.arm("cancel.submit", ORDER)
    await first.unsent("confirm_asked")

    await bench.stamper(order, "v-2").arm("details.cancel", ORDER)

    assert [(1, "armed", 3)] == bench.stamps()


async def test_arming_anew_notes_the_new_time(bench: Bench) -> None:
    """
    A person who reads the stamp sees when the last click was, and of what.
    """
    one = bench.claim()
    stamper = bench.stamper(one.orders[0])
    await stamper.arm("details.cancel", ORDER)
    await stamper.unsent("reason_asked")
    bench.clock.forward(30)
    await stamper.arm("cancel.submit", ORDER)

    stamp = bench.again(one).orders[0].stamp

    assert stamp is not None
    assert ("cancel.submit", 30.0) == (stamp.target, (stamp.armed_at - NOON).total_seconds())


async def test_only_the_visit_that_clicked_can_say_unsent(bench: Bench) -> None:
    """
    What a later visit sees says nothing about a click of an earlier one.
    """
    order = bench.claim().orders[0]
    await bench.stamper(order, "v-1").arm("details.cancel", ORDER)

    await bench.stamper(order, "v-2").unsent("reason_asked")

    assert [(1, "armed", 1)] == bench.stamps()


async def test_whoever_lost_the_account_gets_no_stamp(bench: Bench) -> None:
    """
    A process that was asleep while another took the account over does not click.
    """
    one = bench.claim()
    late = bench.stamper(one.orders[0], "v-1")
    bench.workshop.accounts.take("aliexpress", "main", "process 77")

    with pytest.raises(Retryable, match=r"another process \(process 77\) has taken over account main"):
        await late.arm("details.cancel", ORDER)

    assert [] == bench.stamps()
    assert OrderStage.QUEUED == bench.again(one).orders[0].stage


async def test_a_visit_stamps_its_own_order_only(bench: Bench) -> None:
    """
    A stamp for another order than the visit's is a bug, and no stamp.
    """
    order = bench.claim(ORDER).orders[0]

    with pytest.raises(ValueError, match=f"about {ORDER}, not {OTHER}"):
        await bench.stamper(order).arm("details.cancel", OTHER)

    assert [] == bench.stamps()


async def test_every_attempt_has_a_stamp_of_its_own(bench: Bench) -> None:
    """
    A further attempt gets a further stamp, and the first one stays as it was answered.
    """
    one = bench.claim()
    await bench.stamper(one.orders[0], "v-1").arm("details.cancel", ORDER)
    bench.ledger.next_attempt(one.orders[0], "v-2")

    await bench.stamper(bench.again(one).orders[0], "v-3").arm("details.cancel", ORDER)

    assert [(1, "answered", 1), (2, "armed", 1)] == bench.stamps()


def test_the_database_itself_refuses_a_second_stamp(bench: Bench) -> None:
    """
    Whatever our code does, the table takes one stamp per order and attempt.
    """
    order = bench.claim().orders[0]
    bench.stamper(order)._arm("details.cancel")

    with pytest.raises(IntegrityError), bench.database.writing() as session:
        session.add(
            StampRow(supplier_order_id=order.key, attempt=1, visit="v-9", target="t", state="armed", armed_at=NOON)
        )

    assert [(1, "armed", 1)] == bench.stamps()


def test_two_that_arm_at_once_get_one_stamp(bench: Bench) -> None:
    """
    Even if two held the account with the newest fence, only one of them would be let to click.
    """
    order = bench.claim().orders[0]
    others = [bench.beside() for _ in range(6)]
    fence = bench.workshop.accounts.take("aliexpress", "main", "this test")
    barrier = Barrier(len(others))

    def arm(other: Bench) -> str:
        stamper = other.stamper(order)
        stamper._fence = fence + len(others)
        barrier.wait(timeout=20)
        try:
            stamper._arm("details.cancel")
        except CountermandError as error:
            return error.kind.value
        return "armed"

    with ThreadPoolExecutor(len(others)) as pool:
        ends = sorted(pool.map(arm, others))
    for other in others:
        other.close()

    assert ["armed", *["uncertain"] * 5] == ends
    assert [(1, "armed", 1)] == bench.stamps()


async def test_an_approval_is_noted_with_the_first_stamp(bench: Bench) -> None:
    """
    A person's yes is kept once per attempt, with how it was given.
    """
    order = bench.claim().orders[0]
    stamper = bench.stamper(order, approval="yes at the terminal")
    await stamper.arm("details.cancel", ORDER)
    await stamper.unsent("reason_asked")
    await stamper.arm("cancel.submit", ORDER)

    with bench.database.reading() as session:
        approvals = [(row.order_id, row.actor, row.how) for row in session.scalars(select(ApprovalRow))]

    assert [(ORDER, "operator", "yes at the terminal")] == approvals
