"""
Settling where it takes more than one visit: a fulfillment service that has to agree, answers that are lost, a shop that lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.engine.records import Cancellation
from agent.errors import BadInput
from agent.model import Answer, ErrorKind, ShopStage, Stage
from fixtures.shopify.orders import (
    CancellationMade,
    CancelReason,
    FulfillmentDisplay,
    FulfillmentOrder,
    FulfillmentOrderState,
    RequestState,
    ShopOrder,
)
from tests.engine.bench import reads
from tests.engine.near_shop import ASK, CANCEL, NearShop, near_shop

MADE = CancellationMade(
    reason=CancelReason.CUSTOMER, restock=True, notify_customer=False, staff_note=None, refund=False
)
WAITS = Stage.SETTLING, ShopStage.WAITING, 0, None
DONE = Stage.DONE, ShopStage.CANCELLED, 0, None
STOPPED = Stage.NEEDS_OPERATOR, ShopStage.STOPPED, 20, ErrorKind.SHOP_GUARD


@pytest.fixture
def near(tmp_path: Path) -> Iterator[NearShop]:
    """A fresh ledger and a fresh shop."""
    with near_shop(tmp_path) as near:
        yield near


def _at_a_service(near: NearShop) -> ShopOrder:
    share = FulfillmentOrder(
        status=FulfillmentOrderState.IN_PROGRESS, request_status=RequestState.ACCEPTED, location="Zap", by_service=True
    )
    return near.add(share, shows=FulfillmentDisplay.IN_PROGRESS)


def _waits(near: NearShop, cancellation: Cancellation) -> list[str]:
    events = near.bench.ledger.events(cancellation.id)
    return [(event.detail or {})["why"] for event in events if event.what == "shop_waits"]


async def test_nobody_is_told_to_stop_before_the_supplier_has_agreed(near: NearShop) -> None:
    """
    The goods may come all the same: whoever sends them goes on until then.
    """
    order = _at_a_service(near)
    claimed = near.claim(order)

    await near.next_visit(claimed)
    await near.next_visit(claimed)

    assert Stage.AWAITING_DECISION == near.bench.again(claimed).stage
    assert [] == near.sent


async def test_a_supplier_that_refuses_leaves_the_fulfillment_alone(near: NearShop) -> None:
    """
    Nothing is sent to the shop.
    """
    claimed = near.claim(_at_a_service(near))
    near.bench.portal.looks = [reads(Answer.REFUSED)]

    await near.next_visit(claimed)
    await near.next_visit(claimed)

    assert Stage.REFUSED == near.bench.again(claimed).stage
    assert [] == near.sent


async def test_a_service_that_lets_go_ends_in_done(near: NearShop) -> None:
    """
    Asked once, looked at until it answers, cancelled once.
    """
    order = _at_a_service(near)
    claimed = near.claim(order)

    await near.until_approved(claimed)
    await near.next_visit(claimed)
    assert WAITS == near.stands(claimed)
    await near.next_visit(claimed)
    near.shop.answer_cancellation(order.name, accept=True)
    await near.next_visit(claimed)

    assert DONE == near.stands(claimed)
    assert [(ASK, True), (CANCEL, True)] == near.sent
    assert order.cancelled_at is not None


async def test_a_service_that_refuses_needs_a_person(near: NearShop) -> None:
    """
    It says who refuses, and nothing is due; once a person has put it right, the same cancellation goes on.
    """
    order = _at_a_service(near)
    claimed = near.claim(order)
    await near.until_approved(claimed)
    await near.next_visit(claimed)

    near.shop.answer_cancellation(order.name, accept=False)
    stopped = await near.next_visit(claimed)

    assert STOPPED == near.stands(claimed)
    assert stopped.error is not None
    assert "Zap refuses to let go of the shop order" in stopped.error.message
    assert "Ask the service" in stopped.error.next
    assert stopped.due_at is None
    assert [(ASK, True)] == near.sent

    order.fulfillment_orders = [FulfillmentOrder()]
    order.display_fulfillment_status = FulfillmentDisplay.UNFULFILLED
    near.bench.ledger.wake(claimed.id)
    await near.next_visit(claimed)

    assert DONE == near.stands(claimed)


async def test_a_silent_service_is_waited_for_over_a_restart(near: NearShop, tmp_path: Path) -> None:
    """
    What is waited for stands in the ledger and in the shop: another process goes on, asks nothing again, and ends it.
    """
    order = _at_a_service(near)
    claimed = near.claim(order)
    await near.until_approved(claimed)
    before = await near.next_visit(claimed)

    first = near.bench
    near.bench = first.beside()
    first.close()
    assert before == near.bench.again(claimed)
    await near.next_visit(claimed)
    assert WAITS == near.stands(claimed)
    near.shop.answer_cancellation(order.name, accept=True)
    await near.next_visit(claimed)

    assert DONE == near.stands(claimed)
    assert [(ASK, True), (CANCEL, True)] == near.sent
    near.bench.close()


async def test_it_is_looked_at_later_each_time_and_said_once(near: NearShop) -> None:
    """
    After a minute, then after as long again, at the most an hour; one event and one sentence tell what it waits for.
    """
    claimed = near.claim(_at_a_service(near))
    await near.until_approved(claimed)
    pauses = []
    for _ in range(10):
        waiting = await near.next_visit(claimed)
        assert waiting.due_at is not None
        pauses.append((waiting.due_at - near.bench.clock.now()) / timedelta(minutes=1))

    assert [1, 1, 2, 4, 8, 16, 32, 60, 60, 60] == pauses
    (why,) = _waits(near, claimed)
    assert why.startswith("Zap was asked at 2026-11-20 12:")
    assert why.endswith("and has not answered")


async def test_a_service_that_is_silent_for_too_long_is_for_a_person(tmp_path: Path) -> None:
    """
    The limit is a setting; after it nothing is due, and the answer counts all the same when a person lets it go on.
    """
    with near_shop(tmp_path, limit="3h") as near:
        order = _at_a_service(near)
        claimed = near.claim(order)
        await near.until_approved(claimed)
        asked_at = near.bench.clock.now()
        while (await near.next_visit(claimed)).stage is Stage.SETTLING:
            assert near.bench.clock.now() - asked_at <= timedelta(hours=3)

        assert STOPPED == near.stands(claimed)
        stopped = near.bench.again(claimed)
        assert stopped.error is not None
        assert "has not answered. The shop order was not cancelled." in stopped.error.message
        assert f"countermand retry {claimed.id}" in stopped.error.next
        assert [(ASK, True)] == near.sent

        near.shop.answer_cancellation(order.name, accept=True)
        near.bench.ledger.wake(claimed.id)
        await near.next_visit(claimed)
        assert DONE == near.stands(claimed)


async def test_what_waits_for_a_service_can_be_abandoned(near: NearShop) -> None:
    """
    The shop order is not being cancelled yet; nothing follows even when the service agrees.
    """
    order = _at_a_service(near)
    claimed = near.claim(order)
    await near.until_approved(claimed)
    await near.next_visit(claimed)

    near.bench.ledger.abandon(claimed.id, "a person gave it up")
    near.shop.answer_cancellation(order.name, accept=True)

    assert near.bench.again(claimed).due_at is None
    assert [(ASK, True)] == near.sent
    assert order.cancelled_at is None


async def test_cancelled_by_somebody_else_while_a_service_is_silent_is_not_ours(near: NearShop) -> None:
    """
    It is done, and the refund is not called ours.
    """
    order = _at_a_service(near)
    claimed = near.claim(order)
    await near.until_approved(claimed)
    await near.next_visit(claimed)

    order.cancel(MADE, near.bench.clock.now())
    await near.next_visit(claimed)

    assert (Stage.DONE, ShopStage.ALREADY_CANCELLED, 0, None) == near.stands(claimed)
    assert [(ASK, True)] == near.sent


async def test_a_job_that_is_done_proves_nothing(near: NearShop) -> None:
    """
    Without ``cancelledAt`` it is not done: a person is told, and it is sent no second time.
    """
    near.shop.switches.cancelled_at_never = True
    order = near.add()
    claimed = near.claim(order)

    await near.until_approved(claimed)
    await near.next_visit(claimed)

    assert (Stage.NEEDS_OPERATOR, ShopStage.SETTLING, 50, ErrorKind.UNCERTAIN) == near.stands(claimed)
    assert near.bench.again(claimed).due_at is None
    assert [(CANCEL, True)] == near.sent

    near.shop.switches.cancelled_at_never = False
    near.bench.ledger.wake(claimed.id)
    await near.next_visit(claimed)
    assert DONE == near.stands(claimed)
    assert [(CANCEL, True)] == near.sent


async def test_an_answer_lost_after_the_shop_cancelled_is_done(near: NearShop) -> None:
    """
    Exactly one cancellation, and it is ours.
    """
    claimed = near.claim(near.add())
    await near.until_approved(claimed)
    near.shop.switches.only, near.shop.switches.fail_next, near.shop.switches.fail_when = "mutation", 1, "after"

    settled = await near.next_visit(claimed)

    assert DONE == near.stands(claimed)
    assert settled.settled is not None
    assert settled.settled.refund is not None
    assert [(CANCEL, True)] == near.sent


async def test_an_answer_lost_before_the_shop_cancelled_is_sent_again_in_a_later_visit(near: NearShop) -> None:
    """
    Only once a read has shown that the order is not cancelled.
    """
    claimed = near.claim(near.add())
    await near.until_approved(claimed)
    near.shop.switches.only, near.shop.switches.fail_next = "mutation", 1

    await near.next_visit(claimed)
    assert (Stage.SETTLING, ShopStage.SETTLING, 10, ErrorKind.RETRYABLE) == near.stands(claimed)
    assert [(CANCEL, False)] == near.sent
    await near.next_visit(claimed)

    assert DONE == near.stands(claimed)
    assert [(CANCEL, False), (CANCEL, True)] == near.sent


async def test_cancelled_beforehand_the_supplier_order_is_withdrawn_all_the_same(near: NearShop) -> None:
    """
    The supplier is asked, and nothing is sent to the shop.
    """
    order = near.add()
    order.cancel(MADE, near.bench.clock.now())
    claimed = near.claim(order)

    await near.until_approved(claimed)

    assert (Stage.DONE, ShopStage.ALREADY_CANCELLED, 0, None) == near.stands(claimed)
    assert [order.order_id for order in claimed.orders] == near.bench.portal.asked
    assert [] == near.sent


async def test_fulfilled_while_the_supplier_was_deciding_stops_it(near: NearShop) -> None:
    """
    The goods are gone: a person decides, and nothing is sent.
    """
    order = near.add()
    claimed = near.claim(order)
    await near.until_approved(claimed)

    order.send()
    stopped = await near.next_visit(claimed)

    assert STOPPED == near.stands(claimed)
    assert stopped.error is not None
    assert "is fulfilled: its goods were sent" in stopped.error.message
    assert [] == near.sent


async def test_what_goes_to_a_service_right_before_the_cancellation_stops_it(
    near: NearShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The order is read once more right before ``orderCancel``.
    """
    from flows.shopify.storefront import ShopifyShop

    order = near.add()
    claimed = near.claim(order)
    await near.until_approved(claimed)

    async def taken_back(self: ShopifyShop, gid: str) -> None:
        order.fulfillment_orders[0].request_status = RequestState.SUBMITTED

    monkeypatch.setattr(ShopifyShop, "take_back", taken_back)
    await near.next_visit(claimed)

    assert STOPPED == near.stands(claimed)
    assert [] == near.sent


async def test_what_is_being_cancelled_cannot_be_abandoned(near: NearShop) -> None:
    """
    Once it was told to the shop it is brought to its end.
    """
    near.shop.switches.cancelled_at_never = True
    claimed = near.claim(near.add())
    await near.until_approved(claimed)
    await near.next_visit(claimed)

    with pytest.raises(BadInput, match="being cancelled"):
        near.bench.ledger.abandon(claimed.id, "too late")


async def test_a_token_that_lost_a_right_takes_back_and_cancels_nothing(near: NearShop) -> None:
    """
    Work that cannot be seen looks like none: it is for a person, and with the right again it goes on.
    """
    claimed = near.claim(near.add())
    scopes = near.shop.switches.scopes
    await near.until_approved(claimed)
    near.shop.switches.scopes = ("write_orders",)

    await near.bench.engine().advance(near.bench.clock.now(), [claimed.id])
    stopped, sent = near.stands(claimed), near.sent
    near.shop.switches.scopes = scopes
    near.bench.ledger.wake(claimed.id)
    await near.bench.engine().advance(near.bench.clock.now(), [claimed.id])

    assert ((Stage.NEEDS_OPERATOR, ShopStage.WAITING, 20, ErrorKind.SIGN_IN_NEEDED), []) == (stopped, sent)
    assert (DONE, [(CANCEL, True)]) == (near.stands(claimed), near.sent)


async def test_what_a_service_let_go_of_is_marked_in_the_shop(near: NearShop) -> None:
    """
    The whole way: asked, waited for, cancelled, marked.
    """
    near.set_policy(tag="withdrawn", metafield="countermand.result")
    order = _at_a_service(near)
    claimed = near.claim(order)
    await near.until_approved(claimed)
    await near.next_visit(claimed)
    near.shop.answer_cancellation(order.name, accept=True)

    await near.next_visit(claimed)
    await near.next_visit(claimed)

    assert DONE == near.stands(claimed)
    assert [(ASK, True), (CANCEL, True), ("tagsAdd", True), ("metafieldsSet", True)] == near.sent
    assert (["withdrawn"], 1) == (order.tags, len(order.metafields))
