"""
The look visit: read what the supplier says about an order that was, or may have been, asked to be cancelled.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from agent.browser.evidence import Request
from agent.engine.pausing import waits, why_not_there
from agent.engine.records import RESTORE, Cancellation, SupplierOrder
from agent.engine.sites import Sites
from agent.engine.stops import say_it_resolved
from agent.engine.workshop import Workshop, end_with
from agent.errors import (
    ChallengeShown,
    CountermandError,
    NeedsOperator,
    NoDecision,
    OrderNotFound,
    PortalChanged,
    Refused,
    SignInNeeded,
    Uncertain,
)
from agent.model import Answer, OrderStage, Reading, Stage

_TO_TAKE_EFFECT = timedelta(minutes=1)
"""What a portal may need, once the seller's time is up, until it shows what follows."""


async def look(sites: Sites, cancellation: Cancellation, order: SupplierOrder) -> None:
    """Read what the supplier says about *order*. Nothing is clicked that commits."""
    workshop = sites.workshop
    async with sites.owning(order.portal, order.account):
        cancellation, order = workshop.ledger.again(order)
        if not order.is_open:
            return
        if (why := why_not_there(sites, order.portal, order.account)) is not None:
            waits(workshop, cancellation, [order], why)
            return
        visit = workshop.ledger.begin_visit(cancellation.id, "look", order)
        asked = Request(cancellation=cancellation.id, orders=[order.order_id])
        journal = workshop.journal(visit, "look", order.portal, order.account, order.order_id, request=asked)
        try:
            reading = await sites.read_decision(order, journal)
        except BaseException as error:
            end_with(journal, error)
            if not isinstance(error, CountermandError):
                raise
            not_read(workshop, cancellation, order, error, visit)
        else:
            journal.end(ok=True, kind=reading.answer.value, message=f"order {order.order_id}: {reading.text}")
            decide(workshop, cancellation, order, reading, visit)


def decide(workshop: Workshop, cancellation: Cancellation, order: SupplierOrder, reading: Reading, visit: str) -> None:
    unresolved = order.stage is not OrderStage.AWAITING_DECISION
    match reading.answer:
        case Answer.WAITING:
            workshop.ledger.move_order(
                order,
                OrderStage.AWAITING_DECISION,
                visit,
                text=reading.text,
                outcome="requested" if unresolved else None,
                answer_by=None if reading.time_left is None else workshop.clock.now() + reading.time_left,
            )
            _still_waiting(workshop, cancellation, order, visit)
        case Answer.WITHDRAWN:
            workshop.ledger.move_order(
                order, OrderStage.APPROVED, visit, text=reading.text, outcome="cancelled" if unresolved else None
            )
        case Answer.REFUSED:
            workshop.ledger.move_order(
                order, OrderStage.REFUSED, visit, text=reading.text, outcome=reading.state if unresolved else None
            )
            tell(workshop, cancellation.id, _refusal(order, reading), visit)
        case Answer.NOT_REQUESTED if not unresolved:
            # Merely placed is no decision: the page may lag behind, or the request was withdrawn.
            workshop.ledger.move_order(order, OrderStage.AWAITING_DECISION, visit, text=reading.text)
            _still_waiting(workshop, cancellation, order, visit)
        case Answer.NOT_REQUESTED if _may_submit_again(workshop, cancellation, order, reading):
            workshop.ledger.next_attempt(order, visit)
        case Answer.NOT_REQUESTED:
            workshop.ledger.move_order(order, OrderStage.UNCERTAIN, visit, text=reading.text)
            workshop.ledger.fail(cancellation.id, _unresolved(cancellation.id, order, reading), visit)
        case Answer.UNCLEAR:
            what = f"the portal says “{reading.text}” about order {order.order_id} ({reading.state.replace('_', ' ')}), which is no decision to act on"
            by_hand = "Look at the order at the portal and decide by hand."
            # After a click without a known outcome it is still not known whether we asked.
            stage = OrderStage.UNCERTAIN if unresolved else order.stage
            why: CountermandError = NoDecision(what, next=by_hand)
            if unresolved:
                why = Uncertain(
                    what, next=f"{by_hand} Then say what you saw: {say_it_resolved(cancellation.id, order)}."
                )
            workshop.ledger.move_order(order, stage, visit, text=reading.text)
            workshop.ledger.fail(cancellation.id, why, visit, stage=Stage.NEEDS_OPERATOR)


def _may_submit_again(workshop: Workshop, cancellation: Cancellation, order: SupplierOrder, reading: Reading) -> bool:
    when_clear = workshop.settings.portal(order.portal).resubmit == "when_clear"
    return when_clear and reading.clear and not cancellation.stage.is_final


def _still_waiting(workshop: Workshop, cancellation: Cancellation, order: SupplierOrder, visit: str) -> None:
    """The supplier has not decided: look again later, and past the limit tell a person too."""
    overdue = _overdue(workshop, cancellation)
    if overdue is None:
        workshop.ledger.looked(cancellation.id, next_look(workshop, cancellation, order), visit)
        return
    longest = workshop.settings.portal(order.portal).looks.longest
    workshop.ledger.fail(
        cancellation.id, overdue, visit, stage=Stage.NEEDS_OPERATOR, due_at=workshop.clock.now() + longest
    )


def _overdue(workshop: Workshop, cancellation: Cancellation) -> NoDecision | None:
    """What to tell a person when a supplier was silent for longer than the limit. The same words each time: it is told once."""
    now = workshop.clock.now()
    late = [
        f"order {order.order_id}, asked at {order.requested_at:%Y-%m-%d %H:%M} UTC"
        for order in workshop.ledger.get(cancellation.id).orders
        if order.stage is OrderStage.AWAITING_DECISION
        and order.requested_at is not None
        and now - order.requested_at > workshop.settings.portal(order.portal).looks.limit
    ]
    if not late:
        return None
    error = NoDecision(
        f"the supplier has not decided about {'; '.join(late)}",
        next="Ask the seller. The order goes on being looked at, and an answer is acted upon whenever it comes; "
        f"countermand retry {cancellation.id} looks now, countermand abandon {cancellation.id} gives it up.",
    )
    error.done_so_far = "The request is out."
    return error


def not_read(
    workshop: Workshop, cancellation: Cancellation, order: SupplierOrder, error: CountermandError, visit: str
) -> None:
    if isinstance(error, SignInNeeded | ChallengeShown):
        workshop.accounts.note(order.portal, order.account, paused_because=error.what)
    unresolved = order.stage is not OrderStage.AWAITING_DECISION
    # What nobody could look at after a click is for a person to hear now; the same command looks again.
    stage = Stage.NEEDS_OPERATOR if unresolved or isinstance(error, NeedsOperator | PortalChanged | Refused) else None
    if unresolved:
        error = Uncertain(
            f"order {order.order_id} may have been submitted, and looking at it failed: {error.what}",
            next=f"{error.next} Then give the same command again.".strip(),
            **error.facts,
        )
    else:
        if isinstance(error, OrderNotFound):
            error = NoDecision(f"{error.what}, though it was asked to cancel", next=error.next)
        error.done_so_far = "The request is out; this look changed nothing."
        overdue = _overdue(workshop, cancellation)
        if stage is None and overdue is not None:
            error, stage = overdue, Stage.NEEDS_OPERATOR
    workshop.ledger.fail(
        cancellation.id, error, visit, stage=stage, due_at=None if stage else next_look(workshop, cancellation, order)
    )


def tell(workshop: Workshop, id: str, error: CountermandError, visit: str) -> None:
    """The orders' stages say how it stands; the error says why, unless other orders are still under way."""
    if workshop.ledger.get(id).stage is Stage.REFUSED:
        workshop.ledger.fail(id, error, visit)


def next_look(workshop: Workshop, cancellation: Cancellation, order: SupplierOrder) -> datetime:
    """When the portal is looked at again: later each time, at the slowest where it is only watched, and when the seller's time is up."""
    fresh, order = workshop.ledger.again(order)
    now = workshop.clock.now()
    usual = now + pause(workshop, order, None if fresh.is_held else cancellation.looks)
    if order.answer_by is None or order.answer_by < now:
        return usual
    return min(usual, order.answer_by + _TO_TAKE_EFFECT)


def pause(workshop: Workshop, order: SupplierOrder, looks: int | None) -> timedelta:
    """
    How long until the next look.

    :param looks: how many there were; ``None``: it is only watched.
    """
    settings = workshop.settings.portal(order.portal).looks
    if looks is None:
        return settings.longest
    return min(settings.first * 2.0 ** min(looks, 30), settings.longest)


def _refusal(order: SupplierOrder, reading: Reading) -> Refused:
    return Refused(
        f"the supplier did not cancel order {order.order_id}: {reading.state.replace('_', ' ')} (“{reading.text}”). The shop order was not touched",
        next="Decide about the shop order by hand; the goods are likely to come.",
    )


def _unresolved(id: str, order: SupplierOrder, reading: Reading) -> Uncertain:
    when = f" at {order.stamp.armed_at:%Y-%m-%d %H:%M:%S} UTC" if order.stamp else ""
    if order.stamp is not None and order.stamp.target == RESTORE:
        when = f" before the ledger was restored{when}"
    return Uncertain(
        f"order {order.order_id} may have been clicked{when}, and the portal now says “{reading.text}”: no request shows. It was not clicked again",
        next=f"Look at order {order.order_id} in My Orders. Then say what you saw: {say_it_resolved(id, order)}. "
        f"countermand retry {id} looks once more.",
    )
