"""
The shop's part: read the shop order before the supplier is asked, cancel it once every supplier order is withdrawn.
"""

from __future__ import annotations

from datetime import timedelta

from agent.browser.evidence import Journal, Request
from agent.engine.records import Cancellation
from agent.engine.shop_marks import marks_for
from agent.engine.siblings import check_siblings, read_siblings
from agent.engine.workshop import Workshop, end_with
from agent.errors import CountermandError, Retryable, ShopGuarded, ShopOrderNotCancellable
from agent.model import ShopStage, Stage
from agent.storefront import ShopOrder, ShopWaiting

LATER = timedelta(minutes=5)
"""When a visit that changed nothing is tried again, by whoever advances what is due then."""


async def guard_shop_order(workshop: Workshop, cancellation: Cancellation, journal: Journal, visit: str) -> None:
    """
    Read the shop order before the portal is touched: what is fulfilled is not withdrawn behind the merchant's back.

    What is in progress and can be taken back is no obstacle. It is not taken back before every supplier order is withdrawn: whoever sends
    it would stop for goods that may come all the same.

    :raises ShopOrderNotCancellable: it cannot be made Unfulfilled any more.
    :raises MoreOrdersBehind: it names supplier orders that nobody asked for.
    """
    choices = cancellation.choices
    if choices.shop is None or choices.shop_gid is None:
        return
    async with workshop.step("read the shop order", journal), workshop.shop(choices.shop) as shop:
        found = await shop.read(choices.shop_gid)
        named = await read_siblings(workshop, cancellation, shop, found)
    if found.cancelled_at is not None:
        workshop.ledger.move_shop(cancellation.id, ShopStage.ALREADY_CANCELLED, visit)
    elif found.obstacle is not None:
        raise _obstacle(found)
    check_siblings(workshop, cancellation, named)


async def settle(workshop: Workshop, cancellation: Cancellation) -> None:
    """
    Cancel the shop order, now that every supplier order is withdrawn. Where somebody is at work on it, that is taken back first; if a
    fulfillment service has to agree to it, a later visit goes on.

    Until all of it is taken back its choices may be changed, and another supplier order may join it: then this visit cancels nothing.
    """
    async with workshop.database.locks.held(f"shop.{cancellation.choices.shop}", workshop.person):
        cancellation = workshop.ledger.get(cancellation.id)
        choices = cancellation.choices
        if choices.shop is None or choices.shop_gid is None or choices.shop_choices is None:
            raise ValueError(f"cancellation {cancellation.id} has no shop order to settle")
        if cancellation.stage is not Stage.SETTLING:
            return  # meanwhile it was done, given up, changed, or joined by another supplier order
        visit = workshop.ledger.begin_visit(cancellation.id, "settle", None)
        asked = Request(cancellation=cancellation.id, shop_order=choices.shop_order)
        journal = workshop.journal(visit, "settle", request=asked)
        sent_before = cancellation.shop_stage is ShopStage.SETTLING
        try:
            async with workshop.shop(choices.shop) as shop:
                async with workshop.step("make the shop order Unfulfilled", journal):
                    waiting = await shop.take_back(choices.shop_gid)
                if waiting is not None:
                    _wait(workshop, cancellation, waiting, journal, visit)
                    return
                answers = workshop.ledger.begin_settlement(cancellation.id, visit)
                if answers is None:
                    journal.end(
                        ok=True, kind="overtaken", message=f"shop order {choices.shop_order}: not to be cancelled now"
                    )
                    return
                async with workshop.step("cancel the shop order", journal):
                    settlement = await shop.cancel(choices.shop_gid, answers)
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


def _wait(workshop: Workshop, cancellation: Cancellation, waiting: ShopWaiting, journal: Journal, visit: str) -> None:
    """
    Look again later: after as long again as was waited until now, so that no count has to be kept.

    :raises ShopGuarded: it was waited for too long.
    """
    _, settings = workshop.settings.shop(cancellation.choices.shop)
    services, now = settings.services, workshop.clock.now()
    told = workshop.ledger.shop_waits_for(cancellation.id)
    since = waiting.since or (told.at if told is not None and told.detail == {"why": waiting.what} else now)
    if now - since > services.limit:
        raise _silent(cancellation.id, waiting)
    due_at = now + min(max(services.first, now - since), services.longest)
    journal.end(ok=True, kind="waits", message=waiting.what)
    workshop.ledger.wait_for_shop(cancellation.id, waiting.what, due_at, visit)
    workshop.person.says(f"{waiting.what}; it is looked at again at {due_at:%Y-%m-%d %H:%M} UTC")


def _silent(id: str, waiting: ShopWaiting) -> ShopGuarded:
    error = ShopGuarded(
        waiting.what,
        next="Ask the service. Once it has let go, or the order was reverted to Unfulfilled in the shop's admin, run "
        f"countermand retry {id}; countermand abandon {id} leaves the shop order as it is.",
    )
    error.done_so_far = "The shop order was not cancelled."
    return error


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
