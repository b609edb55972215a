"""
What a person decides about a cancellation: what they saw, that it goes on, that it is asked once more, that it is given up.

Nothing here touches a portal or a shop: it changes the ledger, and the engine does what is due then.
"""

from __future__ import annotations

from datetime import timedelta

from agent.engine.before_settling import Change, check_may_be_asked_again, check_may_settle_anyway, still_delivered
from agent.engine.records import Cancellation, SupplierOrder, Wanted
from agent.engine.stops import say_it_resolved
from agent.engine.workshop import Workshop
from agent.errors import ApprovalNeeded, BadInput
from agent.model import OrderStage, Stage
from agent.portal import portal_named

OPERATOR = "operator"
"""Who did it, in the events of what a person decided."""


async def resolve(workshop: Workshop, id: str, typed: str, *, requested: bool) -> Cancellation:
    """
    Note what a person saw about an order that may have been submitted.

    QUIET counts by the wall clock here, from when the stamp was armed: a process that was just started has no other
    measure, and a person who looked at the portal must not wait once more. A clock that is set ahead could cut it
    short; nothing is submitted by that, as a further attempt needs a yes of its own and reads the order first.

    :param typed: the supplier order's number.
    :param requested: whether the portal shows our request.
    :raises BadInput: the order is not uncertain, or a click may still land.
    """
    order = _order(workshop.ledger.get(id), typed)
    _check_unresolved(workshop, id, order)
    # A visit that is under way may be about to find out by itself.
    holder = workshop.accounts.holder(order.portal, order.account)
    async with workshop.database.locks.held(f"{order.portal}.{order.account}", workshop.person, holder):
        order = _order(workshop.ledger.get(id), typed)
        _check_unresolved(workshop, id, order)
        workshop.ledger.by(OPERATOR).resolve(order, requested=requested)
    return workshop.ledger.get(id)


def retry(workshop: Workshop, id: str) -> Cancellation:
    """
    Make due now whatever is due next. On something uncertain that is a look, never a submit.

    Whoever says so has dealt with what its account was paused for; if not, one visit finds that out, and pauses it again.

    :raises BadInput: it is over.
    """
    cancellation = workshop.ledger.get(id)
    _check_not_over(cancellation)
    if cancellation.stage is Stage.REFUSED:
        raise BadInput(
            f"cancellation {id} was refused; nothing of it is due",
            next=f"Run countermand retry {id} --again to ask the supplier once more.",
        )
    workshop.ledger.by(OPERATOR).wake(id)
    for portal, account in cancellation.accounts:
        workshop.accounts.resume(portal, account, automatic_only=True)
    return workshop.ledger.get(id)


async def ask_again(workshop: Workshop, id: str) -> Cancellation:
    """
    Open a further attempt for every order of *id* whose answer was no, or that was not requested; a person says yes first.

    :raises BadInput: it is over, or something is, or may be, out for it.
    :raises ApprovalNeeded: nobody said yes. Nothing was changed.
    """
    cancellation = workshop.ledger.get(id)
    _check_not_over(cancellation)
    _check_nothing_unresolved(cancellation)
    orders = [order for order in cancellation.orders if _may_be_asked_again(cancellation, order)]
    if not orders:
        raise _nothing_to_ask_again(cancellation)
    check_may_be_asked_again(cancellation)
    _check_still_ours(workshop, cancellation)
    known = "; ".join(_known(order) for order in orders)
    question = f"Ask the supplier once more to cancel {known}?"
    if not (workshop.person.is_here and await workshop.person.agrees(question)):
        numbers = ", ".join(order.order_id for order in orders)
        refused = ApprovalNeeded(
            f"nobody said yes to asking once more about {numbers}",
            next=f"Run countermand retry {id} --again at a terminal and answer yes.",
        )
        refused.done_so_far = "Nothing was changed."
        raise refused
    workshop.ledger.by(OPERATOR).reopen(cancellation, orders, "retry --again, yes at the terminal")
    return workshop.ledger.get(id)


def approve(workshop: Workshop, id: str) -> list[tuple[str, str | None]]:
    """
    Say yes to the submit that *id* waits with. It confirms nothing else: a target that is only assumed is confirmed in the browser.

    :returns: the orders that are submitted now, each with what it costs, if that was read.
    :raises BadInput: there is none, or nothing of it waits for a yes.
    """
    cancellation = workshop.ledger.get(id)
    approved = workshop.ledger.by(OPERATOR).approve(id)
    if not approved:
        raise _nothing_to_approve(cancellation)
    return approved


def change(workshop: Workshop, id: str, change: Change) -> dict[str, str]:
    """
    Alter the choices for the shop order of *id*, before it is cancelled.

    It does not wait for a visit that is under way: from the moment that one begins to cancel the shop order this is refused.

    :returns: what was altered, from what to what; nothing: it was so already.
    :raises BadInput: there is none, it has no shop order, settling it has begun, or it is over.
    """
    workshop.ledger.get(id)
    return workshop.ledger.by(OPERATOR).change(id, change)


async def settle_anyway(workshop: Workshop, id: str) -> Cancellation:
    """
    Have the shop order cancelled although a supplier order behind it will be delivered. At a terminal a person says yes first.

    :raises BadInput: the suppliers did not answer differently, or not all of them have answered.
    :raises ApprovalNeeded: the answer was no. Nothing was changed.
    """
    cancellation = workshop.ledger.get(id)
    check_may_settle_anyway(cancellation)
    choices = cancellation.choices
    assert choices.shop_choices is not None
    delivered = ", ".join(order.order_id for order in still_delivered(cancellation))
    will = (
        f"shop order {choices.shop_order} will be cancelled (refund {choices.shop_choices.refund.value}), "
        f"and supplier order {delivered} will still be delivered"
    )
    if workshop.person.is_here and not await workshop.person.agrees(f"{will}. Cancel it all the same?"):
        refused = ApprovalNeeded(
            f"the answer was no: shop order {choices.shop_order} is not cancelled",
            next=f"Run countermand abandon {id} to leave it as it is, or countermand retry {id} --again to ask the supplier once more.",
        )
        refused.done_so_far = "Nothing was changed."
        raise refused
    workshop.ledger.by(OPERATOR).settle_anyway(id)
    workshop.person.says(will)
    return workshop.ledger.get(id)


def abandon(workshop: Workshop, id: str) -> Cancellation:
    """
    Give *id* up. What is out at the supplier is watched all the same, and nothing is settled.

    It does not wait for a visit that is under way: that one gets no further stamp, so it clicks no more.

    :raises BadInput: there is none, it is over, or its shop order is being cancelled.
    """
    workshop.ledger.get(id)
    workshop.ledger.by(OPERATOR).abandon(id, "a person gave it up")
    return workshop.ledger.get(id)


def _order(cancellation: Cancellation, typed: str) -> SupplierOrder:
    for order in cancellation.orders:
        if portal_named(order.portal).order_id(typed) == order.order_id:
            return order
    numbers = ", ".join(order.order_id for order in cancellation.orders)
    raise BadInput(
        f"cancellation {cancellation.id} has no order {typed} (it has: {numbers})", next="Correct the order's number."
    )


def _check_unresolved(workshop: Workshop, id: str, order: SupplierOrder) -> None:
    if not order.is_unresolved:
        words = "closed: nothing was requested" if order.is_closed else order.stage.replace("_", " ")
        raise BadInput(
            f"order {order.order_id} is not uncertain, it is {words}",
            next=f"Run countermand show {id}.",
        )
    if order.stamp is None or not order.stamp.is_open:
        return
    now, armed_at = workshop.clock.now(), order.stamp.armed_at
    clicked = f"order {order.order_id} was clicked at {armed_at:%Y-%m-%d %H:%M:%S} UTC"
    if now < armed_at:
        raise BadInput(
            f"{clicked}, which this machine's clock says is still to come: how long ago it was is not known",
            next="Set the clock right, look at the order once more, and give the command again.",
        )
    left = armed_at + workshop.settings.portal(order.portal).quiet - now
    if left > timedelta(0):
        raise BadInput(
            f"{clicked}, and that click may still land",
            next=f"In {_seconds(left)} s look at the order once more, and give the command again.",
        )


def _seconds(left: timedelta) -> int:
    """Whole seconds, and never too few."""
    return -int(-left.total_seconds() // 1)


def _check_not_over(cancellation: Cancellation) -> None:
    if cancellation.stage in (Stage.DONE, Stage.ABANDONED):
        raise BadInput(
            f"cancellation {cancellation.id} is {cancellation.stage.value}, which is final",
            next=f"Run countermand show {cancellation.id}.",
        )


def _check_nothing_unresolved(cancellation: Cancellation) -> None:
    for order in cancellation.orders:
        if order.is_unresolved:
            raise BadInput(
                f"order {order.order_id} may have been submitted already: it is {order.stage.replace('_', ' ')}",
                next=f"Look at it in My Orders, then say what you saw: {say_it_resolved(cancellation.id, order)}.",
            )


def _may_be_asked_again(cancellation: Cancellation, order: SupplierOrder) -> bool:
    # Where the shop order stopped it the supplier was not asked, and the order stands as it did.
    stopped_before_it = cancellation.stage is Stage.REFUSED and order.may_be_submitted
    return order.stage.is_denied or order.is_closed or stopped_before_it


def _nothing_to_ask_again(cancellation: Cancellation) -> BadInput:
    stands = ", ".join(f"{order.order_id} is {order.stage.replace('_', ' ')}" for order in cancellation.orders)
    if any(order.stage is OrderStage.AWAITING_DECISION for order in cancellation.orders):
        why = "a request is out, and the supplier has not answered"
        next = f"Run countermand retry {cancellation.id} to look now."
    elif any(order.may_be_submitted for order in cancellation.orders):
        why = "the supplier was not asked yet"
        next = f"Run countermand retry {cancellation.id}, without --again."
    else:
        why, next = "the supplier has agreed", f"Run countermand retry {cancellation.id} to go on with the shop order."
    return BadInput(f"there is nothing to ask again for in cancellation {cancellation.id}: {why} ({stands})", next=next)


def _check_still_ours(workshop: Workshop, cancellation: Cancellation) -> None:
    """Orders that nothing was submitted for may belong to a later cancellation by now: that one is gone on with."""
    wanted = [Wanted(order.portal, order.account, order.order_id) for order in cancellation.orders]
    holders = {holder.id for holder in workshop.ledger.holding(wanted).values()}
    choices = cancellation.choices
    if choices.shop is not None and choices.shop_gid is not None:
        holder = workshop.ledger.holding_shop_order(choices.shop, choices.shop_gid)
        holders |= {holder.id} if holder is not None else set()
    if others := holders - {cancellation.id}:
        other = min(others)
        raise BadInput(
            f"what cancellation {cancellation.id} asked for belongs to cancellation {other} by now",
            next=f"Run countermand show {other}.",
        )


def _nothing_to_approve(cancellation: Cancellation) -> BadInput:
    next = f"Run countermand show {cancellation.id}."
    if any(order.is_closed for order in cancellation.orders) and not cancellation.stage.is_final:
        next = f"Run countermand retry {cancellation.id} --again to ask the supplier once more."
    stands = cancellation.stage.value.replace("_", " ")
    return BadInput(f"nothing of cancellation {cancellation.id} waits for an approval: it is {stands}", next=next)


def _known(order: SupplierOrder) -> str:
    """An order, and what a person should weigh before they say yes."""
    facts = ["nothing was requested" if order.is_closed else order.stage.replace("_", " ")]
    if order.status_text:
        facts.append(f"the portal said “{order.status_text}”")
    if order.stamp is not None and order.stamp.armed:
        facts.append(f"clicked at {order.stamp.armed_at:%Y-%m-%d %H:%M} UTC")
    facts.append(f"attempt {order.attempt}")
    return f"order {order.order_id} ({', '.join(facts)})"
