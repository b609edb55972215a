"""
The shop's part: read the shop order before the supplier is asked, cancel it once every supplier order is withdrawn.
"""

from __future__ import annotations

from datetime import timedelta

from agent.browser.evidence import Journal
from agent.engine.records import Cancellation
from agent.engine.shop_marks import marks_for
from agent.engine.workshop import Workshop, end_with
from agent.errors import CountermandError, Retryable, ShopGuarded, ShopOrderNotCancellable
from agent.model import ShopStage, Stage
from agent.storefront import ShopOrder

LATER = timedelta(minutes=5)
"""When a visit that changed nothing is tried again, by whoever advances what is due then."""


async def guard_shop_order(workshop: Workshop, cancellation: Cancellation, journal: Journal, visit: str) -> None:
    """
    Read the shop order before the portal is touched: what is fulfilled is not withdrawn behind the merchant's back.

    :raises ShopOrderNotCancellable: it is no longer Unfulfilled.
    """
    choices = cancellation.choices
    if choices.shop is None or choices.shop_gid is None:
        return
    async with workshop.step("read the shop order", journal), workshop.shop(choices.shop) as shop:
        found = await shop.read(choices.shop_gid)
    if found.cancelled_at is not None:
        workshop.ledger.move_shop(cancellation.id, ShopStage.ALREADY_CANCELLED, visit)
    elif found.obstacle is not None:
        raise _obstacle(found)


async def settle(workshop: Workshop, cancellation: Cancellation) -> None:
    """Cancel the shop order, now that every supplier order is withdrawn."""
    async with workshop.database.locks.held(f"shop.{cancellation.choices.shop}", workshop.person):
        begun = workshop.ledger.begin_settlement(cancellation.id)
        if begun is None:
            return  # meanwhile it was done, given up, changed, or joined by another supplier order
        visit, cancellation = begun
        choices = cancellation.choices  # as they stand from here on: they may have been changed until now
        if choices.shop is None or choices.shop_gid is None or choices.shop_choices is None:
            raise ValueError(f"cancellation {cancellation.id} has no shop order to settle")
        journal = workshop.journal(visit, "settle")
        sent_before = cancellation.shop_stage is ShopStage.SETTLING
        try:
            async with workshop.step("cancel the shop order", journal), workshop.shop(choices.shop) as shop:
                settlement = await shop.cancel(choices.shop_gid, choices.shop_choices)
        except BaseException as error:
            end_with(journal, error)
            if not isinstance(error, CountermandError):
                raise
            _not_settled(workshop, cancellation, error, visit)
        else:
            # An earlier visit may have sent it and been cut off: then it is ours, though the shop cannot say whose it was.
            ours = settlement.refund is not None or sent_before
            stage = ShopStage.CANCELLED if ours else ShopStage.ALREADY_CANCELLED
            journal.end(
                ok=True,
                kind=stage.value,
                message=f"shop order {choices.shop_order}: {stage.value.replace('_', ' ')}",
            )
            marks_at = workshop.clock.now() if ours and marks_for(workshop, cancellation) else None
            workshop.ledger.move_shop(cancellation.id, stage, visit, settlement, due_at=marks_at)


def _not_settled(workshop: Workshop, cancellation: Cancellation, error: CountermandError, visit: str) -> None:
    if isinstance(error, Retryable):
        workshop.ledger.fail(cancellation.id, error, visit, due_at=workshop.clock.now() + LATER)
        return
    if isinstance(error, ShopGuarded):
        workshop.ledger.move_shop(cancellation.id, ShopStage.STOPPED, visit)
    workshop.ledger.fail(cancellation.id, error, visit, stage=Stage.NEEDS_OPERATOR)


def _obstacle(found: ShopOrder) -> ShopOrderNotCancellable:
    return ShopOrderNotCancellable(
        f"{found.obstacle}. The supplier was not asked",
        next=found.advice or "Look at the order in the shop's admin.",
    )
