"""
The ledger: what was asked, where it stands, and every change of it.

Our unique keys decide: one cancellation per supplier order, one per shop order, one stamp per attempt.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from agent.engine.clock import Clock
from agent.engine.database import Database
from agent.engine.stages import stage_of
from agent.engine.tables import AccountRow, CancellationRow, EventRow, StampRow, SupplierOrderRow
from agent.errors import BadInput, CountermandError
from agent.model import (
    Choices,
    ErrorKind,
    ErrorReport,
    OrderId,
    OrderStage,
    Reason,
    ReasonChoice,
    Refund,
    Settle,
    ShopChoices,
    ShopReason,
    ShopStage,
    Stage,
)
from agent.redact import redactor
from agent.storefront import ShopSettlement

_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"  # no letter or digit that is read as another


@dataclass(frozen=True)
class Stamp:
    """The stamp of an order's present attempt."""

    id: int
    state: str
    armed: int
    armed_at: datetime
    target: str

    @property
    def is_open(self) -> bool:
        """A click may have happened, and what it did is not known."""
        return self.state == "armed"


@dataclass(frozen=True)
class SupplierOrder:
    """One supplier order as the ledger has it."""

    key: int
    portal: str
    account: str
    order_id: OrderId
    stage: OrderStage
    attempt: int
    status_text: str | None
    decided_at: datetime | None
    stamp: Stamp | None

    @property
    def was_stamped(self) -> bool:
        """Something may have been submitted for it, now or earlier."""
        return self.attempt > 1 or (self.stamp is not None and self.stamp.state != "unsent")


@dataclass(frozen=True)
class Cancellation:
    """A cancellation as the ledger has it."""

    id: str
    stage: Stage
    revision: int
    created_at: datetime
    changed_at: datetime
    due_at: datetime | None
    looks: int
    choices: Choices
    shop_stage: ShopStage
    settled: ShopSettlement | None
    error: ErrorReport | None
    orders: tuple[SupplierOrder, ...]

    @property
    def accounts(self) -> tuple[tuple[str, str], ...]:
        """The (portal, account) pairs of its orders."""
        return tuple(dict.fromkeys((order.portal, order.account) for order in self.orders))


@dataclass(frozen=True)
class Event:
    """One change."""

    number: int
    at: datetime
    actor: str
    what: str
    order_id: str | None
    before: str | None
    after: str | None
    visit: str | None
    detail: dict[str, str] | None


@dataclass(frozen=True)
class Wanted:
    """A supplier order that somebody wants withdrawn."""

    portal: str
    account: str
    order_id: OrderId

    @property
    def claim(self) -> str:
        """The key that lets an order belong to one cancellation only, whoever's account it was asked with."""
        return f"{self.portal}:{self.order_id}"


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
            return _snapshot(session, row)

    def newest(self, limit: int = 50) -> list[Cancellation]:
        """The cancellations that changed last, newest first."""
        with self._database.reading() as session:
            rows = session.scalars(
                select(CancellationRow).order_by(CancellationRow.changed_at.desc(), CancellationRow.id).limit(limit)
            )
            return [_snapshot(session, row) for row in rows]

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
                    found[order] = _snapshot(session, _cancellation(session, row.cancellation_id))
            return found

    def holding_shop_order(self, shop: str, gid: str) -> Cancellation | None:
        """The cancellation that the shop order belongs to."""
        with self._database.reading() as session:
            row = session.scalar(select(CancellationRow).where(CancellationRow.shop_claim == f"{shop}:{gid}"))
            return None if row is None else _snapshot(session, row)

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
            row = _cancellation(session, id)
            row.shop_claim = None
            for order in _orders(session, id):
                order.claim = None
            self._event(session, id, "freed")

    def wake(self, id: str) -> None:
        """A person asked again: whatever is not over is due now."""
        with self._database.writing() as session:
            row = _cancellation(session, id)
            if not Stage(row.stage).is_final:
                row.due_at = self._clock.now()

    # -- visits

    def begin_visit(self, id: str, kind: str, order: SupplierOrder | None) -> str:
        """Count the revision up and note the visit; its id is made of the two."""
        with self._database.writing() as session:
            row = _cancellation(session, id)
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
                stamp = _stamp(session, row)
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
            stamp = _stamp(session, row)
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
            row = _cancellation(session, id)
            before, row.stage, row.due_at = row.stage, Stage.ABANDONED, None
            self._event(session, id, "stage", before=before, after=Stage.ABANDONED, detail={"why": why})

    def postpone(self, id: str, due_at: datetime | None) -> None:
        """Nothing to do before *due_at*; ``None``: nothing before a person acts."""
        with self._database.writing() as session:
            _cancellation(session, id).due_at = due_at

    def looked(self, id: str, due_at: datetime) -> None:
        """The portal was looked at and has not decided; the next look is due at *due_at*."""
        with self._database.writing() as session:
            row = _cancellation(session, id)
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
            _cancellation(session, id).due_at = due_at

    def move_shop(self, id: str, stage: ShopStage, visit: str | None, settlement: ShopSettlement | None = None) -> None:
        """The shop order's stage changes, and with it the cancellation's."""
        with self._database.writing() as session:
            row = _cancellation(session, id)
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
        row = _cancellation(session, id)
        stages = [OrderStage(order.stage) for order in _orders(session, id)]
        before = row.stage
        row.stage = stage or stage_of(stages, ShopStage(row.shop_stage), Settle(row.settle))
        row.changed_at = self._clock.now()
        if (
            error is None
            and row.stage == Stage.NEEDS_OPERATOR
            and not any(one is OrderStage.UNCERTAIN for one in stages)
        ):
            error = _mixed(_orders(session, id))
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

    # -- accounts

    def take_account(self, portal: str, account: str, holder: str) -> int:
        """
        Note who holds the account's lock.

        :returns: the fence: only its newest holder may put stamps on disk.
        """
        with self._database.writing() as session:
            row = session.get(AccountRow, (portal, account))
            if row is None:
                row = AccountRow(portal=portal, name=account, fence=0)
                session.add(row)
            row.fence += 1
            row.holder = holder
            return row.fence

    def holder(self, portal: str, account: str) -> str | None:
        """Who took the account's lock last."""
        with self._database.reading() as session:
            row = session.get(AccountRow, (portal, account))
            return row.holder if row else None

    def visited_at(self, portal: str, account: str) -> datetime | None:
        """When a visit for the account last ended."""
        with self._database.reading() as session:
            row = session.get(AccountRow, (portal, account))
            return row.visited_at if row else None

    def note_account(
        self,
        portal: str,
        account: str,
        *,
        signed_in: bool = False,
        proven: bool = False,
        paused_because: str | None = None,
    ) -> None:
        """What became of an account's sign-in."""
        now = self._clock.now()
        with self._database.writing() as session:
            row = session.get_one(AccountRow, (portal, account))
            row.visited_at = now
            if signed_in:
                row.signed_in_at = now
            if signed_in or proven:
                row.proven_at, row.paused_at, row.paused_because = now, None, None
            if paused_because is not None:
                row.paused_at, row.paused_because = now, redactor.clean(paused_because)


def _cancellation(session: Session, id: str) -> CancellationRow:
    return session.get_one(CancellationRow, id)


def _orders(session: Session, id: str) -> list[SupplierOrderRow]:
    return list(
        session.scalars(
            select(SupplierOrderRow).where(SupplierOrderRow.cancellation_id == id).order_by(SupplierOrderRow.id)
        )
    )


def _stamp(session: Session, order: SupplierOrderRow) -> StampRow | None:
    return session.scalar(
        select(StampRow).where(StampRow.supplier_order_id == order.id, StampRow.attempt == order.attempt)
    )


def _clean(report: ErrorReport) -> ErrorReport:
    return ErrorReport(kind=report.kind, message=redactor.clean(report.message), next=redactor.clean(report.next))


def _mixed(orders: Sequence[SupplierOrderRow]) -> ErrorReport:
    answers = ", ".join(f"{order.order_id} is {order.stage.replace('_', ' ')}" for order in orders)
    return ErrorReport(
        kind=ErrorKind.MIXED_DECISIONS,
        message=f"the suppliers answered differently: {answers}. Nothing was sent to the shop.",
        next="Decide about the shop order by hand: it cannot be cancelled in part.",
    )


def _snapshot(session: Session, row: CancellationRow) -> Cancellation:
    shop_choices = None
    if row.refund is not None and row.shop_reason is not None:
        shop_choices = ShopChoices(
            refund=Refund(row.refund),
            reason=ShopReason(row.shop_reason),
            note=row.note,
            restock=bool(row.restock),
            notify=bool(row.notify),
        )
    choices = Choices(
        reason=ReasonChoice(key=Reason(row.reason_key) if row.reason_key else None, text=row.reason_text),
        settle=Settle(row.settle),
        shop=row.shop,
        shop_order=row.shop_order,
        shop_gid=row.shop_gid,
        shop_choices=shop_choices,
    )
    settled = None
    if row.cancelled_at is not None:
        refund = shop_choices.refund if shop_choices and row.shop_stage == ShopStage.CANCELLED else None
        settled = ShopSettlement(
            cancelled_at=row.cancelled_at,
            refund=refund,
            amount=Decimal(row.amount) if row.amount else None,
            currency=row.currency,
        )
    error = None
    if row.error_kind is not None:
        error = ErrorReport(kind=ErrorKind(row.error_kind), message=row.error_message or "", next=row.error_next or "")
    return Cancellation(
        id=row.id,
        stage=Stage(row.stage),
        revision=row.revision,
        created_at=row.created_at,
        changed_at=row.changed_at,
        due_at=row.due_at,
        looks=row.looks,
        choices=choices,
        shop_stage=ShopStage(row.shop_stage),
        settled=settled,
        error=error,
        orders=tuple(_order(session, order) for order in _orders(session, row.id)),
    )


def _order(session: Session, row: SupplierOrderRow) -> SupplierOrder:
    stamp = _stamp(session, row)
    return SupplierOrder(
        key=row.id,
        portal=row.portal,
        account=row.account,
        order_id=OrderId(row.order_id),
        stage=OrderStage(row.stage),
        attempt=row.attempt,
        status_text=row.status_text,
        decided_at=row.decided_at,
        stamp=None if stamp is None else Stamp(stamp.id, stamp.state, stamp.armed, stamp.armed_at, stamp.target),
    )
