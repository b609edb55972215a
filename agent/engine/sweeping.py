"""
The sweep: one visit that reads what the supplier says about every request of an account that is out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agent.browser.evidence import Request
from agent.engine.looking import decide, not_read, pause
from agent.engine.pausing import waits, why_not_there
from agent.engine.records import Cancellation, SupplierOrder
from agent.engine.sites import Sites
from agent.engine.workshop import Workshop, end_with
from agent.errors import CountermandError, Retryable
from agent.model import OrderId, OrderStage, Reading


def worth_a_look(workshop: Workshop, portal: str, account: str, now: datetime) -> list[Cancellation]:
    """
    Whose next look is near enough to be done along with one that is due at *now*: no more than half of its own pause away.

    An hour's pause so brings all requests of an account together, and each is still looked at often when it is new.
    """
    longest = workshop.settings.portal(portal).looks.longest
    return [
        one
        for one in workshop.ledger.awaiting(portal, account, alone=True, until=now + longest / 2)
        if one.due_at is not None
        and one.due_at - now <= pause(workshop, one.orders[0], None if one.is_held else one.looks) / 2
    ]


async def sweep(sites: Sites, portal: str, account: str, orders: Sequence[SupplierOrder]) -> None:
    """
    Read what the supplier says about each of *orders*, all of *account*, in one session. Nothing is clicked that commits.

    Each answer is in the ledger as soon as it was read, so that a visit that is cut short loses none.
    """
    workshop = sites.workshop
    async with sites.owning(portal, account) as fence:
        left = {one.order_id: one for one in (workshop.ledger.again(order)[1] for order in orders) if _waits(one)}
        if not left:
            return
        if (why := why_not_there(sites, portal, account)) is not None:
            for order in left.values():
                waits(workshop, workshop.ledger.again(order)[0], [order], why)
            return
        visit = f"sweep-{workshop.clock.now():%Y%m%d}-{fence}-{account[:36]}"
        workshop.ledger.begin_sweep(visit, list(left.values()))
        journal = workshop.journal(visit, "sweep", portal, account, request=Request(orders=list(left)))

        def read(number: OrderId, told: Reading | CountermandError) -> None:
            _take(workshop, left.pop(number), told, visit)

        count = len(left)
        try:
            await sites.read_decisions(portal, account, left, journal, read)
            if left:
                raise Retryable(f"the portal's walk said nothing about {', '.join(left)}")
        except BaseException as error:
            end_with(journal, error)
            if not isinstance(error, CountermandError):
                raise
            for order in list(left.values()):
                _take(workshop, order, error, visit)
        else:
            journal.end(ok=True, kind="sweep", message=f"{count} orders read")


def _take(workshop: Workshop, order: SupplierOrder, told: Reading | CountermandError, visit: str) -> None:
    cancellation, order = workshop.ledger.again(order)
    if not _waits(order):
        return  # a person has resolved it meanwhile
    if isinstance(told, Reading):
        decide(workshop, cancellation, order, told, visit)
    else:
        not_read(workshop, cancellation, order, told, visit)


def _waits(order: SupplierOrder) -> bool:
    return order.stage is OrderStage.AWAITING_DECISION
