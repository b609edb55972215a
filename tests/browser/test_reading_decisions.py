"""
What each state of an order is read as, once the supplier has been asked.
"""

from __future__ import annotations

import pytest

from agent.errors import ChallengeShown, OrderNotFound, UnknownPage
from agent.model import Answer, OrderId, Reading
from fixtures.aliexpress import texts
from fixtures.aliexpress.seed import ORDERS, UNKNOWN
from flows.aliexpress.portal import PORTAL
from tests.browser.bench import Bench
from tests.conftest import MORE, needs_browser

pytestmark = needs_browser


async def read(bench: Bench, order: str) -> Reading:
    """One look at *order*, in a session of its own."""
    return await PORTAL.read_decision(await bench.reading_walk(), OrderId(order))


@pytest.mark.parametrize(
    "order, answer, state",
    [
        pytest.param("unpaid", Answer.NOT_REQUESTED, "unpaid", marks=MORE),
        pytest.param("payment_check", Answer.NOT_REQUESTED, "payment_check", marks=MORE),
        ("placed", Answer.NOT_REQUESTED, "placed"),
        ("cancel_requested", Answer.WAITING, "cancel_requested"),
        ("cancelled", Answer.WITHDRAWN, "cancelled"),
        pytest.param("closed", Answer.WITHDRAWN, "closed", marks=MORE),
        pytest.param("expired", Answer.WITHDRAWN, "expired", marks=MORE),
        ("closed_with_shipment", Answer.UNCLEAR, "closed_with_shipment"),
        ("seller_refused", Answer.REFUSED, "seller_refused"),
        pytest.param("shipped", Answer.REFUSED, "shipped", marks=pytest.mark.slow),
        pytest.param("completed", Answer.REFUSED, "completed", marks=pytest.mark.slow),
    ],
)
async def test_state_is_read(bench: Bench, order: str, answer: Answer, state: str) -> None:
    """
    Every state has one answer; completed is never an approval, and the portal's own words come along.
    """
    reading = await read(bench, ORDERS[order])

    heading = texts.STATUS["en"][bench.portal.world.order(ORDERS[order]).state]
    assert answer == reading.answer
    assert state == reading.state
    assert reading.text.startswith(heading)
    assert [] == bench.portal.submitted
    assert 0 == bench.portal.world.counted("json operation") + bench.portal.world.counted("page m")


async def test_closed_without_goods_is_unclear(bench: Bench) -> None:
    """
    Where the page does not show what was ordered, it cannot be seen that nothing of it was shipped.
    """
    walk = await bench.reading_walk()
    await bench.contexts[-1].add_init_script(
        "new MutationObserver(() => document.querySelectorAll('.order-detail-item').forEach(one => one.remove()))"
        ".observe(document, {childList: true, subtree: true})"
    )

    reading = await PORTAL.read_decision(walk, OrderId(ORDERS["closed"]))

    assert Answer.UNCLEAR == reading.answer
    assert "closed_unreadable" == reading.state


@pytest.mark.slow
@pytest.mark.parametrize(
    "unconfirmed",
    [
        None,
        "placed",
        *(pytest.param(state, marks=MORE) for state in ("cancel_requested", "seller_refused")),
    ],
)
async def test_clear_only_where_confirmed(bench: Bench, unconfirmed: str | None) -> None:
    """
    A reading is clear only if the words for requested, refused and placed are all confirmed for the host.
    """
    bench.confirm(but=[unconfirmed] if unconfirmed else [])

    reading = await read(bench, ORDERS["placed"])

    assert (unconfirmed is None) == reading.clear


async def test_unknown_words_are_no_decision(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Words that the edition does not know are quoted to a person, never guessed.
    """
    monkeypatch.setitem(texts.STATUS["en"], "cancelled", "Cancelled, mostly")
    walk = await bench.reading_walk()
    bench.hurry(walk, after="orders.details_link")

    with pytest.raises(UnknownPage, match="Cancelled, mostly"):
        await PORTAL.read_decision(walk, OrderId(ORDERS["cancelled"]))


async def test_unknown_order(bench: Bench) -> None:
    """
    An order that is not there has no decision.
    """
    with pytest.raises(OrderNotFound):
        await read(bench, UNKNOWN)


async def test_challenge_stops_a_look(bench: Bench) -> None:
    """
    A check in the way of a look is left to a person.
    """
    bench.portal.world.set(slider=["detail"])

    with pytest.raises(ChallengeShown):
        await read(bench, ORDERS["cancel_requested"])


async def test_answer_is_read_when_it_comes(bench: Bench) -> None:
    """
    The same walk reads one request waiting, and refused once the seller has answered.
    """
    order = bench.will("cancel_requested")
    walk = await bench.reading_walk()

    before = await PORTAL.read_decision(walk, order)
    bench.portal.world.answer_now(order, "refuse")
    after = await PORTAL.read_decision(walk, order)

    assert [Answer.WAITING, Answer.REFUSED] == [before.answer, after.answer]
