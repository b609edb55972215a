"""
Making a shop order Unfulfilled again, where its fulfillment is in progress: the supplier has agreed, so nothing is to be sent any more.

::

    read ── cancelled, or nobody at work ───────────► nothing to do
      │
      ├─ a step that was not sent in this visit ────► sent once, whatever is answered; then read again
      ├─ a service was asked, and is silent ────────► ShopWaiting: a later visit looks again
      └─ nothing takes it back, or a service refuses ► ShopGuarded

Each step is one that the shop refuses to do twice, and each visit reads first: one that was cut off is simply gone on with.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import BadInput, CountermandError, Retryable, ShopGuarded, Uncertain
from agent.storefront import ShopWaiting
from flows.shopify.client import ShopifyClient
from flows.shopify.fulfillment import WayBack, asked_at, at_work, places, way_back
from flows.shopify.guard import NOT_CANCELLED, find_obstacle, is_in_progress, refuse
from flows.shopify.lookup import read_order
from flows.shopify.operations import (
    CANCEL_FULFILLMENT_ORDER,
    OPEN_FULFILLMENT_ORDER,
    REQUEST_FULFILLMENT_CANCELLATION,
    Operation,
)
from flows.shopify.replies import OrderState, ShareChanged, words_of

_MESSAGE = "The order is being cancelled. Please do not send it."
_MOST_STEPS = 60
"""Twice as many as an order is read with shares: whoever comes so far is racing with an app."""
_OPERATIONS = {
    WayBack.ASK: REQUEST_FULFILLMENT_CANCELLATION,
    WayBack.TAKE: CANCEL_FULFILLMENT_ORDER,
    WayBack.OPEN: OPEN_FULFILLMENT_ORDER,
}


@dataclass(frozen=True)
class _Step:
    """One mutation about one share, by the share's id: a share that is taken back gets a new one."""

    share: str
    operation: Operation


async def take_back(client: ShopifyClient, gid: str) -> ShopWaiting | None:
    """
    Take back what is in progress. Safe to call again: it looks first.

    :returns: what is waited for; ``None``: nobody is at work on the order (any more), or it is cancelled.
    :raises ShopGuarded: it may not be cancelled any more, a service refuses to let go, or nothing takes the work back.
    :raises Retryable: the shop did not answer, and the order reads as before.
    """
    sent: dict[_Step, CountermandError | None] = {}
    while True:
        order = await read_order(client, gid)
        if order.cancelled_at is not None:
            return None
        if sent and is_in_progress(order) and not at_work(order):
            return ShopWaiting(what=f"the shop order {order.name} was taken back, and does not read Unfulfilled yet")
        refuse(order, find_obstacle(order))
        steps = _steps(order)
        step = next((one for one in steps if one not in sent), None)
        if step is None:
            break
        if len(sent) == _MOST_STEPS:
            raise _again_and_again(order)
        sent[step] = await _send(client, step)
    for one in steps:
        if (error := sent[one]) is not None:
            raise error
    if steps:
        return ShopWaiting(what=f"the shop was told to take {order.name} back, and does not show it yet")
    return _waiting(order)


def _steps(order: OrderState) -> list[_Step]:
    ways = [(share.id, way_back(share)) for share in order.fulfillment_orders.nodes]
    return [_Step(share, _OPERATIONS[way]) for share, way in ways if way in _OPERATIONS]


async def _send(client: ShopifyClient, step: _Step) -> CountermandError | None:
    """
    Send it once.

    :returns: what is to be said if the order, read again, still needs it; a share that went meanwhile needs nothing.
    """
    variables = {"id": step.share}
    if step.operation is REQUEST_FULFILLMENT_CANCELLATION:
        variables["message"] = _MESSAGE
    try:
        changed = await client.change(step.operation, variables, ShareChanged)
    except Uncertain as lost:
        return Retryable(
            f"{lost.what} when it was told to take the order back from fulfillment, and the order reads as before",
            **lost.facts,
        )
    except BadInput as unknown:
        return unknown
    if not changed.answer.user_errors:
        return None
    refused = ShopGuarded(
        f"the shop refuses to take the order back from fulfillment: {words_of(changed.answer.user_errors)}",
        next="Look at the order in the shop's admin and make it Unfulfilled there, then give the same command again.",
    )
    refused.done_so_far = NOT_CANCELLED
    return refused


def _again_and_again(order: OrderState) -> ShopGuarded:
    error = ShopGuarded(
        f"the shop order {order.name} goes to fulfillment again as often as it is taken back",
        next="Some app or rule of the shop requests it anew: switch that off for this order, then give the same command again.",
    )
    error.done_so_far = NOT_CANCELLED
    return error


def _waiting(order: OrderState) -> ShopWaiting | None:
    waiting = at_work(order, WayBack.WAIT)
    if not waiting:
        return None
    since = asked_at(order)
    at = f" at {since:%Y-%m-%d %H:%M} UTC" if since else ""
    return ShopWaiting(
        what=f"{places(waiting) or 'the fulfillment service'} was asked{at} to let go of the shop order {order.name}, "
        "and has not answered",
        since=since,
    )
