"""
The merchant's cancel form: every answer arrives as it was given, and what was refunded is what the shop says.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest

from agent.model import Refund, ShopChoices, ShopReason
from agent.storefront import ShopSettlement
from fixtures.shopify.orders import FinancialDisplay, ShopOrder
from flows.shopify.settle import cancel_order
from tests.flows.shopify.bench import CHOICES, Bench

LATER = CHOICES.model_copy(update={"refund": Refund.LATER})


@pytest.mark.slow
@pytest.mark.parametrize("reason", ShopReason)
async def test_every_combination_of_answers_arrives(bench: Bench, reason: ShopReason) -> None:
    """
    Refund, reason, note, restock and notify are what the shop was told; refunding later sends no refund argument at all.
    """
    for number, (refund, note, restock, notify) in enumerate(
        product(Refund, (None, "by phone"), (True, False), (True, False))
    ):
        order = bench.shop.add(ShopOrder(name=f"#5{number:03}", created_at=bench.clock.at, updated_at=bench.clock.at))
        choices = ShopChoices(refund=refund, reason=reason, note=note, restock=restock, notify=notify)

        await cancel_order(bench.client, order.gid, choices)

        sent = bench.shop.received[-1].variables
        made = order.cancellation_made
        assert {"reason": reason.upper(), "restock": restock, "notifyCustomer": notify, "orderId": order.gid} | (
            {"staffNote": note} if note else {}
        ) | ({"refundMethod": {"originalPaymentMethodsRefund": True}} if refund is Refund.NOW else {}) == sent
        assert made is not None
        assert (refund is Refund.NOW, note, restock, notify) == (
            made.refund,
            made.staff_note,
            made.restock,
            made.notify_customer,
        )


@pytest.mark.parametrize(
    "money, choices, amount",
    [
        ({"total": "10.00"}, CHOICES, "10.00"),
        ({"total": "10.00"}, LATER, "0.00"),
        ({"total": "10.00", "display_financial_status": FinancialDisplay.PENDING}, CHOICES, "0.00"),
        ({"total": "10.00", "display_financial_status": FinancialDisplay.AUTHORIZED}, CHOICES, "0.00"),
        (
            {"total": "10.00", "refunded": "3.00", "display_financial_status": FinancialDisplay.PARTIALLY_REFUNDED},
            LATER,
            "3.00",
        ),
        ({"total": "1000", "currency": "JPY"}, CHOICES, "1000"),
        ({"total": "10.00", "customer_currency": "EUR", "customer_rate": "0.90"}, CHOICES, "10.00"),
    ],
)
async def test_what_was_refunded_is_read_back(
    bench: Bench, money: dict[str, object], choices: ShopChoices, amount: str
) -> None:
    """
    The amount is the shop's own, in the shop's currency, also where the customer paid in another one; later is nothing yet.
    """
    order = ShopOrder.model_validate(
        {"name": "#6000", "created_at": bench.clock.at, "updated_at": bench.clock.at, **money}
    )
    bench.shop.add(order)

    settled = await cancel_order(bench.client, order.gid, choices)

    assert order.cancelled_at is not None
    assert (
        ShopSettlement(
            cancelled_at=order.cancelled_at.replace(microsecond=0),
            refund=choices.refund,
            amount=Decimal(amount),
            currency=str(money.get("currency", "USD")),
        )
        == settled
    )
