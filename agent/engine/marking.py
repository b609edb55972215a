"""
What a restored ledger cannot know: what was clicked in the days that were lost.

So whatever could still be submitted counts as clicked, at the time of the restore. Then design 4.3 decides as after a crash:
QUIET, a look, and the setting ``resubmit``. Restoring an old state never leads to a second submit.

::

    queued, or submitting with no open stamp   ► submitting, stamped; the cancellation is open, uncertain and due
    the same in an abandoned cancellation      ► uncertain, stamped; it stays abandoned
    submitting or uncertain with an open stamp ► as it is: the next visit looks
    awaiting_decision                          ► as it is: a look only reads
    decided; anything in a cancellation that is done or refused
                                               ► as it is: only a new request, or ``retry --again``, may submit, and
                                                 each needs a person's yes (``asking.py``)

A stage that was decided stays decided. The shop is read again before every settlement, as always (design 4.7).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from agent.engine.records import RESTORE, cancellation_row, order_rows, stamp_row
from agent.engine.stages import stage_of
from agent.engine.tables import AccountRow, CancellationRow, EventRow, RestoreRow, StampRow, SupplierOrderRow
from agent.errors import Uncertain
from agent.model import OrderStage, Settle, ShopStage, Stage

_FENCE_STEP = 1_000_000
_REVISION_STEP = 1_000
_UNDECIDED = [stage for stage in OrderStage if not stage.is_decided]


def mark_restored(session: Session, at: datetime, backup_made_at: datetime, visits: Path) -> int:
    """
    Mark the restored ledger, before it takes its place.

    :param visits: the folder with the evidence of visits, those of the lost days among them.
    :returns: how many supplier orders count as clicked from now on.
    """
    session.merge(RestoreRow(id=1, at=at, backup_made_at=backup_made_at))
    session.execute(update(AccountRow).values(fence=AccountRow.fence + _FENCE_STEP))
    _number_visits_anew(session, visits)
    undecided = (
        select(SupplierOrderRow)
        .join(CancellationRow, CancellationRow.id == SupplierOrderRow.cancellation_id)
        .where(CancellationRow.stage.not_in([Stage.DONE, Stage.REFUSED]))
        # An order that was freed belongs to another cancellation by now, or to none.
        .where(SupplierOrderRow.claim.is_not(None), SupplierOrderRow.stage.in_(_UNDECIDED))
        .order_by(SupplierOrderRow.id)
    )
    orders = session.scalars(undecided).all()
    events = _Events(session, at)
    marked: dict[str, list[str]] = {}
    with session.no_autoflush:  # tens of thousands of rows are written at the end, at once
        for order in orders:
            if _mark_order(session, order, at, backup_made_at, events):
                marked.setdefault(order.cancellation_id, []).append(order.order_id)
        for id, numbers in marked.items():
            _mark_cancellation(session, id, numbers, at, backup_made_at, events)
    return sum(map(len, marked.values()))


def _mark_order(
    session: Session, order: SupplierOrderRow, at: datetime, backup_made_at: datetime, events: _Events
) -> bool:
    before = order.stage
    marked = before != OrderStage.AWAITING_DECISION and _arm(session, order, at)
    if marked:
        is_over = cancellation_row(session, order.cancellation_id).stage == Stage.ABANDONED
        if is_over:
            order.stage = OrderStage.UNCERTAIN
        elif before == OrderStage.QUEUED:
            order.stage = OrderStage.SUBMITTING
    detail = {"backup_made_at": backup_made_at.isoformat()}
    events.add(order.cancellation_id, "restored", order.order_id, before, order.stage, detail)
    return marked


def _arm(session: Session, order: SupplierOrderRow, at: datetime) -> bool:
    """Whether there is a stamp now that was not armed before."""
    stamp = stamp_row(session, order)
    if stamp is None:
        session.add(
            StampRow(
                supplier_order_id=order.id,
                attempt=order.attempt,
                visit=RESTORE,
                target=RESTORE,
                state="armed",
                armed_at=at,
            )
        )
        return True
    if stamp.state == "unsent":
        stamp.state, stamp.target, stamp.visit, stamp.armed_at, stamp.outcome = "armed", RESTORE, RESTORE, at, None
        stamp.armed += 1
        return True
    return False


def _mark_cancellation(
    session: Session, id: str, numbers: list[str], at: datetime, backup_made_at: datetime, events: _Events
) -> None:
    row = cancellation_row(session, id)
    before = row.stage
    if before != Stage.ABANDONED:
        stages = [OrderStage(order.stage) for order in order_rows(session, id)]
        row.stage = stage_of(stages, ShopStage(row.shop_stage), Settle(row.settle))
        row.due_at = at if row.stage == Stage.OPEN else None
    row.changed_at = at
    uncertain = Uncertain(
        f"the ledger was restored from a backup made at {backup_made_at:%Y-%m-%d %H:%M} UTC, and order {', '.join(numbers)} may have been submitted since",
        next=f"Look at order {', '.join(numbers)} in My Orders." if before == Stage.ABANDONED else "",
    ).report()
    row.error_kind, row.error_message, row.error_next = uncertain.kind, uncertain.message, uncertain.next
    detail = {"kind": str(uncertain.kind), "message": uncertain.message}
    events.add(id, "stage", None, before, row.stage, detail)


def _number_visits_anew(session: Session, visits: Path) -> None:
    """A visit of the restored ledger must not write over the evidence of one in the lost days, which may have its number."""
    highest: dict[str, int] = {}
    for folder in visits.iterdir() if visits.is_dir() else ():
        id, _, number = folder.name.rpartition("-")
        if number.isdecimal():
            highest[id] = max(highest.get(id, 0), int(number))
    for row in session.scalars(select(CancellationRow)):
        row.revision = max(row.revision, highest.get(row.id, 0)) + _REVISION_STEP
        row.scheduled = row.scheduled_for = None  # the queue is not restored; the worker gives every row its visit anew


class _Events:
    """Adds events of the operator's, numbered on from the last one of each cancellation."""

    def __init__(self, session: Session, at: datetime) -> None:
        self._session = session
        self._at = at
        last = select(EventRow.cancellation_id, func.max(EventRow.number)).group_by(EventRow.cancellation_id)
        self._last: dict[str, int] = dict(session.execute(last).all())

    def add(self, id: str, what: str, order_id: str | None, before: str, after: str, detail: dict[str, str]) -> None:
        """One more event of the cancellation *id*."""
        self._last[id] = self._last.get(id, 0) + 1
        self._session.add(
            EventRow(
                cancellation_id=id,
                number=self._last[id],
                at=self._at,
                actor="operator",
                what=what,
                order_id=order_id,
                before=before,
                after=after,
                detail=detail,
            )
        )
