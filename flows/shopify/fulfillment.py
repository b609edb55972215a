"""
Who is at work on an order, and what takes the work back: one rule for each fulfillment order, a location's share of the order.

What may be done is the shop's to say (``supportedActions``); the states only say what is meant by it::

    status                          request                  offered                    way back
    CLOSED, CANCELLED               any                                                 none needed
    OPEN, ON_HOLD, SCHEDULED,       UNSUBMITTED, REJECTED,                              none needed
    INCOMPLETE                      CLOSED, CANCELLATION_ACCEPTED
    any other                       SUBMITTED                CANCEL_FULFILLMENT_ORDER   TAKE: nobody has accepted it yet
                                    ACCEPTED                 REQUEST_CANCELLATION       ASK its service to let go
                                    CANCELLATION_REQUESTED                              WAIT for the service's answer
                                    CANCELLATION_ACCEPTED    CANCEL_FULFILLMENT_ORDER   TAKE, else WAIT: it is being closed
                                    CANCELLATION_REJECTED                               REFUSED: the service goes on
    IN_PROGRESS                     UNSUBMITTED, REJECTED,   MARK_AS_OPEN               OPEN: marked by hand
                                    CLOSED
    anything else                                                                       UNKNOWN

A share on hold, scheduled, or declined by its service needs no way back: nobody is sending it. Releasing a hold first would even let the
goods go. The shop offers to take a share back as soon as its service was *asked*, but the service may still send it then; taking it
without an answer could give the money back for goods that are on their way, so the answer is waited for.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from flows.shopify.replies import FulfillmentOrderState, OrderState

_OVER = frozenset({"CLOSED", "CANCELLED"})
_RESTS = frozenset({"OPEN", "ON_HOLD", "SCHEDULED", "INCOMPLETE"})
_NOBODY_ASKED = frozenset({"UNSUBMITTED", "REJECTED", "CLOSED"})


class WayBack(StrEnum):
    """What makes a share that is being worked on Unfulfilled again."""

    TAKE = "take"
    """Cancel the fulfillment order; one with a new id takes its place."""
    ASK = "ask"
    """Ask the service to let go."""
    OPEN = "open"
    """Undo "mark as in progress"."""
    WAIT = "wait"
    """The service was asked, and has not answered."""
    REFUSED = "refused"
    """The service was asked, and goes on."""
    UNKNOWN = "unknown"
    """None that we know, or that is offered."""


def way_back(share: FulfillmentOrderState) -> WayBack | None:
    """What takes the work on *share* back; ``None``: nobody is at work on it."""
    if share.status in _OVER:
        return None
    match share.request_status:
        case "SUBMITTED":
            return WayBack.TAKE if share.offers("CANCEL_FULFILLMENT_ORDER") else WayBack.UNKNOWN
        case "ACCEPTED" if share.asked_at is not None:
            return WayBack.WAIT  # a request may be out although the state does not show it yet
        case "ACCEPTED":
            return WayBack.ASK if share.offers("REQUEST_CANCELLATION") else WayBack.UNKNOWN
        case "CANCELLATION_REQUESTED":
            return WayBack.WAIT
        case "CANCELLATION_REJECTED":
            return WayBack.REFUSED
        case "CANCELLATION_ACCEPTED" if share.status in _RESTS:
            return None
        case "CANCELLATION_ACCEPTED":
            return WayBack.TAKE if share.offers("CANCEL_FULFILLMENT_ORDER") else WayBack.WAIT
        case request if request in _NOBODY_ASKED and share.status in _RESTS:
            return None
        case request if request in _NOBODY_ASKED and share.status == "IN_PROGRESS":
            return WayBack.OPEN if share.offers("MARK_AS_OPEN") else WayBack.UNKNOWN
        case _:
            return WayBack.UNKNOWN


def at_work(order: OrderState, *ways: WayBack) -> list[FulfillmentOrderState]:
    """The shares that somebody is at work on; with *ways*: those that have one of these ways back."""
    found = [(share, way_back(share)) for share in order.fulfillment_orders.nodes]
    return [share for share, way in found if way is not None and (not ways or way in ways)]


def places(shares: list[FulfillmentOrderState]) -> str:
    """Where they lie, in words that a merchant knows; empty if the shop does not say."""
    return ", ".join(sorted({share.assigned_location.name for share in shares} - {""}))


def asked_at(order: OrderState) -> datetime | None:
    """Since when a service's answer is waited for."""
    waiting = [share.asked_at for share in at_work(order, WayBack.WAIT)]
    return min((asked for asked in waiting if asked is not None), default=None)
