"""
Finding cancellations among many: the database filters and counts, and only one page of them is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from agent.engine.records import Cancellation, snapshots
from agent.engine.tables import CancellationRow, SupplierOrderRow
from agent.model import Stage

PAGE = 50
"""How many cancellations a page has."""


@dataclass(frozen=True)
class Filters:
    """Which cancellations are meant: those that all of these fit. ``None`` fits every one."""

    stage: Stage | None = None
    account: str | None = None
    created_until: datetime | None = None
    text: str | None = None
    """Part of the id, a supplier order number, the shop order's name, the portal's words or the error, in any case."""


@dataclass(frozen=True)
class Page:
    """A page of what was found, the newest change first."""

    cancellations: tuple[Cancellation, ...]
    number: int
    pages: int
    """At least one, though it may be empty."""
    total: int


def find(session: Session, filters: Filters, number: int) -> Page:
    """Page *number*, from 1, of the cancellations that *filters* fit."""
    wanted = list(_conditions(filters))
    total = session.scalar(select(func.count()).select_from(CancellationRow).where(*wanted)) or 0
    rows = session.scalars(
        select(CancellationRow)
        .where(*wanted)
        .order_by(CancellationRow.changed_at.desc(), CancellationRow.id)
        .limit(PAGE)
        .offset((number - 1) * PAGE)
    )
    return Page(tuple(snapshots(session, list(rows))), number, max(1, -(-total // PAGE)), total)


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.stage is not None:
        conditions.append(CancellationRow.stage == filters.stage)
    if filters.created_until is not None:
        conditions.append(CancellationRow.created_at <= filters.created_until)
    if filters.account is not None:
        conditions.append(_with_order(SupplierOrderRow.account == filters.account))
    if filters.text:
        own = (CancellationRow.id, CancellationRow.shop_order, CancellationRow.error_message)
        of_orders = (SupplierOrderRow.order_id, SupplierOrderRow.status_text)
        conditions.append(
            or_(
                *(_holds(column, filters.text) for column in own),
                _with_order(or_(*(_holds(column, filters.text) for column in of_orders))),
            )
        )
    return conditions


def _with_order(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """It has a supplier order of that kind."""
    return CancellationRow.id.in_(select(SupplierOrderRow.cancellation_id).where(condition))


def _holds(column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None], text: str) -> ColumnElement[bool]:
    """SQLite knows capitals of a to z only, so that any others are looked for as people write them."""
    ways = {text} if text.isascii() else {text, text.lower(), text.upper(), text.capitalize()}
    return or_(*(column.icontains(way, autoescape=True) for way in sorted(ways)))
