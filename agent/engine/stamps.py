"""
The stamp: that we are about to ask, on disk before the click.

One per supplier order and attempt, whatever the visit; put there only by the holder of the account's lock; no stamp, no click.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sqlalchemy import select

from agent.engine.clock import Clock
from agent.engine.database import Database
from agent.engine.records import SupplierOrder, cancellation_row
from agent.engine.tables import AccountRow, ApprovalRow, EventRow, StampRow, SupplierOrderRow
from agent.errors import BadInput, CountermandError, Retryable, Uncertain
from agent.model import OrderId, OrderStage, Stage


class LedgerStamper:
    """Puts the stamps of one visit on disk. Handed to the walk, which awaits it before every commit."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        order: SupplierOrder,
        visit: str,
        fence: int,
        approval: str | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database = database
        self._clock = clock
        self._order = order
        self._visit = visit
        self._fence = fence
        self._approval = approval
        self._stopping = stopping

    async def arm(self, target: str, order: OrderId) -> None:
        """
        See ``Stamper.arm``: one transaction, on disk with full sync when it returns.

        :raises Retryable: another process has taken over the account, a person has closed the attempt, or this process is being
            stopped: nothing is out yet.
        :raises BadInput: a person has abandoned the cancellation.
        :raises Uncertain: an earlier click of this attempt has no outcome yet.
        """
        if order != self._order.order_id:
            raise ValueError(f"this visit is about {self._order.order_id}, not {order}")
        if self._stopping():
            raise Retryable(
                f"countermand was told to stop before order {order} was submitted",
                next="It goes on when it is started again.",
            )
        await asyncio.to_thread(self._arm, target)

    async def unsent(self, outcome: str) -> None:
        """See ``Stamper.unsent``."""
        await asyncio.to_thread(self._unsent, outcome)

    def _arm(self, target: str) -> None:
        now = self._clock.now()
        with self._database.writing() as session:
            account = session.get_one(AccountRow, (self._order.portal, self._order.account))
            if account.fence != self._fence:
                raise Retryable(f"another process ({account.holder}) has taken over account {self._order.account}")
            order = session.get_one(SupplierOrderRow, self._order.key)
            if cancellation_row(session, order.cancellation_id).stage == Stage.ABANDONED:
                raise BadInput(
                    f"cancellation {order.cancellation_id} was abandoned meanwhile",
                    next=f"Run countermand show {order.cancellation_id}.",
                )
            if order.attempt != self._order.attempt:
                raise Retryable(f"attempt {self._order.attempt} for order {order.order_id} is over meanwhile")
            stamp = session.scalar(
                select(StampRow).where(StampRow.supplier_order_id == order.id, StampRow.attempt == order.attempt)
            )
            if stamp is None:
                if self._approval is not None:
                    session.add(
                        ApprovalRow(
                            cancellation_id=order.cancellation_id,
                            order_id=order.order_id,
                            at=now,
                            actor="operator",
                            how=self._approval,
                        )
                    )
                session.add(
                    StampRow(
                        supplier_order_id=order.id,
                        attempt=order.attempt,
                        visit=self._visit,
                        target=target,
                        state="armed",
                        armed_at=now,
                    )
                )
            elif stamp.state == "unsent":
                stamp.state, stamp.target, stamp.visit, stamp.armed_at, stamp.armed = (
                    "armed",
                    target,
                    self._visit,
                    now,
                    stamp.armed + 1,
                )
            else:
                raise _not_again(self._order.order_id, stamp)
            if order.stage != OrderStage.SUBMITTING:
                last = (
                    session.scalar(
                        select(EventRow.number)
                        .where(EventRow.cancellation_id == order.cancellation_id)
                        .order_by(EventRow.number.desc())
                        .limit(1)
                    )
                    or 0
                )
                session.add(
                    EventRow(
                        cancellation_id=order.cancellation_id,
                        number=last + 1,
                        at=now,
                        actor="countermand",
                        what="order",
                        order_id=order.order_id,
                        before=order.stage,
                        after=OrderStage.SUBMITTING,
                        visit=self._visit,
                        detail={"target": target},
                    )
                )
                order.stage = OrderStage.SUBMITTING

    def _unsent(self, outcome: str) -> None:
        with self._database.writing() as session:
            stamp = session.scalar(
                select(StampRow).where(
                    StampRow.supplier_order_id == self._order.key,
                    StampRow.visit == self._visit,
                    StampRow.state == "armed",
                )
            )
            if stamp is not None:
                stamp.state, stamp.outcome = "unsent", outcome


def _not_again(order: OrderId, stamp: StampRow) -> CountermandError:
    return Uncertain(
        f"order {order} was clicked at {stamp.armed_at:%Y-%m-%d %H:%M:%S} UTC already ({stamp.target}); it is not clicked again"
    )
