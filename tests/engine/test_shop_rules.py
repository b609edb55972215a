"""
The merchant's rules as a table: what a shop order is, what is sent to the shop, and where that ends.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import JsonValue

from agent.model import Answer, ErrorKind, Refund, ShopChoices, ShopReason, Stage
from fixtures.shopify.orders import (
    CancellationMade,
    CancelReason,
    FinancialDisplay,
    Fulfillment,
    FulfillmentDisplay,
    FulfillmentOrder,
    FulfillmentOrderState,
    FulfillmentState,
    MerchantRequest,
    RequestState,
    ReturnState,
    ShopOrder,
)
from tests.engine.bench import reads
from tests.engine.near_shop import ASK, CANCEL, OPEN, TAKE, NearShop, near_shop

_NOW: dict[str, JsonValue] = {"refundMethod": {"originalPaymentMethodsRefund": True}}

CHOICES: dict[str, tuple[ShopChoices, dict[str, JsonValue]]] = {
    "now": (
        ShopChoices(refund=Refund.NOW, reason=ShopReason.CUSTOMER, restock=True, notify=False),
        {"reason": "CUSTOMER", "restock": True, "notifyCustomer": False, **_NOW},
    ),
    "later": (
        ShopChoices(refund=Refund.LATER, reason=ShopReason.CUSTOMER, restock=True, notify=False),
        {"reason": "CUSTOMER", "restock": True, "notifyCustomer": False},
    ),
    "told": (
        ShopChoices(refund=Refund.NOW, reason=ShopReason.INVENTORY, restock=False, notify=True),
        {"reason": "INVENTORY", "restock": False, "notifyCustomer": True, **_NOW},
    ),
    "noted": (
        ShopChoices(refund=Refund.LATER, reason=ShopReason.STAFF, note="by phone", restock=False, notify=False),
        {"reason": "STAFF", "restock": False, "notifyCustomer": False, "staffNote": "by phone"},
    ),
    "fraud": (
        ShopChoices(refund=Refund.NOW, reason=ShopReason.FRAUD, note="x" * 255, restock=True, notify=False),
        {"reason": "FRAUD", "restock": True, "notifyCustomer": False, "staffNote": "x" * 255, **_NOW},
    ),
    "declined": (
        ShopChoices(refund=Refund.LATER, reason=ShopReason.DECLINED, restock=True, notify=True),
        {"reason": "DECLINED", "restock": True, "notifyCustomer": True},
    ),
    "other": (
        ShopChoices(refund=Refund.NOW, reason=ShopReason.OTHER, restock=False, notify=False),
        {"reason": "OTHER", "restock": False, "notifyCustomer": False, **_NOW},
    ),
}
"""What the merchant chose, and what of it is sent: refunding later sends no refund argument at all."""

OPERATIONS = {"ask": ASK, "take": TAKE, "open": OPEN}

# order:    what the shop's list shows             money:  what it shows about the money; "none": nothing
# shares:   each location's fulfillment order: its state, and what its service was asked; with a plus between them
# besides:  what else there is to the order        meanwhile: what happens while the supplier decides; what the service answers
# sent:     each mutation in its order, and the share that it is about
TABLE = """
order          | money              | shares                        | besides   | choices  | meanwhile  | sent                    | ends
-- the money does not matter: nothing was sent
unfulfilled    | paid               | open                          |           | now      |            | cancel                  | done cancelled 0
unfulfilled    | authorized         | open                          |           | now      |            | cancel                  | done cancelled 0
unfulfilled    | expired            | open                          |           | now      |            | cancel                  | done cancelled 0
unfulfilled    | partially paid     | open                          |           | now      |            | cancel                  | done cancelled 0
unfulfilled    | partially refunded | open                          |           | later    |            | cancel                  | done cancelled 0
unfulfilled    | pending            | open                          |           | later    |            | cancel                  | done cancelled 0
unfulfilled    | refunded           | open                          |           | later    |            | cancel                  | done cancelled 0
unfulfilled    | voided             | open                          |           | now      |            | cancel                  | done cancelled 0
unfulfilled    | none               | open                          |           | now      |            | cancel                  | done cancelled 0
-- every answer of the form
unfulfilled    | paid               | open                          |           | later    |            | cancel                  | done cancelled 0
unfulfilled    | paid               | open                          |           | told     |            | cancel                  | done cancelled 0
unfulfilled    | paid               | open                          |           | noted    |            | cancel                  | done cancelled 0
unfulfilled    | paid               | open                          |           | fraud    |            | cancel                  | done cancelled 0
unfulfilled    | paid               | open                          |           | declined |            | cancel                  | done cancelled 0
unfulfilled    | paid               | open                          |           | other    |            | cancel                  | done cancelled 0
-- what the list shows
open           | paid               | open                          |           | now      |            | cancel                  | done cancelled 0
restocked      | paid               | open                          |           | later    |            | cancel                  | done cancelled 0
on hold        | paid               | on_hold                       |           | now      |            | cancel                  | done cancelled 0
on hold        | pending            | on_hold                       |           | noted    |            | cancel                  | done cancelled 0
scheduled      | paid               | scheduled                     |           | now      |            | cancel                  | done cancelled 0
request declined | paid             | open/rejected                 |           | later    |            | cancel                  | done cancelled 0
unfulfilled    | paid               | incomplete/closed             |           | now      |            | cancel                  | done cancelled 0
fulfilled      | paid               | closed                        | parcel    | now      |            |                         | refused stopped 40
fulfilled      | none               | closed                        | parcel    | later    |            |                         | refused stopped 40
fulfilled      | pending            | closed                        | parcel    | now      |            |                         | refused stopped 40
partially fulfilled | paid          | open                          | parcel    | now      |            |                         | refused stopped 40
partially fulfilled | pending       | open                          | parcel    | later    |            |                         | refused stopped 40
fulfillment not required | paid     | closed                        |           | now      |            |                         | refused stopped 40
in progress    | paid               | unseen                        |           | now      |            |                         | refused stopped 40
pending fulfillment | paid          | unseen                        |           | later    |            |                         | refused stopped 40
in progress    | paid               | open                          |           | now      |            |                         | refused stopped 40
-- what the list does not show
unfulfilled    | paid               | open                          | parcel    | now      |            |                         | refused stopped 40
unfulfilled    | pending            | open                          | parcel    | now      |            |                         | refused stopped 40
unfulfilled    | paid               | open                          | no parcel | now      |            | cancel                  | done cancelled 0
unfulfilled    | paid               | open                          | return    | now      |            |                         | refused stopped 40
unfulfilled    | pending            | open                          | return    | later    |            |                         | refused stopped 40
unfulfilled    | paid               | open                          | returned  | now      |            | cancel                  | done cancelled 0
unfulfilled    | refunded           | open                          | cancelled | now      |            |                         | done already_cancelled 0
unfulfilled    | paid               | open                          | cancelled | later    |            |                         | done already_cancelled 0
fulfilled      | pending            | open                          | cancelled | now      |            |                         | done already_cancelled 0
-- in progress: each way back
in progress    | paid               | open/submitted                |           | now      |            | take1 cancel            | done cancelled 0
in progress    | pending            | open/submitted                |           | later    |            | take1 cancel            | done cancelled 0
in progress    | paid               | in_progress                   |           | now      |            | open1 cancel            | done cancelled 0
pending fulfillment | paid          | in_progress                   |           | noted    |            | open1 cancel            | done cancelled 0
in progress    | paid               | in_progress/accepted          |           | now      | lets go    | ask1 cancel             | done cancelled 0
in progress    | authorized         | in_progress/accepted          |           | later    | lets go    | ask1 cancel             | done cancelled 0
in progress    | paid               | in_progress/accepted          |           | now      | refuses    | ask1                    | needs_operator stopped 20
in progress    | pending            | in_progress/accepted          |           | later    | refuses    | ask1                    | needs_operator stopped 20
in progress    | paid               | in_progress/accepted          |           | now      | is silent  | ask1                    | settling waiting 0
in progress    | paid               | in_progress/cancellation_requested |      | now      | lets go    | cancel                  | done cancelled 0
in progress    | paid               | in_progress/cancellation_requested |      | now      | refuses    |                         | needs_operator stopped 20
in progress    | paid               | in_progress/cancellation_requested |      | now      | is silent  |                         | settling waiting 0
in progress    | paid               | in_progress/cancellation_rejected  |      | now      |            |                         | refused stopped 40
in progress    | paid               | in_progress/cancellation_accepted  |      | now      | is silent  |                         | settling waiting 0
in progress    | paid               | in_progress/closed            |           | now      |            |                         | refused stopped 40
on hold        | paid               | on_hold/accepted              |           | now      |            |                         | refused stopped 40
on hold        | paid               | on_hold/cancellation_rejected |           | now      |            |                         | refused stopped 40
in progress    | paid               | in_progress                   | parcel    | now      |            |                         | refused stopped 40
in progress    | paid               | open/submitted                | return    | now      |            |                         | refused stopped 40
in progress    | paid               | in_progress/accepted          | cancelled | now      |            |                         | done already_cancelled 0
-- several locations
unfulfilled    | paid               | open + open                   |           | now      |            | cancel                  | done cancelled 0
unfulfilled    | paid               | open + open/submitted         |           | now      |            | take2 cancel            | done cancelled 0
unfulfilled    | paid               | open + in_progress            |           | later    |            | open2 cancel            | done cancelled 0
in progress    | paid               | in_progress + in_progress     |           | now      |            | open1 open2 cancel      | done cancelled 0
in progress    | paid               | in_progress + open/submitted  |           | now      |            | open1 take2 cancel      | done cancelled 0
unfulfilled    | paid               | open + in_progress/accepted   |           | now      | lets go    | ask2 cancel             | done cancelled 0
unfulfilled    | paid               | open + in_progress/accepted   |           | now      | is silent  | ask2                    | settling waiting 0
in progress    | paid               | open/submitted + in_progress/accepted |   | now      | refuses    | take1 ask2              | needs_operator stopped 20
in progress    | paid               | in_progress + in_progress/accepted + open/submitted | | now | lets go | open1 ask2 take3 cancel | done cancelled 0
in progress    | paid               | in_progress/accepted + in_progress/accepted | | now  | lets go    | ask1 ask2 cancel        | done cancelled 0
in progress    | paid               | in_progress + in_progress/cancellation_rejected | | now |          |                         | refused stopped 40
on hold        | paid               | on_hold + in_progress         |           | now      |            | open2 cancel            | done cancelled 0
unfulfilled    | paid               | closed/cancellation_accepted + open |     | later    |            | cancel                  | done cancelled 0
-- while the supplier decides
unfulfilled    | paid               | open                          |           | now      | sent       |                         | needs_operator stopped 20
unfulfilled    | none               | open                          |           | now      | sent       |                         | needs_operator stopped 20
unfulfilled    | paid               | open                          |           | later    | partly     |                         | needs_operator stopped 20
unfulfilled    | pending            | open                          |           | later    | partly     |                         | needs_operator stopped 20
unfulfilled    | paid               | open                          |           | now      | return     |                         | needs_operator stopped 20
unfulfilled    | paid               | open                          |           | now      | cancelled  |                         | done already_cancelled 0
unfulfilled    | paid               | open                          |           | now      | submitted  | take1 cancel            | done cancelled 0
unfulfilled    | paid               | open                          |           | now      | marked     | open1 cancel            | done cancelled 0
unfulfilled    | paid               | open                          |           | later    | held       | cancel                  | done cancelled 0
unfulfilled    | paid               | open                          |           | now      | rejected   |                         | needs_operator stopped 20
in progress    | paid               | in_progress                   |           | now      | sent       |                         | needs_operator stopped 20
in progress    | paid               | in_progress/accepted          |           | now      | sent       |                         | needs_operator stopped 20
in progress    | paid               | in_progress/accepted          |           | now      | cancelled  |                         | done already_cancelled 0
"""

ROWS = [
    tuple(cell.strip() for cell in line.split("|"))
    for line in TABLE.strip().splitlines()[1:]
    if not line.startswith("--")
]

_STATES = FulfillmentOrderState
_BY_HAND = CancellationMade(
    reason=CancelReason.CUSTOMER, restock=True, notify_customer=False, staff_note=None, refund=False
)


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NearShop]:
    """One ledger and one shop for all rows: each row is an order of its own."""
    with near_shop(tmp_path_factory.mktemp("rules")) as near:
        yield near


def _is_slow(row: tuple[str, ...]) -> bool:
    """Orders that nobody works on differ in choices and money only: they are among the slow tests."""
    _, _, shares, _, _, meanwhile, *_ = row
    return shares == "open" and not meanwhile


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id="-".join(filter(None, row)).replace(" ", "_"), marks=[pytest.mark.slow] * _is_slow(row))
        for row in ROWS
    ],
)
async def test_what_is_sent_and_where_it_ends(near: NearShop, row: tuple[str, ...]) -> None:
    """
    The supplier agrees to everything that it is asked; the shop gets exactly what the row says, and nothing more.
    """
    shows, money, shares, besides, choice, meanwhile, sent, ends = row
    order = _order(near, shows, money, shares, besides)
    gids = [f"gid://shopify/FulfillmentOrder/{share.number}" for share in order.fulfillment_orders]
    chosen, variables = CHOICES[choice]
    asked_before = len(near.bench.portal.asked)

    claimed = near.claim(order, chosen)
    near.bench.portal.looks = [reads(Answer.WITHDRAWN)]
    await near.next_visit(claimed)
    _happens(near, order, meanwhile)
    for _ in range(8):
        now = near.bench.again(claimed)
        if now.stage.is_final or now.stage is Stage.NEEDS_OPERATOR:
            break
        await near.next_visit(claimed)
        if meanwhile in ("lets go", "refuses"):
            near.shop.answer_cancellation(order.name, accept=meanwhile == "lets go")

    expected = []
    for word in sent.split():
        if word == "cancel":
            expected.append((CANCEL, {"orderId": order.gid, **variables}))
        else:
            about: dict[str, JsonValue] = {"id": gids[int(word[-1]) - 1]}
            if word.startswith("ask"):
                about["message"] = "The order is being cancelled. Please do not send it."
            expected.append((OPERATIONS[word[:-1]], about))
    stage, shop_stage, code, kind = near.stands(claimed)
    assert expected == [(line.operation, line.variables) for line in near.received]
    assert all(line.executed for line in near.received)
    assert ends == f"{stage.value} {shop_stage.value} {code}"
    assert kind is (None if code == 0 else ErrorKind.SHOP_GUARD)
    assert (stage is not Stage.REFUSED) == (len(near.bench.portal.asked) > asked_before)
    assert ("cancel" in sent or shop_stage.value == "already_cancelled") == (order.cancelled_at is not None)


def test_the_table_is_long_enough_and_has_no_row_twice() -> None:
    """
    A row that was lost, or copied and not changed, would prove nothing.
    """
    assert 80 <= len(ROWS) == len(set(ROWS))


def _order(near: NearShop, shows: str, money: str, shares: str, besides: str) -> ShopOrder:
    order = near.add(
        *(_share(near, place, written) for place, written in enumerate(shares.split(" + "), 1)),
        shows=FulfillmentDisplay(shows.upper().replace(" ", "_")),
        display_financial_status=None if money == "none" else FinancialDisplay(money.upper().replace(" ", "_")),
    )
    if shares == "unseen":
        order.fulfillment_orders = []
    match besides:
        case "parcel":
            order.fulfillments = [Fulfillment()]
        case "no parcel":
            order.fulfillments = [Fulfillment(status=FulfillmentState.CANCELLED)]
        case "return":
            order.return_status = ReturnState.RETURN_REQUESTED
        case "returned":
            order.return_status = ReturnState.RETURNED
        case "cancelled":
            order.cancel(_BY_HAND, near.bench.clock.now())
        case _:
            assert besides == ""
    return order


def _share(near: NearShop, place: int, written: str) -> FulfillmentOrder:
    status, _, request = ("open" if written == "unseen" else written).partition("/")
    asked = MerchantRequest(kind="CANCELLATION_REQUEST", sent_at=near.bench.clock.now())
    return FulfillmentOrder(
        status=_STATES(status.upper()),
        request_status=RequestState((request or "unsubmitted").upper()),
        location=f"Place {place}",
        by_service=bool(request),
        requests=[asked] if request == "cancellation_requested" else [],
    )


def _happens(near: NearShop, order: ShopOrder, meanwhile: str) -> None:
    share = order.fulfillment_orders[0] if order.fulfillment_orders else FulfillmentOrder()
    match meanwhile:
        case "sent" | "partly":
            order.send(partly=meanwhile == "partly")
        case "return":
            order.return_status = ReturnState.IN_PROGRESS
        case "cancelled":
            order.cancel(_BY_HAND, near.bench.clock.now())
        case "submitted":
            share.request_status, share.by_service = RequestState.SUBMITTED, True
            order.display_fulfillment_status = FulfillmentDisplay.IN_PROGRESS
        case "marked":
            share.status = FulfillmentOrderState.IN_PROGRESS
            order.display_fulfillment_status = FulfillmentDisplay.IN_PROGRESS
        case "rejected":
            share.status, share.request_status = FulfillmentOrderState.IN_PROGRESS, RequestState.CANCELLATION_REJECTED
            order.display_fulfillment_status = FulfillmentDisplay.IN_PROGRESS
        case "held":
            share.status = FulfillmentOrderState.ON_HOLD
            order.display_fulfillment_status = FulfillmentDisplay.ON_HOLD
        case _:
            assert meanwhile in ("", "lets go", "refuses", "is silent")
