"""
Only an Unfulfilled order may be cancelled.
"""

from __future__ import annotations

import pytest

from fixtures.shopify.orders import (
    FinancialDisplay,
    Fulfillment,
    FulfillmentDisplay,
    FulfillmentOrder,
    FulfillmentOrderState,
    FulfillmentState,
    RequestState,
    ReturnState,
)
from flows.shopify.guard import find_obstacle, find_obstacle_now
from flows.shopify.lookup import read_order
from flows.shopify.replies import OrderState
from tests.flows.shopify.bench import Bench


@pytest.mark.parametrize(
    "status, words",
    [
        (FulfillmentDisplay.UNFULFILLED, None),
        (FulfillmentDisplay.OPEN, None),
        (FulfillmentDisplay.RESTOCKED, None),
        (FulfillmentDisplay.FULFILLED, "is fulfilled"),
        (FulfillmentDisplay.PARTIALLY_FULFILLED, "is partly fulfilled"),
        (FulfillmentDisplay.IN_PROGRESS, "is in progress"),
        (FulfillmentDisplay.PENDING_FULFILLMENT, "is in progress"),
        (FulfillmentDisplay.ON_HOLD, None),
        (FulfillmentDisplay.SCHEDULED, None),
        (FulfillmentDisplay.REQUEST_DECLINED, None),
        (FulfillmentDisplay.FULFILLMENT_NOT_REQUIRED, "nothing that must be sent"),
    ],
)
async def test_the_status_of_the_order_decides(bench: Bench, status: FulfillmentDisplay, words: str | None) -> None:
    """
    Unfulfilled, its two older words, and what nobody sends go on; every other status is refused with the reason and what to do.
    """
    bench.shop.orders["#1001"].display_fulfillment_status = status

    obstacle = find_obstacle(await read_order(bench.client, bench.gid("#1001")))

    assert (words is None) == (obstacle is None)
    if obstacle is not None and words is not None:
        assert words in obstacle.why
        assert "#1001" in obstacle.why
        assert obstacle.advice.endswith(".")


def _order(**changes: object) -> OrderState:
    order = {
        "id": "gid://shopify/Order/1",
        "name": "#1",
        "displayFulfillmentStatus": "UNFULFILLED",
        "returnStatus": "NO_RETURN",
        "totalRefundedSet": {"shopMoney": {"amount": "0.00", "currencyCode": "USD"}},
    }
    return OrderState.model_validate(order | changes)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"displayFulfillmentStatus": "TELEPORTED"}, "TELEPORTED"),
        ({"returnStatus": "SOMETHING_NEW"}, "open return"),
        ({"fulfillments": [{"id": "1", "status": "SOMETHING_NEW"}]}, "parcel"),
    ],
)
def test_a_word_we_do_not_know_is_never_a_yes(changes: dict[str, object], words: str) -> None:
    """
    New words of the API are read without an error, and stop the cancellation.
    """
    obstacle = find_obstacle(_order(**changes))

    assert obstacle is not None
    assert words in obstacle.why


@pytest.mark.parametrize(
    "status, stops",
    [(state, state not in ("CANCELLED", "ERROR", "FAILURE")) for state in FulfillmentState],
)
async def test_a_parcel_stops_it(bench: Bench, status: FulfillmentState, stops: bool) -> None:
    """
    A parcel that was not cancelled stops it, even when the order reads Unfulfilled.
    """
    bench.shop.orders["#1001"].fulfillments = [Fulfillment(status=status)]

    assert stops is (find_obstacle(await read_order(bench.client, bench.gid("#1001"))) is not None)


@pytest.mark.parametrize(
    "status, stops",
    [(state, state not in ("NO_RETURN", "RETURNED", "RETURN_FAILED")) for state in ReturnState],
)
async def test_an_open_return_stops_it(bench: Bench, status: ReturnState, stops: bool) -> None:
    """
    A return that is neither over nor absent stops it.
    """
    bench.shop.orders["#1001"].return_status = status

    assert stops is (find_obstacle(await read_order(bench.client, bench.gid("#1001"))) is not None)


@pytest.mark.parametrize(
    "status, requested, for_good, now",
    [
        (FulfillmentOrderState.OPEN, RequestState.UNSUBMITTED, None, None),
        (FulfillmentOrderState.OPEN, RequestState.REJECTED, None, None),
        (FulfillmentOrderState.ON_HOLD, RequestState.UNSUBMITTED, None, None),
        (FulfillmentOrderState.SCHEDULED, RequestState.UNSUBMITTED, None, None),
        (FulfillmentOrderState.CLOSED, RequestState.CANCELLATION_ACCEPTED, None, None),
        (FulfillmentOrderState.CLOSED, RequestState.ACCEPTED, None, None),
        (FulfillmentOrderState.OPEN, RequestState.SUBMITTED, None, "in progress at Warehouse B"),
        (FulfillmentOrderState.IN_PROGRESS, RequestState.UNSUBMITTED, None, "in progress at Warehouse B"),
        (FulfillmentOrderState.IN_PROGRESS, RequestState.ACCEPTED, None, "in progress at Warehouse B"),
        (FulfillmentOrderState.IN_PROGRESS, RequestState.CANCELLATION_REQUESTED, None, "in progress at Warehouse B"),
        (FulfillmentOrderState.IN_PROGRESS, RequestState.CLOSED, "in progress at Warehouse B", "in progress"),
        (FulfillmentOrderState.ON_HOLD, RequestState.ACCEPTED, "in progress at Warehouse B", "in progress"),
        (FulfillmentOrderState.IN_PROGRESS, RequestState.CANCELLATION_REJECTED, "Warehouse B refuses", "refuses"),
    ],
)
async def test_one_location_at_work_stops_it(
    bench: Bench, status: FulfillmentOrderState, requested: RequestState, for_good: str | None, now: str | None
) -> None:
    """
    An order of two locations reads Unfulfilled while one of them is at work already; the message names the place. What can be taken
    back stops it only at the moment of cancelling.
    """
    at_work = FulfillmentOrder(status=status, request_status=requested, location="Warehouse B")
    bench.shop.orders["#1001"].fulfillment_orders = [FulfillmentOrder(), at_work]

    order = await read_order(bench.client, bench.gid("#1001"))

    for words, obstacle in ((for_good, find_obstacle(order)), (now, find_obstacle_now(order))):
        assert (words is None) == (obstacle is None)
        assert obstacle is None or (words or "") in obstacle.why


async def test_work_that_cannot_be_seen_is_never_a_yes(bench: Bench) -> None:
    """
    In progress although no fulfillment order says so, to a token that may see them all; the advice says what to look at.
    """
    bench.shop.orders["#1028"].fulfillment_orders = []

    obstacle = find_obstacle(await read_order(bench.client, bench.gid("#1028")))

    assert obstacle is not None
    assert "cannot be seen" in obstacle.why
    assert "access to the fulfillment orders" in obstacle.advice


@pytest.mark.parametrize("money", [*FinancialDisplay, None])
async def test_money_does_not_matter(bench: Bench, money: FinancialDisplay | None) -> None:
    """
    Paid or not, known or not: what counts is that nothing was sent.
    """
    bench.shop.orders["#1001"].display_financial_status = money

    assert find_obstacle(await read_order(bench.client, bench.gid("#1001"))) is None


async def test_a_cancelled_order_has_no_obstacle(bench: Bench) -> None:
    """
    Being cancelled already is a state of its own, not a refusal.
    """
    order = await read_order(bench.client, bench.gid("#1024"))

    assert order.cancelled_at is not None
    assert find_obstacle(order) is None
