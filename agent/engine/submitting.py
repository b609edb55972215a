"""
The submit visit: ask the supplier to cancel one order. And its rehearsal, the dry run.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from agent.browser.evidence import Journal, Request
from agent.browser.performing import request_cancellation
from agent.engine.approving import LedgerApproval
from agent.engine.limits import not_before, wait_until
from agent.engine.looking import next_look, tell
from agent.engine.pausing import waits, why_not_there
from agent.engine.records import Cancellation, SupplierOrder, Wanted
from agent.engine.settling import LATER, guard_shop_order
from agent.engine.sites import Sites
from agent.engine.stamps import LedgerStamper
from agent.engine.workshop import Workshop, end_with
from agent.errors import (
    ChallengeShown,
    CountermandError,
    Refused,
    Retryable,
    ShopOrderNotCancellable,
    SignInNeeded,
    Uncertain,
)
from agent.model import OrderId, OrderStage, ReasonChoice, ShopStage, Stage, Submission
from agent.walk import StoppedBeforeCommit

_STAGES = {
    Submission.REQUESTED: OrderStage.AWAITING_DECISION,
    Submission.ALREADY_OPEN: OrderStage.AWAITING_DECISION,
    Submission.CANCELLED_AT_ONCE: OrderStage.APPROVED,
    Submission.ALREADY_CANCELLED: OrderStage.ALREADY_CANCELLED,
}


async def submit(sites: Sites, cancellation: Cancellation, order: SupplierOrder) -> None:
    """Read the shop order, then ask the supplier to cancel *order*."""
    workshop = sites.workshop
    async with sites.owning(order.portal, order.account) as fence:
        # Somebody else may have done it while we waited for the account.
        cancellation, order = workshop.ledger.again(order)
        if cancellation.is_held or not order.may_be_submitted:
            return
        if (why := why_not_there(sites, order.portal, order.account)) is not None:
            waits(workshop, cancellation, [order], why)
            return
        if (over := not_before(workshop, order.portal, order.account)) is not None:
            wait_until(workshop, cancellation, over)  # another process was faster
            return
        visit = workshop.ledger.begin_visit(cancellation.id, "submit", order)
        asked = Request(
            cancellation=cancellation.id,
            orders=[order.order_id],
            reason=str(cancellation.choices.reason),
            shop_order=cancellation.choices.shop_order,
        )
        journal = workshop.journal(visit, "submit", order.portal, order.account, order.order_id, request=asked)
        try:
            await guard_shop_order(workshop, cancellation, journal, visit)
            submission = await _ask_supplier(sites, cancellation, order, visit, fence, journal)
        except BaseException as error:
            end_with(journal, error)
            if not isinstance(error, CountermandError):
                raise
            _not_submitted(workshop, cancellation, order, error, visit)
        else:
            journal.end(
                ok=True,
                kind=submission.value,
                message=f"order {order.order_id}: {submission.value.replace('_', ' ')}",
            )
            workshop.ledger.move_order(order, _STAGES[submission], visit, outcome=submission.value)
            if _STAGES[submission] is OrderStage.AWAITING_DECISION and not _more_to_submit(workshop, cancellation):
                workshop.ledger.postpone(cancellation.id, next_look(workshop, cancellation, order))


async def _ask_supplier(
    sites: Sites, cancellation: Cancellation, order: SupplierOrder, visit: str, fence: int, journal: Journal
) -> Submission:
    workshop = sites.workshop
    yes = "yes at the terminal" if workshop.manner.ask else None
    stamper = LedgerStamper(workshop.database, workshop.clock, order, visit, fence, yes, lambda: workshop.stopping)
    policy = workshop.settings.approval
    approval = None
    if policy != "never":
        approval = LedgerApproval(workshop.database, workshop.clock, order, cancellation.id, policy)
    try:
        async with sites.open(order.portal, order.account, journal) as site:
            walk = await sites.committing_walk(site, journal, stamper, approval)
            return await sites.signed_in(
                site,
                walk,
                lambda: request_cancellation(site.portal, walk, order.order_id, cancellation.choices.reason),
            )
    except (SignInNeeded, ChallengeShown) as error:
        _, order = workshop.ledger.again(order)
        if order.may_be_submitted:  # else the order is looked at first, which finds out whether the account still works
            workshop.accounts.note(order.portal, order.account, paused_because=error.what)
        raise


def _more_to_submit(workshop: Workshop, cancellation: Cancellation) -> bool:
    return any(order.may_be_submitted for order in workshop.ledger.get(cancellation.id).orders)


def _not_submitted(
    workshop: Workshop, cancellation: Cancellation, order: SupplierOrder, error: CountermandError, visit: str
) -> None:
    _, order = workshop.ledger.again(order)
    open_stamp = order.stamp is not None and order.stamp.is_open
    if not open_stamp and not error.done_so_far:
        error.done_so_far = "Nothing was submitted."
    if isinstance(error, ShopOrderNotCancellable):
        workshop.ledger.move_shop(cancellation.id, ShopStage.STOPPED, visit)
        workshop.ledger.fail(cancellation.id, error, visit, stage=_stopped_by_the_shop(workshop, cancellation))
    elif isinstance(error, Refused):
        words = error.facts.get("words") or error.facts.get("state")
        denied = OrderStage.REFUSED if open_stamp else OrderStage.NOT_CANCELLABLE
        workshop.ledger.move_order(
            order,
            denied,
            visit,
            text=words,
            outcome=error.facts.get("state") if open_stamp else None,
        )
        tell(workshop, cancellation.id, error, visit)
    elif open_stamp or isinstance(error, Uncertain):
        quiet = workshop.settings.portal(order.portal).quiet
        workshop.person.says(f"the click may still land: in {quiet.total_seconds():.0f} s the order is looked at")
        uncertain = error if isinstance(error, Uncertain) else Uncertain(error.what, **error.facts)
        workshop.ledger.fail(cancellation.id, uncertain, visit, due_at=workshop.clock.now() + quiet)
    else:
        if order.stage is not OrderStage.QUEUED:
            workshop.ledger.move_order(order, OrderStage.QUEUED, visit, why=error.what)
        _stop(workshop, cancellation.id, error, visit)


def _stopped_by_the_shop(workshop: Workshop, cancellation: Cancellation) -> Stage:
    """The answer is no; unless another order was withdrawn already, one that this one has joined: then a person decides."""
    orders = workshop.ledger.get(cancellation.id).orders
    return Stage.NEEDS_OPERATOR if any(one.stage.is_withdrawn for one in orders) else Stage.REFUSED


def _stop(workshop: Workshop, id: str, error: CountermandError, visit: str) -> None:
    """Nothing was submitted: later, or when a person has acted."""
    if isinstance(error, Retryable):
        # Being told to stop says nothing about the portal: whoever starts again goes on at once.
        pause = timedelta() if workshop.stopping else LATER
        workshop.ledger.fail(id, error, visit, due_at=workshop.clock.now() + pause)
    else:
        workshop.ledger.fail(id, error, visit, stage=Stage.NEEDS_OPERATOR)


async def dry_run(sites: Sites, wanted: Wanted, reason: ReasonChoice) -> Path:
    """
    Walk up to the first commit and stop there. Claims nothing.

    :returns: the folder with what was seen.
    """
    workshop = sites.workshop
    async with sites.owning(wanted.portal, wanted.account):
        if (why := why_not_there(sites, wanted.portal, wanted.account)) is not None:
            raise why
        visit = f"dry-run-{workshop.clock.now():%Y%m%d-%H%M%S}-{wanted.order_id}"
        asked = Request(orders=[wanted.order_id], reason=str(reason))
        journal = workshop.journal(visit, "dry_run", wanted.portal, wanted.account, wanted.order_id, request=asked)
        try:
            async with sites.open(wanted.portal, wanted.account, journal) as site:
                walk = await sites.rehearsing_walk(site, journal, _NoStamps())
                submission = await sites.signed_in(
                    site,
                    walk,
                    lambda: request_cancellation(site.portal, walk, wanted.order_id, reason, dry_run=True),
                )
        except StoppedBeforeCommit:
            journal.end(ok=True, kind="dry_run", message="stopped before the first click that commits")
        except BaseException as error:
            end_with(journal, error)
            raise
        else:
            journal.end(ok=True, kind=submission.value, message="nothing to do")
        return journal.folder


class _NoStamps:
    """A dry run never comes to a stamp."""

    async def arm(self, target: str, order: OrderId) -> None:
        raise AssertionError(f"a dry run would have clicked {target} of order {order}")

    async def unsent(self, outcome: str) -> None:
        raise AssertionError(f"a dry run has nothing out: {outcome}")
