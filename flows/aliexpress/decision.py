"""Reading the supplier's answer to a cancellation request."""

from __future__ import annotations

from agent.model import Answer, OrderId, Reading
from agent.walk import Walk
from flows.aliexpress.orders import open_order

_ANSWERS = {
    "cancel_requested": Answer.WAITING,
    "placed": Answer.NOT_REQUESTED,
    "unpaid": Answer.NOT_REQUESTED,
    "payment_check": Answer.NOT_REQUESTED,
    "cancelled": Answer.WITHDRAWN,
    "closed": Answer.WITHDRAWN,
    "expired": Answer.WITHDRAWN,
    "seller_refused": Answer.REFUSED,
    "shipped": Answer.REFUSED,
    "completed": Answer.REFUSED,
}
"""Any other state (closed with a shipment, in dispute) is unclear: a person decides. Completed is never approved."""


async def read_decision(walk: Walk, order: OrderId) -> Reading:
    """What AliExpress says about *order* now. Reads only."""
    state = await open_order(walk, order)
    async with walk.step("read the supplier's answer"):
        texts = [await walk.read(target) for target in ("details.status", "details.reminder")]
    return Reading(
        answer=_ANSWERS.get(state, Answer.UNCLEAR),
        state=state,
        text=" – ".join(text for text in texts if text),
        clear=walk.trusts("cancel_requested", "seller_refused", "placed"),
    )
