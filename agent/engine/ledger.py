"""
The ledger: what was asked, where it stands, and every change of it.

Our unique keys decide: one cancellation per supplier order, one per shop order, one stamp per attempt.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from agent.engine.clock import Clock
from agent.engine.database import Database
from agent.engine.listing import Filters, Page, find
from agent.engine.records import (
    Cancellation,
    Event,
    SupplierOrder,
    Wanted,
    cancellation_row,
    order_rows,
    snapshot,
    snapshots,
    stamp_row,
)
from agent.engine.stages import stage_of
from agent.engine.tables import CancellationRow, EventRow, SupplierOrderRow
from agent.errors import BadInput, CountermandError
from agent.model import (
    Choices,
    ErrorKind,
    ErrorReport,
    OrderStage,
    Settle,
    ShopStage,
    Stage,
)
from agent.redact import redactor
from agent.storefront import ShopSettlement

_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"  # no letter or digit that is read as another


class Ledger:
    """Reads and changes the ledger, each change in one transaction with its event."""

    def __init__(self, database: Database, clock: Clock, actor: str) -> None:
        self._database = database
        self._clock = clock
        self._actor = actor

    # -- reading

    def get(self, id: str) -> Cancellation:
        """
        The cancellation *id*.

        :raises BadInput: there is none.
        """
        with self._database.reading() as session:
            row = session.get(CancellationRow, id)
            if row is None:
                raise BadInput(f"there is no cancellation {id}", next="Run countermand list to see them.")
            return snapshot(session, row)

    def again(self, order: SupplierOrder) -> tuple[Cancellation, SupplierOrder]:
        """An order and its cancellation as they stand now: another process may have moved them."""
        with self._database.reading() as session:
            row = session.get_one(SupplierOrderRow, order.key)
            cancellation = snapshot(session, cancellation_row(session, row.cancellation_id))
        return cancellation, next(one for one in cancellation.orders if one.key == order.key)

    def newest(self, limit: int = 50) -> list[Cancellation]:
        """The cancellations that changed last, newest first."""
        with self._database.reading() as session:
            rows = session.scalars(
                select(CancellationRow).order_by(CancellationRow.changed_at.desc(), CancellationRow.id).limit(limit)
            )
            return snapshots(session, list(rows))

    def find(self, filters: Filters, page: int = 1) -> Page:
        """Page *page* of the cancellations that *filters* fit, those that changed last first."""
        with self._database.reading() as session:
            return find(session, filters, page)

    def has_account(self, name: str) -> bool:
        """Whether any order was ever asked for with the account called *name*."""
        with self._database.reading() as session:
            query = select(SupplierOrderRow.id).where(SupplierOrderRow.account == name).limit(1)
            return session.scalar(query) is not None

    def due(self, now: datetime, only: Sequence[str] | None = None) -> Sequence[str]:
        """The ids of cancellations with a visit due at *now*, longest waiting first."""
        query = select(CancellationRow.id).where(CancellationRow.due_at <= now).order_by(CancellationRow.due_at)
        if only is not None:
            query = query.where(CancellationRow.id.in_(only))
        with self._database.reading() as session:
            return list(session.scalars(query))

    def events(self, id: str) -> Sequence[Event]:
        """Every change of the cancellation *id*, oldest first."""
        self.get(id)
        with self._database.reading() as session:
            rows = session.scalars(select(EventRow).where(EventRow.cancellation_id == id).order_by(EventRow.number))
            return [
                Event(
                    row.number, row.at, row.actor, row.what, row.order_id, row.before, row.after, row.visit, row.detail
                )
                for row in rows
            ]

    def visits(self, id: str) -> Sequence[str]:
        """The ids of the visits of the cancellation *id*, oldest first."""
        with self._database.reading() as session:
            rows = session.scalars(
                select(EventRow.visit)
                .where(EventRow.cancellation_id == id, EventRow.what == "visit")
                .order_by(EventRow.number)
            )
            return [visit for visit in rows if visit is not None]

    def holding(self, wanted: Sequence[Wanted]) -> dict[Wanted, Cancellation]:
        """Which of *wanted* belong to a cancellation already, and to which."""
        with self._database.reading() as session:
            found = {}
            for order in wanted:
                row = session.scalar(select(SupplierOrderRow).where(SupplierOrderRow.claim == order.claim))
                if row is not None:
                    found[order] = snapshot(session, cancellation_row(session, row.cancellation_id))
            return found

    def holding_shop_order(self, shop: str, gid: str) -> Cancellation | None:
        """The cancellation that the shop order belongs to."""
        with self._database.reading() as session:
            row = session.scalar(select(CancellationRow).where(CancellationRow.shop_claim == f"{shop}:{gid}"))
            return None if row is None else snapshot(session, row)

    # -- asking

    def claim(self, wanted: Sequence[Wanted], choices: Choices) -> Cancellation | None:
        """
        Begin a cancellation of *wanted*. ``None``: somebody else claimed one of them first.
        """
        now = self._clock.now()
        row = CancellationRow(
            id=f"c-{''.join(secrets.choice(_ALPHABET) for _ in range(8))}",
            stage=Stage.OPEN,
            created_at=now,
            changed_at=now,
            due_at=now,
            reason_key=choices.reason.key,
            reason_text=choices.reason.text,
            settle=choices.settle,
            shop=choices.shop,
            shop_order=choices.shop_order,
            shop_gid=choices.shop_gid,
            shop_claim=f"{choices.shop}:{choices.shop_gid}" if choices.shop_gid else None,
            shop_stage=ShopStage.WAITING if choices.shop_gid else ShopStage.NONE,
        )
        if choices.shop_choices is not None:
            shop = choices.shop_choices
            row.refund, row.shop_reason, row.note, row.restock, row.notify = (
                shop.refund,
                shop.reason,
                shop.note,
                shop.restock,
                shop.notify,
            )
        try:
            with self._database.writing() as session:
                session.add(row)
                session.flush()
                for order in wanted:
                    session.add(
                        SupplierOrderRow(
                            cancellation_id=row.id,
                            portal=order.portal,
                            account=order.account,
                            order_id=order.order_id,
                            claim=order.claim,
                            stage=OrderStage.QUEUED,
                        )
                    )
                session.flush()
                self._event(
                    session,
                    row.id,
                    "asked",
                    after=Stage.OPEN,
                    detail={"orders": ", ".join(order.order_id for order in wanted)},
                )
        except IntegrityError:
            return None
        return self.get(row.id)

    def free(self, id: str) -> None:
        """Let the orders of a cancellation that is over, and submitted nothing, be asked for afresh."""
        with self._database.writing() as session:
            row = cancellation_row(session, id)
            row.shop_claim = None
            for order in order_rows(session, id):
                order.claim = None
            self._event(session, id, "freed")

    def wake(self, id: str) -> None:
        """A person asked again: whatever is not over is due now."""
        with self._database.writing() as session:
            row = cancellation_row(session, id)
            if not Stage(row.stage).is_final:
                row.due_at = self._clock.now()

    # -- visits

    def begin_visit(self, id: str, kind: str, order: SupplierOrder | None) -> str:
        """Count the revision up and note the visit; its id is made of the two."""
        with self._database.writing() as session:
            row = cancellation_row(session, id)
            row.revision += 1
            visit = f"{id}-{row.revision}"
            self._event(
                session, id, "visit", order_id=order.order_id if order else None, visit=visit, detail={"kind": kind}
            )
            return visit

    def move_order(
        self,
        order: SupplierOrder,
        stage: OrderStage,
        visit: str | None,
        *,
        text: str | None = None,
        outcome: str | None = None,
        why: str | None = None,
    ) -> None:
        """
        A supplier order's stage changes; its cancellation's stage follows by the rules of ``stages.py``.

        :param text: the portal's own words.
        :param outcome: what became of the stamp, if it is answered by this.
        """
        now = self._clock.now()
        with self._database.writing() as session:
            row = session.get_one(SupplierOrderRow, order.key)
            before = row.stage
            row.stage = stage
            row.status_text = redactor.clean(text) if text else row.status_text
            if stage is OrderStage.AWAITING_DECISION and row.requested_at is None:
                row.requested_at = now
            if stage.is_decided:
                row.decided_at = now
            if outcome is not None:
                stamp = stamp_row(session, row)
                if stamp is not None:
                    stamp.state, stamp.outcome = "answered", outcome
            if before != stage:
                detail = {
                    key: redactor.clean(value)
                    for key, value in (("text", text), ("outcome", outcome), ("why", why))
                    if value
                }
                self._event(
                    session,
                    row.cancellation_id,
                    "order",
                    order_id=row.order_id,
                    before=before,
                    after=stage,
                    visit=visit,
                    detail=detail or None,
                )
            self._follow(session, row.cancellation_id, visit, error=None)

    def next_attempt(self, order: SupplierOrder, visit: str) -> None:
        """A look proved that the attempt left nothing behind, and the settings say to submit again (design 4.3)."""
        with self._database.writing() as session:
            row = session.get_one(SupplierOrderRow, order.key)
            stamp = stamp_row(session, row)
            if stamp is not None:
                stamp.state, stamp.outcome = "answered", "not_requested"
            row.attempt += 1
            self._event(
                session,
                row.cancellation_id,
                "order",
                order_id=row.order_id,
                before=row.stage,
                after=OrderStage.QUEUED,
                visit=visit,
                detail={"attempt": str(row.attempt)},
            )
            row.stage = OrderStage.QUEUED
            self._follow(session, row.cancellation_id, visit, error=None)

    def abandon(self, id: str, why: str) -> None:
        """A person gives a cancellation up; its orders may be asked for afresh if nothing was submitted."""
        with self._database.writing() as session:
            row = cancellation_row(session, id)
            before, row.stage, row.due_at = row.stage, Stage.ABANDONED, None
            self._event(session, id, "stage", before=before, after=Stage.ABANDONED, detail={"why": why})

    def postpone(self, id: str, due_at: datetime | None) -> None:
        """Nothing to do before *due_at*; ``None``: nothing before a person acts."""
        with self._database.writing() as session:
            cancellation_row(session, id).due_at = due_at

    def looked(self, id: str, due_at: datetime) -> None:
        """The portal was looked at and has not decided; the next look is due at *due_at*."""
        with self._database.writing() as session:
            row = cancellation_row(session, id)
            row.looks += 1
            row.due_at = due_at

    def fail(
        self,
        id: str,
        error: CountermandError,
        visit: str | None,
        *,
        stage: Stage | None = None,
        due_at: datetime | None = None,
    ) -> None:
        """
        A visit ended with an error.

        :param stage: where that leaves the cancellation; ``None`` leaves its stage to its orders.
        :param due_at: when the next visit is due; ``None`` waits for a person or a further command.
        """
        with self._database.writing() as session:
            self._follow(session, id, visit, error=_clean(error.report()), stage=stage)
            cancellation_row(session, id).due_at = due_at

    def move_shop(self, id: str, stage: ShopStage, visit: str | None, settlement: ShopSettlement | None = None) -> None:
        """The shop order's stage changes, and with it the cancellation's."""
        with self._database.writing() as session:
            row = cancellation_row(session, id)
            before, row.shop_stage = row.shop_stage, stage
            if settlement is not None:
                row.cancelled_at, row.currency = settlement.cancelled_at, settlement.currency
                row.amount = None if settlement.amount is None else str(settlement.amount)

            if before != stage:
                self._event(session, id, "shop", before=before, after=stage, visit=visit)
            self._follow(session, id, visit, error=None)

    def _follow(
        self, session: Session, id: str, visit: str | None, *, error: ErrorReport | None, stage: Stage | None = None
    ) -> None:
        row = cancellation_row(session, id)
        stages = [OrderStage(order.stage) for order in order_rows(session, id)]
        before = row.stage
        row.stage = stage or stage_of(stages, ShopStage(row.shop_stage), Settle(row.settle))
        row.changed_at = self._clock.now()
        if (
            error is None
            and row.stage == Stage.NEEDS_OPERATOR
            and not any(one is OrderStage.UNCERTAIN for one in stages)
        ):
            error = _mixed(order_rows(session, id))
        row.error_kind, row.error_message, row.error_next = (
            (error.kind, error.message, error.next) if error else (None, None, None)
        )
        over = row.stage in (Stage.DONE, Stage.REFUSED, Stage.ABANDONED, Stage.NEEDS_OPERATOR)
        row.due_at = None if over else self._clock.now()
        if before != row.stage or error is not None:
            detail = {"kind": str(error.kind), "message": error.message} if error else None
            self._event(session, id, "stage", before=before, after=row.stage, visit=visit, detail=detail)

    def _event(
        self,
        session: Session,
        id: str,
        what: str,
        *,
        order_id: str | None = None,
        before: str | None = None,
        after: str | None = None,
        visit: str | None = None,
        detail: dict[str, str] | None = None,
    ) -> None:
        last = session.scalar(select(func.max(EventRow.number)).where(EventRow.cancellation_id == id)) or 0
        session.add(
            EventRow(
                cancellation_id=id,
                number=last + 1,
                at=self._clock.now(),
                actor=self._actor,
                what=what,
                order_id=order_id,
                before=before,
                after=after,
                visit=visit,
                detail=detail,
            )
        )
        session.flush()


def _clean(report: ErrorReport) -> ErrorReport:
    return ErrorReport(kind=report.kind, message=redactor.clean(report.message), next=redactor.clean(report.next))


def _mixed(orders: Sequence[SupplierOrderRow]) -> ErrorReport:
    answers = ", ".join(f"{order.order_id} is {order.stage.replace('_', ' ')}" for order in orders)
    return ErrorReport(
        kind=ErrorKind.MIXED_DECISIONS,
        message=f"the suppliers answered differently: {answers}. Nothing was sent to the shop.",
        next="Decide about the shop order by hand: it cannot be cancelled in part.",
    )
