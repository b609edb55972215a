"""
What may still become of a cancellation before its shop order is cancelled: another supplier order, other choices, or a
person's word that it is settled all the same. Pure rules; the ledger asks them in the transaction that acts on them.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.engine.records import Cancellation, SupplierOrder
from agent.errors import BadInput
from agent.model import Choices, OrderStage, Refund, Settle, ShopReason, ShopStage, Stage

_IN_THE_SHOP = (ShopStage.CANCELLED, ShopStage.ALREADY_CANCELLED)


@dataclass(frozen=True)
class Change:
    """Other answers to the shop's cancel form. What is ``None`` stays as it is."""

    refund: Refund | None = None
    reason: ShopReason | None = None
    note: str | None = None
    """Empty: no note."""
    restock: bool | None = None
    notify: bool | None = None
    settle: Settle | None = None

    def applied_to(self, choices: Choices) -> Choices:
        """The choices with this change."""
        if choices.shop_choices is None:
            return choices
        answers: dict[str, object] = {
            name: value
            for name in ("refund", "reason", "restock", "notify")
            if (value := getattr(self, name)) is not None
        }
        if self.note is not None:
            answers["note"] = self.note or None
        shop = choices.shop_choices.model_copy(update=answers)
        return choices.model_copy(update={"shop_choices": shop, "settle": self.settle or choices.settle})


def differences(before: Choices, after: Choices) -> dict[str, str]:
    """What is different, from what to what. What a note says is not repeated: it may name people."""
    pairs = {"settle": (before.settle.value, after.settle.value)}
    old, new = before.shop_choices, after.shop_choices
    if old is not None and new is not None:
        pairs |= {
            "refund": (old.refund.value, new.refund.value),
            "shop_reason": (old.reason.value, new.reason.value),
            "restock": (_yes_or_no(old.restock), _yes_or_no(new.restock)),
            "notify": (_yes_or_no(old.notify), _yes_or_no(new.notify)),
        }
    found = {name: f"{one}, now {other}" for name, (one, other) in pairs.items() if one != other}
    if old is not None and new is not None and old.note != new.note:
        found["note"] = "added" if old.note is None else "removed" if new.note is None else "replaced"
    return found


def check_may_join(cancellation: Cancellation) -> None:
    """
    Another supplier order may join it: nothing was sent to the shop yet.

    :raises BadInput: it is over, or its shop order is being cancelled.
    """
    if cancellation.stage.is_final:
        stands = f"is {cancellation.stage.value}"
    elif cancellation.shop_stage is ShopStage.SETTLING:
        stands = "is cancelling it in the shop at this moment"
    else:
        return
    orders = ", ".join(f"{order.order_id} ({_stands(order)})" for order in cancellation.orders)
    next = f"Run countermand show {cancellation.id}. Without --shop-order a supplier order is withdrawn by itself."
    if cancellation.stage is Stage.REFUSED and not any(order.was_stamped for order in cancellation.orders):
        next = "Name all supplier orders behind the shop order in one command, to ask for them afresh."
    raise BadInput(
        f"shop order {cancellation.choices.shop_order} belongs to cancellation {cancellation.id} already, with "
        f"supplier order {orders}, and that {stands}: no further supplier order can join it",
        next=next,
    )


def check_may_change(cancellation: Cancellation) -> None:
    """
    Its choices for the shop may be altered.

    :raises BadInput: there is no shop order, settling it has begun, or it is over.
    """
    id, order = cancellation.id, cancellation.choices.shop_order
    if cancellation.choices.shop_gid is None:
        raise BadInput(
            f"cancellation {id} has no shop order, so there is nothing to change", next=f"Run countermand show {id}."
        )
    if cancellation.shop_stage in _IN_THE_SHOP:
        raise BadInput(
            f"shop order {order} is cancelled in the shop already; nothing of it can be changed",
            next="Refund, restock or write to the customer in the shop's admin.",
        )
    if cancellation.stage in (Stage.DONE, Stage.ABANDONED):
        raise BadInput(
            f"cancellation {id} is {cancellation.stage.value}, which is final; nothing of it can be changed",
            next=f"Cancel shop order {order} in the shop's admin, if it is to be cancelled.",
        )
    if cancellation.shop_stage is ShopStage.SETTLING:
        raise _being_settled(cancellation, "its choices cannot be changed now")


def check_may_be_asked_again(cancellation: Cancellation) -> None:
    """
    The supplier may be asked once more: it is not known to be of no use.

    :raises BadInput: the shop order may have been cancelled by now.
    """
    if cancellation.shop_stage is ShopStage.SETTLING:
        raise _being_settled(cancellation, "the supplier cannot be asked again now")


def check_may_settle_anyway(cancellation: Cancellation) -> None:
    """
    A person may say that the shop order is cancelled although not every supplier order was withdrawn.

    :raises BadInput: the suppliers did not answer differently, or not all of them have answered.
    """
    id, choices = cancellation.id, cancellation.choices
    show = f"Run countermand show {id}."
    if choices.shop_gid is None:
        raise BadInput(f"cancellation {id} has no shop order to settle", next=show)
    if cancellation.shop_stage in _IN_THE_SHOP:
        raise BadInput(f"shop order {choices.shop_order} is cancelled in the shop already", next=show)
    if cancellation.stage in (Stage.DONE, Stage.ABANDONED):
        raise BadInput(
            f"cancellation {id} is {cancellation.stage.value}, which is final",
            next=f"Cancel shop order {choices.shop_order} in the shop's admin, if it is to be cancelled.",
        )
    unknown = [order for order in cancellation.orders if order.is_unresolved]
    if unknown:
        raise BadInput(
            f"nobody knows yet whether order {unknown[0].order_id} was submitted: it is {_stands(unknown[0])}",
            next=f"Run countermand retry {id} to look, or say what you saw with countermand resolve {id} {unknown[0].order_id}.",
        )
    undecided = [order for order in cancellation.orders if not order.stage.is_decided]
    if undecided:
        closed = undecided[0].is_closed
        raise BadInput(
            f"not every supplier has answered: order {undecided[0].order_id} is {_stands(undecided[0])}",
            next=f"Run countermand retry {id} --again to ask that supplier."
            if closed
            else f"Wait for the answer, or run countermand retry {id} to look now.",
        )
    if not any(order.stage.is_withdrawn for order in cancellation.orders):
        raise BadInput(
            f"no supplier order of cancellation {id} was withdrawn: everything will be delivered",
            next=f"Run countermand retry {id} --again to ask once more, or cancel the shop order in the shop's admin.",
        )
    if not still_delivered(cancellation):
        raise BadInput(
            f"every supplier order of cancellation {id} was withdrawn: it is settled without --anyway",
            next=f"Run countermand retry {id}.",
        )
    if choices.settle is Settle.NEVER:
        raise BadInput(
            f"cancellation {id} leaves the shop order alone (--settle never)",
            next=f"Run countermand change {id} --settle on-approval first.",
        )


def still_delivered(cancellation: Cancellation) -> list[SupplierOrder]:
    """The supplier orders that will be delivered all the same."""
    return [order for order in cancellation.orders if order.stage.is_denied]


def _being_settled(cancellation: Cancellation, what: str) -> BadInput:
    return BadInput(
        f"shop order {cancellation.choices.shop_order} of cancellation {cancellation.id} is being cancelled: {what}",
        next=f"Run countermand retry {cancellation.id} to bring that to its end.",
    )


def _stands(order: SupplierOrder) -> str:
    if order.is_closed:
        return "closed: nothing was requested"
    return OrderStage(order.stage).replace("_", " ")


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"
