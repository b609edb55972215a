"""
What is in progress is taken back step by step, each sent once, and a silent service is waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from agent.errors import BadInput, CountermandError, Retryable, ShopGuarded, SignInNeeded
from agent.storefront import ShopWaiting
from fixtures.shopify.orders import (
    FulfillmentDisplay,
    FulfillmentOrder,
    FulfillmentOrderState,
    MerchantRequest,
    RequestState,
    ShopOrder,
)
from fixtures.shopify.switches import Failure
from flows.shopify.client import ShopifyClient
from flows.shopify.fulfillment import WayBack, way_back
from flows.shopify.replies import FulfillmentOrderState as Share
from flows.shopify.settle import cancel_order
from flows.shopify.taking_back import take_back
from tests.engine.near_shop import ASK, OPEN, TAKE
from tests.flows.shopify.bench import CHOICES, Bench

SILENT = "Pretend fulfilment service was asked at 2026-11-20 12:00 UTC to let go of the shop order #1028, and has not answered"


def _submitted(bench: Bench, order: str = "#1001") -> FulfillmentOrder:
    share = FulfillmentOrder(request_status=RequestState.SUBMITTED, by_service=True, location="Service A")
    bench.shop.orders[order].fulfillment_orders = [share]
    bench.shop.orders[order].display_fulfillment_status = FulfillmentDisplay.IN_PROGRESS
    return bench.shop.orders[order].fulfillment_orders[0]


def _steps(bench: Bench) -> list[tuple[str, bool]]:
    return [(line.operation, line.executed) for line in bench.shop.received]


async def _stopped(client: ShopifyClient, gid: str) -> CountermandError:
    with pytest.raises(CountermandError) as caught:
        await take_back(client, gid)
    return caught.value


@pytest.mark.parametrize("order", ["#1001", "#1020", "#1024", "#1023", "#1031"])
async def test_where_nobody_is_at_work_nothing_is_sent(bench: Bench, order: str) -> None:
    """
    Unfulfilled, cancelled, on hold and scheduled stay as they are; what was sent is a person's.
    """
    if order == "#1020":
        assert isinstance(await _stopped(bench.client, bench.gid(order)), ShopGuarded)
    else:
        assert await take_back(bench.client, bench.gid(order)) is None
    assert [] == _steps(bench)


async def test_a_request_nobody_accepted_is_taken_back_and_the_new_share_is_left_alone(bench: Bench) -> None:
    """
    The share gets a new id; the order is read again and is Unfulfilled.
    """
    old = _submitted(bench)

    assert await take_back(bench.client, bench.gid("#1001")) is None

    closed, replacement = bench.shop.orders["#1001"].fulfillment_orders
    assert (old.number, FulfillmentOrderState.CLOSED) == (closed.number, closed.status)
    assert FulfillmentOrderState.OPEN == replacement.status
    assert [(TAKE, True)] == _steps(bench)


async def test_a_service_is_asked_once_and_waited_for(bench: Bench) -> None:
    """
    A second look asks nothing again, says the same words, and knows since when; the order is not taken without an answer.
    """
    first = await take_back(bench.client, bench.gid("#1028"))
    asked_at = bench.clock.at
    bench.clock.at += timedelta(hours=5)
    second = await take_back(bench.client, bench.gid("#1028"))

    assert ShopWaiting(what=SILENT, since=asked_at) == first == second
    assert [(ASK, True)] == _steps(bench)


async def test_what_was_asked_counts_before_the_state_shows_it(bench: Bench) -> None:
    """
    Right after the request the share may still read as accepted: the request itself is there.
    """
    share = bench.shop.orders["#1028"].fulfillment_orders[0]
    share.requests = [MerchantRequest(kind="CANCELLATION_REQUEST", sent_at=bench.clock.at)]

    assert ShopWaiting(what=SILENT, since=bench.clock.at) == await take_back(bench.client, bench.gid("#1028"))
    assert [] == _steps(bench)


async def test_another_request_to_the_service_is_none_to_let_go(bench: Bench) -> None:
    """
    That it was asked to send the goods says nothing about stopping.
    """
    share = bench.shop.orders["#1028"].fulfillment_orders[0]
    share.requests = [MerchantRequest(kind="FULFILLMENT_REQUEST", sent_at=bench.clock.at)]

    await take_back(bench.client, bench.gid("#1028"))

    assert [(ASK, True)] == _steps(bench)


async def test_a_service_that_lets_go_leaves_the_order_to_be_cancelled(bench: Bench) -> None:
    """
    Asked, answered, cancelled.
    """
    await take_back(bench.client, bench.gid("#1028"))
    bench.shop.answer_cancellation("#1028", accept=True)

    assert await take_back(bench.client, bench.gid("#1028")) is None
    await cancel_order(bench.client, bench.gid("#1028"), CHOICES)

    assert [(ASK, True), ("orderCancel", True)] == _steps(bench)


async def test_a_service_that_refuses_is_for_a_person(bench: Bench) -> None:
    """
    The message names it, and does not say that nothing was done.
    """
    await take_back(bench.client, bench.gid("#1028"))
    bench.shop.answer_cancellation("#1028", accept=False)

    error = await _stopped(bench.client, bench.gid("#1028"))

    assert isinstance(error, ShopGuarded)
    assert "Pretend fulfilment service refuses to let go of the shop order #1028" in error.message
    assert error.message.endswith("The shop order was not cancelled.")
    assert "Ask the service to stop it by hand" in error.next
    assert [(ASK, True)] == _steps(bench)


@pytest.mark.parametrize("how", [Failure.STATUS_502, Failure.HTML, Failure.TRUNCATED, Failure.CUT, Failure.INTERNAL])
@pytest.mark.parametrize("order, step", [("#1028", ASK), ("#1022", OPEN), ("#1001", TAKE)])
async def test_an_answer_that_is_lost_after_the_shop_acted_is_read_back(
    bench: Bench, order: str, step: str, how: Failure
) -> None:
    """
    Each step is carried out once, whatever was heard of it.
    """
    _submitted(bench)
    switches = bench.shop.switches
    switches.only, switches.fail_next, switches.fail_when, switches.fail_with = "mutation", 1, "after", how

    waiting = await take_back(bench.client, bench.gid(order))

    assert (order == "#1028") == (waiting is not None)
    assert [(step, True)] == _steps(bench)


@pytest.mark.parametrize("order, step", [("#1028", ASK), ("#1022", OPEN), ("#1001", TAKE)])
async def test_an_answer_that_is_lost_before_the_shop_acted_is_for_a_later_visit(
    bench: Bench, order: str, step: str
) -> None:
    """
    Not sent again in the same visit; the next one reads, and sends it.
    """
    _submitted(bench)
    switches = bench.shop.switches
    switches.only, switches.fail_next = "mutation", 1

    error = await _stopped(bench.client, bench.gid(order))
    before = _steps(bench)
    await take_back(bench.client, bench.gid(order))

    assert isinstance(error, Retryable)
    assert "the order reads as before" in error.message
    assert [(step, False)] == before
    assert [(step, False), (step, True)] == _steps(bench)


async def test_a_busy_shop_gets_the_step_again(bench: Bench) -> None:
    """
    What was throttled was not carried out.
    """
    bench.shop.switches.only, bench.shop.switches.throttle_next = "mutation", 2

    await take_back(bench.client, bench.gid("#1028"))

    assert [(ASK, False), (ASK, False), (ASK, True)] == _steps(bench)


Meddling = Callable[[Bench], None]


def _service_accepts(bench: Bench) -> None:
    share = bench.shop.orders["#1001"].fulfillment_orders[0]
    share.status, share.request_status = FulfillmentOrderState.IN_PROGRESS, RequestState.ACCEPTED


def _share_is_replaced(bench: Bench) -> None:
    bench.shop.orders["#1001"].fulfillment_orders = [FulfillmentOrder()]
    bench.shop.orders["#1001"].display_fulfillment_status = FulfillmentDisplay.UNFULFILLED


@pytest.mark.parametrize(
    "meddle, steps",
    [
        (_service_accepts, [(TAKE, False), (ASK, True)]),  # refused: no longer to be taken back
        (_share_is_replaced, [(TAKE, False)]),  # RESOURCE_NOT_FOUND: the id is gone
    ],
)
async def test_what_changes_between_reading_and_sending_is_read_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, meddle: Meddling, steps: list[tuple[str, bool]]
) -> None:
    """
    The shop refuses the step; the order says why, and what to do instead.
    """
    _submitted(bench)
    change = bench.client.change
    left = [meddle]

    async def meddled(*args: object) -> object:
        if left:
            left.pop()(bench)
        return await change(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.client, "change", meddled)

    await take_back(bench.client, bench.gid("#1001"))

    assert steps == _steps(bench)


async def test_a_step_that_the_shop_offers_and_refuses_is_for_a_person(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is not sent over and over; the shop's own words are shown.
    """
    share = bench.shop.orders["#1028"].fulfillment_orders[0]
    share.by_service = False  # so it refuses, though the state offers it

    error = await _stopped(bench.client, bench.gid("#1028"))

    assert isinstance(error, ShopGuarded)
    assert "must be of api type" in error.message
    assert [(ASK, False)] == _steps(bench)


async def test_an_app_that_requests_it_again_and_again_is_not_raced(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Every new share is submitted at once by somebody else: that ends, and a person is told.
    """
    _submitted(bench)

    def requested_anew(order: ShopOrder) -> None:
        order.fulfillment_orders[-1].request_status = RequestState.SUBMITTED
        order.fulfillment_orders = order.fulfillment_orders[-1:]

    monkeypatch.setattr("fixtures.shopify.world._show_progress", requested_anew)

    error = await _stopped(bench.client, bench.gid("#1001"))

    assert isinstance(error, ShopGuarded)
    assert "as often as it is taken back" in error.message
    assert 60 == len(_steps(bench))


async def test_an_order_that_does_not_read_unfulfilled_yet_is_looked_at_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The shop's list may lag behind: that is waited for, once something was taken back.
    """
    monkeypatch.setattr("fixtures.shopify.world._show_progress", lambda order: None)

    waiting = await take_back(bench.client, bench.gid("#1022"))

    assert ShopWaiting(what="the shop order #1022 was taken back, and does not read Unfulfilled yet") == waiting
    assert [(OPEN, True)] == _steps(bench)


async def test_a_missing_scope_is_named(bench: Bench) -> None:
    """
    Asking a service needs access that cancelling does not.
    """
    bench.shop.switches.scopes = ("write_orders", "write_merchant_managed_fulfillment_orders")

    error = await _stopped(bench.client, bench.gid("#1028"))

    assert isinstance(error, SignInNeeded)
    assert "write_third_party_fulfillment_orders" in error.message


async def test_an_unknown_order_is_bad_input(bench: Bench) -> None:
    """
    There is nothing to take back.
    """
    assert isinstance(await _stopped(bench.client, "gid://shopify/Order/1"), BadInput)


@pytest.mark.parametrize(
    "status, request_status, offered, way",
    [
        ("CLOSED", "ACCEPTED", "", None),
        ("CANCELLED", "SOMETHING_NEW", "", None),
        ("OPEN", "CANCELLATION_ACCEPTED", "", None),
        ("INCOMPLETE", "CLOSED", "", None),
        ("OPEN", "SUBMITTED", "CANCEL_FULFILLMENT_ORDER", WayBack.TAKE),
        ("OPEN", "SUBMITTED", "", WayBack.UNKNOWN),
        ("IN_PROGRESS", "ACCEPTED", "REQUEST_CANCELLATION", WayBack.ASK),
        ("IN_PROGRESS", "ACCEPTED", "SOMETHING_NEW", WayBack.UNKNOWN),
        ("IN_PROGRESS", "CANCELLATION_REQUESTED", "CANCEL_FULFILLMENT_ORDER", WayBack.WAIT),
        ("IN_PROGRESS", "CANCELLATION_ACCEPTED", "CANCEL_FULFILLMENT_ORDER", WayBack.TAKE),
        ("IN_PROGRESS", "CANCELLATION_ACCEPTED", "", WayBack.WAIT),
        ("IN_PROGRESS", "CANCELLATION_REJECTED", "REQUEST_CANCELLATION", WayBack.REFUSED),
        ("IN_PROGRESS", "UNSUBMITTED", "MARK_AS_OPEN", WayBack.OPEN),
        ("IN_PROGRESS", "REJECTED", "MARK_AS_OPEN", WayBack.OPEN),
        ("IN_PROGRESS", "UNSUBMITTED", "", WayBack.UNKNOWN),
        ("SOMETHING_NEW", "UNSUBMITTED", "MARK_AS_OPEN", WayBack.UNKNOWN),
        ("OPEN", "SOMETHING_NEW", "CANCEL_FULFILLMENT_ORDER", WayBack.UNKNOWN),
    ],
)
def test_the_way_back_is_what_the_shop_offers(
    status: str, request_status: str, offered: str, way: WayBack | None
) -> None:
    """
    A word we do not know, or a step that is not offered, is never a way back.
    """
    share = {"id": "1", "status": status, "requestStatus": request_status, "supportedActions": [{"action": offered}]}

    assert way is way_back(Share.model_validate(share))
