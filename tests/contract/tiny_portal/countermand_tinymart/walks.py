"""TinyMart's walks: My orders → the order → Cancel order → reason → Send."""

from __future__ import annotations

from agent.errors import NotCancellable, OrderNotFound, UnknownPage
from agent.model import Answer, OrderId, Reading, ReasonChoice, Submission
from agent.walk import Walk

_ANSWERS = {
    "cancel_requested": Answer.WAITING,
    "placed": Answer.NOT_REQUESTED,
    "cancelled": Answer.WITHDRAWN,
    "shipped": Answer.REFUSED,
}


async def open_order(walk: Walk, order: OrderId) -> str:
    """Open the details of *order*, and name its state."""
    async with walk.step("find the order"):
        await walk.open("orders")
        if await walk.outcome("orders.found", row=order) != "found":
            raise OrderNotFound(f"this account has no order {order} at TinyMart", next="Check the number.", order=order)
        await walk.click("orders.details_link", row=order)
        state = await walk.outcome("details.state")
        await walk.prove(order)
        return state


async def request_cancellation(walk: Walk, order: OrderId, reason: ReasonChoice) -> Submission:
    """Ask TinyMart to cancel *order*."""
    match await open_order(walk, order):
        case "placed":
            pass
        case "cancel_requested":
            return Submission.ALREADY_OPEN
        case "cancelled":
            return Submission.ALREADY_CANCELLED
        case state:
            raise NotCancellable(f"order {order} is {state}", next="Ask for a return.", order=order, state=state)

    async with walk.step("send the request"):
        await walk.commit("details.cancel", order=order)
        if (state := await walk.outcome("cancel.started")) == "reason_asked":
            await walk.choose("cancel.reason", reason)
            await walk.commit("cancel.submit", order=order)
            state = await walk.outcome("cancel.result")
        if state != "requested":
            raise UnknownPage(f"order {order} ended as {state}", next="Look at the report.", order=order, state=state)
        return Submission.REQUESTED


async def read_decision(walk: Walk, order: OrderId) -> Reading:
    """What TinyMart says about *order* now."""
    state = await open_order(walk, order)
    return Reading(
        answer=_ANSWERS.get(state, Answer.UNCLEAR),
        state=state,
        text=await walk.read("details.status"),
        clear=walk.trusts("cancel_requested", "placed"),
    )
