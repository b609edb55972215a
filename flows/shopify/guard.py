"""
Whether a shop order may be cancelled. The shop itself does not insist on Unfulfilled; the merchant's own rules do.
"""

from __future__ import annotations

from agent.errors import ShopGuarded
from agent.model import Frozen
from flows.shopify.fulfillment import WayBack, at_work, places
from flows.shopify.replies import FulfillmentOrderState, OrderState

NOT_CANCELLED = "The shop order was not cancelled."
"""True whatever else was done to it on the way."""

_UNFULFILLED = frozenset({"UNFULFILLED", "OPEN", "RESTOCKED"})  # the last two are older words for the first
_IN_PROGRESS = frozenset({"IN_PROGRESS", "PENDING_FULFILLMENT"})
_NOBODY_SENDS_IT = frozenset({"ON_HOLD", "SCHEDULED", "REQUEST_DECLINED"})
_PARCEL_GONE = frozenset({"CANCELLED", "ERROR", "FAILURE"})
_NO_OPEN_RETURN = frozenset({"NO_RETURN", "RETURNED", "RETURN_FAILED"})

_GIVE_AGAIN = "give the same command again"
_AGAIN = f"then {_GIVE_AGAIN}"


class Obstacle(Frozen):
    """Why an order may not be cancelled, and what a person can do about it."""

    why: str
    advice: str


def find_obstacle(order: OrderState) -> Obstacle | None:
    """
    What stands in the way of cancelling *order* for good, in the merchant's words; nothing, if it is Unfulfilled or can be made so.

    On hold, scheduled and declined by a service count as Unfulfilled: nothing was sent and nobody is sending it. The shop cancels such
    an order as it stands, and refusing it would only let the supplier send goods that nobody wants.

    An order that is cancelled already has no obstacle: it is in a state of its own.
    """
    if order.cancelled_at is not None:
        return None
    return _by_status(order) or _by_parcels(order) or _by_returns(order) or _by_work(order)


def find_obstacle_now(order: OrderState) -> Obstacle | None:
    """What stands in the way of cancelling *order* at this moment: somebody at work on it, too."""
    if order.cancelled_at is not None:
        return None
    return find_obstacle(order) or (_in_progress(order, at_work(order)) if at_work(order) else None)


def is_in_progress(order: OrderState) -> bool:
    """The shop calls the order in progress."""
    return order.display_fulfillment_status in _IN_PROGRESS


def refuse(order: OrderState, obstacle: Obstacle | None, done_so_far: str = NOT_CANCELLED) -> None:
    """
    Stop at *obstacle*, if there is one.

    :param done_so_far: what was, and was not, done in the shop.
    :raises ShopGuarded: there is.
    """
    if obstacle is not None:
        guarded = ShopGuarded(obstacle.why, next=obstacle.advice, order=order.name)
        guarded.done_so_far = done_so_far
        raise guarded


def _by_status(order: OrderState) -> Obstacle | None:
    match order.display_fulfillment_status:
        case status if status in _UNFULFILLED | _NOBODY_SENDS_IT | _IN_PROGRESS:
            return None
        case "FULFILLED":
            return Obstacle(
                why=f"the shop order {order.name} is fulfilled: its goods were sent",
                advice="Agree on a return with the customer, and make it in the shop's admin.",
            )
        case "PARTIALLY_FULFILLED":
            return Obstacle(
                why=f"the shop order {order.name} is partly fulfilled: some of its goods were sent",
                advice="Refund or return single items in the shop's admin; an order can only be cancelled as a whole.",
            )
        case "FULFILLMENT_NOT_REQUIRED":
            return Obstacle(
                why=f"the shop order {order.name} has nothing that must be sent",
                advice="Cancel it in the shop's admin, if it is to be cancelled.",
            )
        case status:
            return Obstacle(
                why=f"the shop order {order.name} has the fulfillment status {status}, which countermand does not know",
                advice="Look at the order in the shop's admin and cancel it there, if it may be cancelled.",
            )


def _by_parcels(order: OrderState) -> Obstacle | None:
    if all(parcel.status in _PARCEL_GONE for parcel in order.fulfillments):
        return None
    return Obstacle(
        why=f"the shop order {order.name} has a parcel that was not cancelled",
        advice=f"Look at its fulfillments in the shop's admin. If nothing was sent, cancel the fulfillment, {_AGAIN}.",
    )


def _by_returns(order: OrderState) -> Obstacle | None:
    if order.return_status in _NO_OPEN_RETURN:
        return None
    return Obstacle(
        why=f"the shop order {order.name} has an open return",
        advice=f"Close or decline the return in the shop's admin, {_AGAIN}.",
    )


def _by_work(order: OrderState) -> Obstacle | None:
    """One of several locations may be at work while the order as a whole still reads Unfulfilled."""
    if refusing := at_work(order, WayBack.REFUSED):
        return Obstacle(
            why=f"{places(refusing) or 'the fulfillment service'} refuses to let go of the shop order {order.name}",
            advice=f"Ask the service to stop it by hand. Once the order reads Unfulfilled in the shop's admin, {_GIVE_AGAIN}; "
            "if the goods are on their way, agree on a return with the customer.",
        )
    if stuck := at_work(order, WayBack.UNKNOWN):
        return _in_progress(order, stuck)
    if is_in_progress(order) and not at_work(order):
        return Obstacle(
            why=f"the fulfillment of the shop order {order.name} is in progress, and who works on it cannot be seen",
            advice="Give the app access to the fulfillment orders of all locations and services, or make the order Unfulfilled "
            f"in the shop's admin; {_AGAIN}.",
        )
    return None


def _in_progress(order: OrderState, shares: list[FulfillmentOrderState]) -> Obstacle:
    where = f" at {places(shares)}" if places(shares) else ""
    return Obstacle(
        why=f"the fulfillment of the shop order {order.name} is in progress{where}",
        advice=f"Have the fulfillment cancelled in the shop's admin until the order reads Unfulfilled, {_AGAIN}.",
    )
