"""
Why a cancellation stands still, and what to do now, where its orders alone say so. Pure rules, no database.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.engine.records import Cancellation, SupplierOrder
from agent.model import ErrorKind, ErrorReport, OrderStage, Settle, ShopStage, Stage


def why_it_stands_still(cancellation: Cancellation) -> ErrorReport | None:
    """What a person must know, by the orders' stages; ``None``: nobody has to do anything."""
    if cancellation.stage is Stage.ABANDONED:
        return _abandoned(cancellation)
    if cancellation.stage is not Stage.NEEDS_OPERATOR:
        return None
    uncertain = [order for order in cancellation.orders if order.stage is OrderStage.UNCERTAIN]
    if uncertain:
        return _uncertain(cancellation, uncertain)
    closed = [order for order in cancellation.orders if order.is_closed]
    return _closed(cancellation, closed) if closed else _mixed(cancellation)


def say_it_resolved(id: str, order: SupplierOrder) -> str:
    """The command by which a person says what they saw about *order*."""
    return f"countermand resolve {id} {order.order_id} --requested or --not-requested"


def _uncertain(cancellation: Cancellation, uncertain: list[SupplierOrder]) -> ErrorReport:
    if cancellation.error is not None and cancellation.error.kind is ErrorKind.UNCERTAIN:
        return cancellation.error  # what the visit had to say about it says more
    return ErrorReport(
        kind=ErrorKind.UNCERTAIN,
        message=f"{_named(uncertain)} may have been submitted, and nobody knows yet.",
        next=f"Look at it in My Orders, then say what you saw: {say_it_resolved(cancellation.id, uncertain[0])}.",
    )


def _closed(cancellation: Cancellation, closed: list[SupplierOrder]) -> ErrorReport:
    return ErrorReport(
        kind=ErrorKind.APPROVAL_NEEDED,
        message=f"a person looked: nothing was requested for {_named(closed)}, and nothing is submitted without a further yes.",
        next=f"Run countermand retry {cancellation.id} --again to ask the supplier once more, "
        f"or countermand abandon {cancellation.id}.",
    )


def _mixed(cancellation: Cancellation) -> ErrorReport:
    answers = ", ".join(f"{order.order_id} is {order.stage.replace('_', ' ')}" for order in cancellation.orders)
    return ErrorReport(
        kind=ErrorKind.MIXED_DECISIONS,
        message=f"the suppliers answered differently: {answers}. Nothing was sent to the shop.",
        next=_choice(cancellation),
    )


def _choice(cancellation: Cancellation) -> str:
    """A shop order cannot be cancelled in part: all of it although something is delivered, nothing of it, or another try."""
    id, choices = cancellation.id, cancellation.choices
    again = f"countermand retry {id} --again asks once more where the answer was no"
    leave = f"countermand abandon {id} leaves the shop order as it is"
    if cancellation.shop_stage in (ShopStage.CANCELLED, ShopStage.ALREADY_CANCELLED):
        return f"The shop order is cancelled already. {again}; countermand abandon {id} ends it."
    if choices.settle is Settle.NEVER:
        return f"Decide about the shop order by hand. {again}; {leave}."
    delivered = _named([order for order in cancellation.orders if order.stage.is_denied])
    return (
        f"Decide: countermand settle {id} --anyway cancels all of shop order {choices.shop_order}, although {delivered} "
        f"will still be delivered; {leave}; {again}."
    )


def _abandoned(cancellation: Cancellation) -> ErrorReport | None:
    out = [order for order in cancellation.orders if order.is_open]
    unresolved = any(order.is_unresolved for order in out)
    withdrawn = [order for order in cancellation.orders if order.stage.is_withdrawn]
    by_hand = "Decide about the shop order by hand." if cancellation.shop_stage is not ShopStage.NONE else ""
    if out:
        still = "is, or may be," if unresolved else "is"
        return ErrorReport(
            kind=ErrorKind.UNCERTAIN if unresolved else ErrorKind.NO_DECISION,
            message=f"a person abandoned this, and the request for {_named(out)} {still} still open at the supplier. "
            "Nothing will be settled.",
            next=f"Look at it in My Orders; what the supplier answers is noted: countermand show {cancellation.id}. "
            f"{by_hand}".strip(),
        )
    if withdrawn:
        return ErrorReport(
            kind=ErrorKind.NO_DECISION,
            message=f"a person abandoned this; the supplier has withdrawn {_named(withdrawn)}. Nothing was settled.",
            next=by_hand,
        )
    return None


def _named(orders: Iterable[SupplierOrder]) -> str:
    numbers = [order.order_id for order in orders]
    return f"order{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
