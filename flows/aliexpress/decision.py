"""Reading the supplier's answer to a cancellation request."""

from __future__ import annotations

import re
from datetime import timedelta

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

_COUNTDOWN = re.compile(r"(?:(\d+)\s*[^\W\d]+\s+)?(\d{1,3}):(\d{2}):(\d{2})")


async def read_decision(walk: Walk, order: OrderId) -> Reading:
    """What AliExpress says about *order* now. Reads only."""
    return await read_details(walk, await open_order(walk, order))


async def read_details(walk: Walk, state: str) -> Reading:
    """What the details at hand say, which show *state*."""
    async with walk.step("read the supplier's answer"):
        texts = [await walk.read(target) for target in ("details.status", "details.reminder")]
        countdown = await walk.read("details.countdown")
    return Reading(
        answer=_ANSWERS.get(state, Answer.UNCLEAR),
        state=state,
        text=" – ".join(text for text in texts if text),
        clear=walk.trusts("cancel_requested", "seller_refused", "placed"),
        time_left=time_left(countdown) if state == "cancel_requested" else None,
    )


def time_left(countdown: str) -> timedelta | None:
    """A countdown as the portal writes it, "1 day 23:59:58" or "23:59:58", in whatever language; ``None``: it is none."""
    found = _COUNTDOWN.search(countdown)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
