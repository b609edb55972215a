"""
Many orders read in one session: what is read of each, and how many pages the portal had to show for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from agent.errors import CountermandError, OrderNotFound, UnknownPage
from agent.model import Answer, OrderId, Reading
from fixtures.aliexpress.model import Order, State
from fixtures.aliexpress.seed import MAIN, ORDERS, UNKNOWN
from flows.aliexpress.portal import PORTAL
from tests.browser.bench import Bench
from tests.conftest import needs_browser

pytestmark = needs_browser


async def sweep(bench: Bench, orders: Sequence[str]) -> dict[str, Reading | CountermandError]:
    """All of *orders*, in one session."""
    walk = await bench.reading_walk()
    told = [one async for one in PORTAL.read_decisions(walk, [OrderId(order) for order in orders])]
    assert len(told) == len(dict(told)), "one order was told twice"
    return dict(told)


def answers(told: dict[str, Reading | CountermandError]) -> dict[str, Answer]:
    """The answers, by order; nothing else may have been told."""
    return {order: one.answer for order, one in told.items() if isinstance(one, Reading)}


def page_loads(bench: Bench) -> int:
    """What the portal had to show: its pages, and each further part of the list."""
    world = bench.portal.world
    assert 0 == world.counted("page m") + world.counted("json operation"), "a reading walk has left its way"
    return world.counted("page www") + world.counted("list more") + world.counted("list search")


def orders(bench: Bench, count: int, state: State, *, skip: int = 0) -> list[str]:
    """*count* further orders in *state*, one an hour, beginning *skip* hours ago."""
    now, numbers = datetime.now(UTC), []
    for place in range(skip, skip + count):
        number = str(8195_0000_0000_4512 + place * 20_000)
        bench.portal.world.add_order(
            Order(
                number=number,
                account=MAIN,
                state=state,
                seller="silent",
                placed_at=now - timedelta(hours=place, days=90),
            )
        )
        numbers.append(number)
    return numbers


@pytest.mark.parametrize("tab", ["new", pytest.param("same", marks=pytest.mark.slow)])
async def test_every_state_is_read_as_by_itself(bench: Bench, tab: str) -> None:
    """
    Whether an order shows in the list or has to be searched for, and whatever its card says: what is read is what its details say.
    """
    bench.portal.world.set(details_tab=tab)
    expected = {
        "cancel_requested": Answer.WAITING,
        "cancelled": Answer.WITHDRAWN,
        "closed_with_shipment": Answer.UNCLEAR,
        "seller_refused": Answer.REFUSED,
        "shipped": Answer.REFUSED,
        "old_6": Answer.REFUSED,
        "placed": Answer.NOT_REQUESTED,
    }

    told = await sweep(bench, [ORDERS[name] for name in expected])

    assert {ORDERS[name]: answer for name, answer in expected.items()} == answers(told)
    assert [] == bench.portal.submitted


@pytest.mark.slow
async def test_what_is_wrong_with_one_order_stops_no_other(bench: Bench) -> None:
    """
    An order that is not there, and one whose state nobody knows, are told as such; the others are read.
    """
    bench.options.patience.__dict__.update(page=timedelta(seconds=8))  # that long one order's state is waited for
    bench.change_edition("statuses:\n  shipped: {texts: {en: [Gone out]}, assumed: for this test}\n")
    walk_over = [UNKNOWN, ORDERS["shipped"], ORDERS["cancelled"], ORDERS["cancel_requested"], ORDERS["old_6"]]

    told = await sweep(bench, walk_over)

    assert isinstance(told[UNKNOWN], OrderNotFound)
    assert isinstance(told[ORDERS["shipped"]], UnknownPage)
    assert {
        ORDERS["cancelled"]: Answer.WITHDRAWN,
        ORDERS["cancel_requested"]: Answer.WAITING,
        ORDERS["old_6"]: Answer.REFUSED,
    } == answers(told)


async def test_an_order_that_says_the_request_waits_is_not_opened(bench: Bench) -> None:
    """
    The list itself is the answer, and it comes with the portal's own words.
    """
    waiting = [bench.will(name, state="cancel_requested") for name in ("shipped", "completed", "multi_item")]

    told = await sweep(bench, waiting)

    assert dict.fromkeys(waiting, Answer.WAITING) == answers(told)
    assert {"Cancellation requested"} == {one.text for one in told.values() if isinstance(one, Reading)}
    assert 1 == page_loads(bench)


async def test_a_list_that_stays_bare_until_asked(bench: Bench) -> None:
    """
    Now and then the portal shows no card until asked for more, in the list and in a search.
    """
    bench.portal.world.set(zero_cards="both", delay_ms=50)

    told = await sweep(bench, [ORDERS["shipped"], ORDERS["old_6"]])

    assert dict.fromkeys([ORDERS["shipped"], ORDERS["old_6"]], Answer.REFUSED) == answers(told)


async def test_without_the_cards_words_every_order_is_opened(bench: Bench) -> None:
    """
    Where the edition cannot tell the cards' states, the details are read: slower, and as right.
    """
    bench.change_edition("targets:\n  orders.status: {try: [{css: .is-not-there}]}\n")
    waiting = [bench.will(name, state="cancel_requested") for name in ("shipped", "completed")]

    told = await sweep(bench, waiting)

    assert dict.fromkeys(waiting, Answer.WAITING) == answers(told)
    assert 3 == page_loads(bench)


async def test_the_countdown_is_read(bench: Bench) -> None:
    """
    How long the seller has left, as the page counts it down; an order that nobody asked about has no countdown.
    """
    walk = await bench.reading_walk()
    bench.portal.world.change_order(ORDERS["placed"], seller="silent", state="cancel_requested")

    waits = await PORTAL.read_decision(walk, OrderId(ORDERS["placed"]))
    placed = await PORTAL.read_decision(walk, OrderId(ORDERS["placed_2"]))

    assert waits.time_left is not None
    assert timedelta(hours=47, minutes=55) < waits.time_left <= timedelta(hours=48)
    assert placed.time_left is None


@pytest.mark.slow
@pytest.mark.parametrize("waiting, changed, bar", [(0, 3, 7), (100, 0, 10)])
async def test_page_loads_among_ten_thousand(bench: Bench, waiting: int, changed: int, bar: int) -> None:
    """
    By the portal's count: few are searched for, many that lie together are paged to.
    """
    for number in ORDERS.values():
        bench.portal.world.change_order(number, placed_at=datetime.now(UTC) - timedelta(days=1000))
    # The few lie deep, the many on the first pages.
    skip = 5000 if waiting + changed == 3 else 0
    pending = orders(bench, waiting, "cancel_requested", skip=skip)
    pending += orders(bench, changed, "cancelled", skip=skip + waiting)
    others = 10_000 - len(pending)
    before = orders(bench, min(skip, others), "completed")
    orders(bench, others - len(before), "completed", skip=skip + len(pending))

    told = await sweep(bench, pending)

    expected = [Answer.WAITING] * waiting + [Answer.WITHDRAWN] * changed
    assert dict(zip(pending, expected, strict=True)) == answers(told)
    assert bar >= page_loads(bench), f"{page_loads(bench)} page loads"


@pytest.mark.slow
async def test_scattered_orders_cost_little_more_than_searching(bench: Bench) -> None:
    """
    Paging that does not pay is given up: a tenth more than searching for each, at the most.
    """
    orders(bench, 400, "completed")
    scattered = [orders(bench, 1, "cancel_requested", skip=400 + place * 40)[0] for place in range(30)]
    for place in range(30):
        orders(bench, 39, "completed", skip=401 + place * 40)

    told = await sweep(bench, scattered)

    assert dict.fromkeys(scattered, Answer.WAITING) == answers(told)
    assert 1 + 33 + 30 >= page_loads(bench) >= 30
