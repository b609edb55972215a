"""
What the ledger holds, as values: a cancellation, its supplier orders and their stamps, its events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.engine.tables import CancellationRow, StampRow, SupplierOrderRow
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
from agent.storefront import ShopSettlement

RESTORE = "restore"
"""The target, and the visit, of a stamp that a restore put there: a click may have happened in the days that were lost."""


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
class Restore:
    """The last restore of the ledger."""

    at: datetime
    backup_made_at: datetime


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
    requested_at: datetime | None
    answer_by: datetime | None
    decided_at: datetime | None
    asked_at: datetime | None
    """Since when a person's yes is waited for, before it is submitted."""
    stamp: Stamp | None

    @property
    def may_be_submitted(self) -> bool:
        """Nothing of the present attempt can be out: it was not begun, or the page proved that nothing was sent."""
        unsent = self.stamp is None or self.stamp.state == "unsent"
        return self.stage in (OrderStage.QUEUED, OrderStage.SUBMITTING) and unsent

    @property
    def is_unresolved(self) -> bool:
        """A click may have happened, and whether we asked is not known."""
        return self.stage in (OrderStage.SUBMITTING, OrderStage.UNCERTAIN) and not self.may_be_submitted

    @property
    def is_open(self) -> bool:
        """Something is, or may be, out at the portal, and the portal has not decided."""
        return self.is_unresolved or self.stage is OrderStage.AWAITING_DECISION

    @property
    def is_closed(self) -> bool:
        """A person said that the attempt left no request behind: only a further attempt may click, and only a yes opens it."""
        return self.stage is OrderStage.QUEUED and self.stamp is not None and self.stamp.state == "answered"

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
    queued: bool = False
    """Nobody was there who could be asked whether these are all supplier orders behind the shop order."""
    anyway: bool = False
    """A person said: cancel the shop order although a supplier order will be delivered."""

    @property
    def accounts(self) -> tuple[tuple[str, str], ...]:
        """The (portal, account) pairs of its orders."""
        return tuple(dict.fromkeys((order.portal, order.account) for order in self.orders))

    @property
    def is_held(self) -> bool:
        """Nothing is submitted or settled by itself: it is over, or waits for a person."""
        return self.stage.is_final or self.stage is Stage.NEEDS_OPERATOR

    @property
    def is_watched(self) -> bool:
        """An order of it is looked at whatever its own stage is: every request is, until the supplier has decided."""
        return any(
            order.stage is OrderStage.AWAITING_DECISION or (self.stage.is_final and order.is_open)
            for order in self.orders
        )

    def stands_elsewhere(self, later: Cancellation) -> bool:
        """Whether anything of it has changed until *later* but when it was last looked at."""
        stages, stages_later = ([order.stage for order in one.orders] for one in (self, later))
        return (self.stage, self.shop_stage, self.error, stages) != (
            later.stage,
            later.shop_stage,
            later.error,
            stages_later,
        )


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


def cancellation_row(session: Session, id: str) -> CancellationRow:
    """The row of the cancellation *id*."""
    return session.get_one(CancellationRow, id)


def order_rows(session: Session, id: str) -> list[SupplierOrderRow]:
    """The rows of its supplier orders, as they were asked for."""
    return list(
        session.scalars(
            select(SupplierOrderRow).where(SupplierOrderRow.cancellation_id == id).order_by(SupplierOrderRow.id)
        )
    )


def stamp_row(session: Session, order: SupplierOrderRow) -> StampRow | None:
    """The stamp of the order's present attempt."""
    return session.scalar(
        select(StampRow).where(StampRow.supplier_order_id == order.id, StampRow.attempt == order.attempt)
    )


def snapshot(session: Session, row: CancellationRow) -> Cancellation:
    """The cancellation of *row* as a value."""
    return snapshots(session, [row])[0]


def snapshots(session: Session, rows: Sequence[CancellationRow]) -> list[Cancellation]:
    """The cancellations of *rows* as values: their orders and stamps are read together, however many they are."""
    ids = [row.id for row in rows]
    orders: dict[str, list[SupplierOrderRow]] = {id: [] for id in ids}
    chosen = SupplierOrderRow.cancellation_id.in_(ids)
    for order in session.scalars(select(SupplierOrderRow).where(chosen).order_by(SupplierOrderRow.id)):
        orders[order.cancellation_id].append(order)
    stamps = {
        stamp.supplier_order_id: stamp
        for stamp in session.scalars(
            select(StampRow)
            .join(SupplierOrderRow, SupplierOrderRow.id == StampRow.supplier_order_id)
            .where(chosen, StampRow.attempt == SupplierOrderRow.attempt)
        )
    }
    return [_cancellation(row, [_order(order, stamps.get(order.id)) for order in orders[row.id]]) for row in rows]


def _cancellation(row: CancellationRow, orders: Sequence[SupplierOrder]) -> Cancellation:
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
        only_these=row.only_these,
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
        orders=tuple(orders),
        queued=row.queued,
        anyway=row.anyway,
    )


def _order(row: SupplierOrderRow, stamp: StampRow | None) -> SupplierOrder:
    return SupplierOrder(
        key=row.id,
        portal=row.portal,
        account=row.account,
        order_id=OrderId(row.order_id),
        stage=OrderStage(row.stage),
        attempt=row.attempt,
        status_text=row.status_text,
        requested_at=row.requested_at,
        answer_by=row.answer_by,
        decided_at=row.decided_at,
        asked_at=row.asked_at,
        stamp=None if stamp is None else Stamp(stamp.id, stamp.state, stamp.armed, stamp.armed_at, stamp.target),
    )
