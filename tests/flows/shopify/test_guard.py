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
from flows.shopify.guard import find_obstacle
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
        (FulfillmentDisplay.ON_HOLD, "is on hold"),
        (FulfillmentDisplay.SCHEDULED, "is scheduled"),
        (FulfillmentDisplay.REQUEST_DECLINED, "has declined"),
        (FulfillmentDisplay.FULFILLMENT_NOT_REQUIRED, "nothing that must be sent"),
    ],
)
async def test_the_status_of_the_order_decides(bench: Bench, status: FulfillmentDisplay, words: str | None) -> None:
    """
    Unfulfilled and its two older words go on; every other status is refused with the reason and what to do.
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
    "status, requested, stops",
    [
        (FulfillmentOrderState.OPEN, RequestState.UNSUBMITTED, False),
        (FulfillmentOrderState.OPEN, RequestState.REJECTED, False),
        (FulfillmentOrderState.OPEN, RequestState.SUBMITTED, True),
        (FulfillmentOrderState.IN_PROGRESS, RequestState.UNSUBMITTED, True),
        (FulfillmentOrderState.IN_PROGRESS, RequestState.ACCEPTED, True),
        (FulfillmentOrderState.IN_PROGRESS, RequestState.CANCELLATION_REJECTED, True),
        (FulfillmentOrderState.CLOSED, RequestState.CANCELLATION_ACCEPTED, False),
        (FulfillmentOrderState.CLOSED, RequestState.ACCEPTED, False),
    ],
)
async def test_one_location_at_work_stops_it(
    bench: Bench, status: FulfillmentOrderState, requested: RequestState, stops: bool
) -> None:
    """
    An order of two locations reads Unfulfilled while one of them is at work already; the message names the place.
    """
    at_work = FulfillmentOrder(status=status, request_status=requested, location="Warehouse B")
    bench.shop.orders["#1001"].fulfillment_orders = [FulfillmentOrder(), at_work]

    obstacle = find_obstacle(await read_order(bench.client, bench.gid("#1001")))

    assert stops is (obstacle is not None)
    assert obstacle is None or "in progress at Warehouse B" in obstacle.why


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
