"""Order Details → Cancel order → reason → Submit → Confirm."""

from __future__ import annotations

from agent.errors import NoDecision, NotCancellable, Refused, UnknownPage
from agent.model import OrderId, ReasonChoice, Submission
from agent.walk import Walk
from flows.aliexpress.orders import open_order

WORDS = {
    "shipped": "it was shipped",
    "completed": "it is completed",
    "in_dispute": "it is in dispute",
    "seller_refused": "the seller has declined an earlier cancellation request",
    "expired": "it was never paid, and expired",
}
"""Why an order in this state is not cancelled, in a merchant's words."""


async def request_cancellation(walk: Walk, order: OrderId, reason: ReasonChoice) -> Submission:
    """
    Ask the seller to cancel *order*. Safe to call again: an open request is reported, not repeated.

    :raises NotCancellable, OrderNotFound: nothing was submitted.
    :raises Refused: the courier has the parcel.
    """
    match await open_order(walk, order):
        case "placed" | "unpaid" | "payment_check":
            pass
        case "cancel_requested":
            return Submission.ALREADY_OPEN
        case "cancelled" | "closed" | "expired":
            return Submission.ALREADY_CANCELLED
        case "closed_with_shipment" | "closed_unreadable" as state:
            raise NoDecision(
                f"order {order} is closed, and {'a shipment shows' if state == 'closed_with_shipment' else 'whether it was shipped cannot be read'}",
                next="Look at the order at AliExpress and decide by hand.",
                order=order,
                state=state,
            )
        case state:
            raise NotCancellable(
                f"order {order} cannot be cancelled: {WORDS.get(state, f'its state is {state}')}",
                next="If the goods are on their way, ask for a return after delivery.",
                order=order,
                state=state,
                words=await walk.read("details.status"),
            )

    async with walk.step("start the cancellation"):
        await walk.commit("details.cancel", order=order)
        outcome = await walk.outcome("cancel.started")

    if outcome == "reason_asked":
        async with walk.step("choose the reason"):
            await walk.choose("cancel.reason", reason)
        async with walk.step("submit the request"):
            await walk.commit("cancel.submit", order=order)
            outcome = await walk.outcome("cancel.submitted")

    if outcome == "confirm_asked":
        async with walk.step("confirm"):
            await walk.commit("cancel.confirm", order=order)
            outcome = await walk.outcome("cancel.result")

    match outcome:
        case "requested":
            return Submission.REQUESTED
        case "cancelled":
            return Submission.CANCELLED_AT_ONCE
        case "courier_has_it" as state:
            raise Refused(
                f"order {order} cannot be cancelled any more: the courier has picked it up",
                next="Ask for a return after delivery, and decide about the shop order by hand.",
                order=order,
                state=state,
            )
        case state:
            raise UnknownPage(
                f"after the cancellation of order {order} the portal shows {state}",
                next="Look at the picture in the report.",
                order=order,
                state=state,
            )
