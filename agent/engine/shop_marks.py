"""
What staff see in the shop once it is done: a tag and a text, if the shop's policy names them.

The shop order is cancelled by then, so nothing here undoes "done". A mark that fails is tried again a few times, and then given up.
"""

from __future__ import annotations

from datetime import timedelta

from agent.engine.before_settling import still_delivered
from agent.engine.ledger import Ledger
from agent.engine.records import Cancellation
from agent.engine.workshop import Workshop, end_with
from agent.errors import CountermandError
from agent.model import ShopStage
from agent.storefront import Marks

MARKED, NOT_MARKED = "marked", "not_marked"
"""What the events are called."""

_GAPS = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3))
"""Until the next try, after each that failed."""


def marks_for(workshop: Workshop, cancellation: Cancellation) -> Marks | None:
    """
    What is written into the shop when *cancellation* is done; ``None``: nothing, as long as the policy names nothing.

    The text is the same whenever it is made, so that one that is there already is known as ours.
    """
    _, shop = workshop.settings.shop(cancellation.choices.shop)
    if shop.policy.tag is None and shop.policy.metafield is None:
        return None
    withdrawn = ", ".join(order.order_id for order in cancellation.orders if order.stage.is_withdrawn)
    text = f"Cancelled by countermand ({cancellation.id}). Supplier order {withdrawn} was withdrawn."
    if delivered := still_delivered(cancellation):
        text += f" Supplier order {', '.join(order.order_id for order in delivered)} will still be delivered."
    return Marks(tag=shop.policy.tag, metafield=shop.policy.metafield, text=text)


async def mark(workshop: Workshop, cancellation: Cancellation) -> None:
    """Mark the shop order, which is cancelled. What is there already is not written again."""
    ledger, choices = workshop.ledger, cancellation.choices
    assert choices.shop is not None
    assert choices.shop_gid is not None
    async with workshop.database.locks.held(f"shop.{choices.shop}", workshop.person):
        tries = _tries_so_far(ledger, cancellation.id)
        if tries is None or ledger.get(cancellation.id).shop_stage is not ShopStage.CANCELLED:
            ledger.postpone(cancellation.id, None)  # another process was faster
            return
        visit = ledger.begin_visit(cancellation.id, "mark", None)
        journal = workshop.journal(visit, "mark")
        try:
            marks = marks_for(workshop, cancellation) or Marks()
            async with workshop.step("mark the shop order", journal), workshop.shop(choices.shop) as shop:
                left_out = await shop.mark(choices.shop_gid, marks)
        except BaseException as error:
            end_with(journal, error)
            if not isinstance(error, CountermandError):
                raise
            due_at = workshop.clock.now() + _GAPS[tries] if tries < len(_GAPS) else None
            then = f"again at {due_at:%Y-%m-%d %H:%M} UTC" if due_at else "given up; mark it by hand"
            ledger.note(cancellation.id, NOT_MARKED, visit, {"why": error.message, "then": then}, due_at)
            workshop.person.says(f"the shop order is cancelled, but could not be marked: {error.message} ({then})")
        else:
            journal.end(ok=True, kind=MARKED, message=f"shop order {choices.shop_order}: marked")
            detail = {name: value for name, value in marks.model_dump(exclude={"text"}).items() if value is not None}
            if left_out:
                detail["left_out"] = "; ".join(left_out)
            ledger.note(cancellation.id, MARKED, visit, detail, None)


def _tries_so_far(ledger: Ledger, id: str) -> int | None:
    """How many have failed; ``None``: it is marked, or was given up."""
    events = [event.what for event in ledger.events(id)]
    failed = events.count(NOT_MARKED)
    return None if MARKED in events or failed > len(_GAPS) else failed
