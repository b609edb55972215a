"""
Which visit of a cancellation stands in the queue: the ledger's own note of it, which alone decides what a row of the queue may do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from agent.engine.clock import Clock
from agent.engine.database import Database
from agent.engine.records import cancellation_row, order_rows
from agent.engine.tables import CancellationRow
from agent.model import Stage

Enqueue = Callable[[Session, str, int, str, timedelta], None]
"""Writes a row of the queue: cancellation, revision, what only one visit at a time may work with, delay."""


class Schedule:
    """Reads and changes what the ledger knows of the queue."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def unscheduled(self, limit: int = 500) -> Sequence[str]:
        """The ids of cancellations that are due sooner than the visit in the queue, or have none there."""
        later = CancellationRow.scheduled_for > CancellationRow.due_at
        query = (
            select(CancellationRow.id)
            .where(CancellationRow.due_at.is_not(None), or_(CancellationRow.scheduled.is_(None), later))
            .order_by(CancellationRow.due_at)
            .limit(limit)
        )
        with self._database.reading() as session:
            return list(session.scalars(query))

    def scheduled(self) -> Sequence[tuple[str, int]]:
        """Every visit that stands in the queue, as far as we know: the cancellation and the revision."""
        query = select(CancellationRow.id, CancellationRow.scheduled).where(CancellationRow.scheduled.is_not(None))
        with self._database.reading() as session:
            return [(id, revision) for id, revision in session.execute(query) if revision is not None]

    def schedule(self, id: str, enqueue: Enqueue) -> None:
        """
        Put the next visit of the cancellation *id* on the queue, if one is due at all; an earlier one counts no more.

        :param enqueue: writes the queue's row in our transaction.
        """
        now = self._clock.now()
        with self._database.writing() as session:
            row = cancellation_row(session, id)
            row.scheduled = row.scheduled_for = None
            if row.due_at is not None:
                row.revision += 1
                row.scheduled, row.scheduled_for = row.revision, row.due_at
                enqueue(session, id, row.revision, _partition(session, row), row.due_at - now)

    def bring_forward(self, back: timedelta, only: Sequence[str] | None = None) -> None:
        """
        The clock was set back by *back*: what is to come is due by so much sooner. Too soon is harmless, for QUIET has a clock of
        its own and a look changes nothing; an hour too late is not.

        :param only: the ids of the cancellations to bring forward; ``None`` for all.
        """
        query = select(CancellationRow).where(CancellationRow.due_at > self._clock.now())
        if only is not None:
            query = query.where(CancellationRow.id.in_(only))
        with self._database.writing() as session:
            for row in session.scalars(query):
                assert row.due_at is not None
                row.due_at -= back

    def is_scheduled(self, id: str, revision: int) -> bool:
        """Whether the visit *revision* is the one that counts: an earlier row of the queue does nothing."""
        with self._database.reading() as session:
            row = session.get(CancellationRow, id)
            return row is not None and row.scheduled == revision

    def is_due(self, id: str) -> bool:
        """Whether the next visit of the cancellation *id* is due now."""
        with self._database.reading() as session:
            due_at = cancellation_row(session, id).due_at
            return due_at is not None and due_at <= self._clock.now()


def _partition(session: Session, row: CancellationRow) -> str:
    """What only one visit at a time may work with: the account, or the shop."""
    if row.stage in (Stage.SETTLING, Stage.DONE):  # what is due once it is done concerns the shop, too
        return f"shop.{row.shop}"
    first = order_rows(session, row.id)[0]
    return f"{first.portal}.{first.account}"
