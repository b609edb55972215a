"""
Whether a shop order may be cancelled. The shop itself does not insist on Unfulfilled; the merchant's own rules do.
"""

from __future__ import annotations

from agent.model import Frozen
from flows.shopify.replies import FulfillmentOrderState, OrderState

_UNFULFILLED = frozenset({"UNFULFILLED", "OPEN", "RESTOCKED"})  # the last two are older words for the first
_IN_PROGRESS = frozenset({"IN_PROGRESS", "PENDING_FULFILLMENT"})
_PARCEL_GONE = frozenset({"CANCELLED", "ERROR", "FAILURE"})
_NO_OPEN_RETURN = frozenset({"NO_RETURN", "RETURNED", "RETURN_FAILED"})
_SHARE_OVER = frozenset({"CLOSED", "CANCELLED"})
_SHARE_ASKED = frozenset({"SUBMITTED", "ACCEPTED", "CANCELLATION_REQUESTED", "CANCELLATION_REJECTED"})

_AGAIN = "then give the same command again"


class Obstacle(Frozen):
    """Why an order may not be cancelled, and what a person can do about it."""

    why: str
    advice: str


def find_obstacle(order: OrderState) -> Obstacle | None:
    """
    What stands in the way of cancelling *order*, in the merchant's words; nothing, if it is Unfulfilled.

    An order that is cancelled already has no obstacle: it is in a state of its own.
    """
    if order.cancelled_at is not None:
        return None
    return _by_status(order) or _by_parcels(order) or _by_returns(order) or _by_work(order)


def _by_status(order: OrderState) -> Obstacle | None:
    match order.display_fulfillment_status:
        case status if status in _UNFULFILLED:
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
        case status if status in _IN_PROGRESS:
            return _in_progress(order)
        case "ON_HOLD":
            return Obstacle(
                why=f"the fulfillment of the shop order {order.name} is on hold",
                advice=f"Release the hold in the shop's admin, {_AGAIN}.",
            )
        case "SCHEDULED":
            return Obstacle(
                why=f"the fulfillment of the shop order {order.name} is scheduled for a later day",
                advice=f"Look at the order in the shop's admin and make it Unfulfilled there, {_AGAIN}.",
            )
        case "REQUEST_DECLINED":
            return Obstacle(
                why=f"a fulfillment service has declined to send the shop order {order.name}",
                advice=f"Look at the order in the shop's admin and make it Unfulfilled there, {_AGAIN}.",
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
    return _in_progress(order) if any(map(_is_at_work, order.fulfillment_orders.nodes)) else None


def _is_at_work(share: FulfillmentOrderState) -> bool:
    return share.status == "IN_PROGRESS" or (share.status not in _SHARE_OVER and share.request_status in _SHARE_ASKED)


def _in_progress(order: OrderState) -> Obstacle:
    places = sorted({share.assigned_location.name for share in order.fulfillment_orders.nodes if _is_at_work(share)})
    where = f" at {', '.join(places)}" if any(places) else ""
    return Obstacle(
        why=f"the fulfillment of the shop order {order.name} is in progress{where}",
        advice=f"Have the fulfillment cancelled in the shop's admin until the order reads Unfulfilled, {_AGAIN}.",
    )
