"""
The visit that teaches the decision's words, for an order whose answer is in the ledger already.

An order that still waits for its answer is looked at as always, in the teaching manner: the answer is then acted upon.
"""

from __future__ import annotations

from agent.browser.evidence import Request
from agent.engine.looking import look
from agent.engine.records import Cancellation, SupplierOrder
from agent.engine.sites import Sites
from agent.engine.workshop import end_with
from agent.errors import BadInput


async def teach_answer(sites: Sites, cancellation: Cancellation, order: SupplierOrder) -> None:
    """
    Open *order* and have the operator say what the portal's words mean.

    :raises BadInput: the supplier has not been asked yet.
    """
    workshop = sites.workshop
    if order.may_be_submitted:
        raise BadInput(
            f"the supplier has not been asked to cancel order {order.order_id} yet",
            next=f"Run countermand teach {order.account} --order {order.order_id}.",
        )
    if not order.stage.is_decided:
        await look(sites, cancellation, order)
        return
    async with sites.owning(order.portal, order.account):
        visit = workshop.ledger.begin_visit(cancellation.id, "teach", order)
        asked = Request(cancellation=cancellation.id, orders=[order.order_id])
        journal = workshop.journal(visit, "teach", order.portal, order.account, order.order_id, request=asked)
        try:
            reading = await sites.read_decision(order, journal)
        except BaseException as error:
            end_with(journal, error)
            raise
        journal.end(ok=True, kind=reading.answer.value, message=f"order {order.order_id}: {reading.text}")
