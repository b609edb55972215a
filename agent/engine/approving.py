"""
A person's yes before an order is submitted, where the settings ask for one (design 6). Silence is no.

A yes is for one attempt at one order, and for the amount that the person was told of: a higher one, or another currency, asks again.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

from sqlalchemy import select

from agent.engine.clock import Clock
from agent.engine.database import Database
from agent.engine.money import Money, read_money
from agent.engine.records import SupplierOrder
from agent.engine.tables import ApprovalRow, SupplierOrderRow
from agent.errors import ApprovalNeeded
from agent.model import OrderId
from agent.settings import Above, ApprovalPolicy


class LedgerApproval:
    """What the ledger knows of a person's yes to one order. Handed to the walk, which asks before the first commit."""

    def __init__(self, database: Database, clock: Clock, order: SupplierOrder, id: str, policy: ApprovalPolicy) -> None:
        self._database = database
        self._clock = clock
        self._order = order
        self._id = id
        self._policy = policy

    async def check(self, order: OrderId, total: str) -> None:
        """See ``Approval.check``. What is asked for is on disk when it raises."""
        if order != self._order.order_id:
            raise ValueError(f"this visit is about {self._order.order_id}, not {order}")
        seen = read_money(total)
        if asks(self._policy, seen) and not await asyncio.to_thread(self._is_approved, seen):
            raise ApprovalNeeded(
                f"order {order} costs {seen or 'an amount that cannot be read'}, and nobody has said yes to its cancellation",
                next=f"Run countermand approve {self._id}, or countermand abandon {self._id}.",
            )

    def _is_approved(self, seen: Money | None) -> bool:
        """Whether somebody said yes to as much; if not, note what a yes is asked for."""
        with self._database.writing() as session:
            row = session.get_one(SupplierOrderRow, self._order.key)
            given = session.scalars(
                select(ApprovalRow).where(
                    ApprovalRow.cancellation_id == row.cancellation_id,
                    ApprovalRow.order_id == row.order_id,
                    ApprovalRow.attempt == row.attempt,
                )
            )
            if any(covers(_money(one.amount, one.currency), seen) for one in given):
                return True
            row.asked_at = self._clock.now()
            row.asked_amount = None if seen is None else str(seen.amount)
            row.asked_currency = None if seen is None else seen.currency
            return False


def asks(policy: ApprovalPolicy, total: Money | None) -> bool:
    """Whether *policy* wants a yes for an order that costs *total*; ``None``: its total cannot be read."""
    if isinstance(policy, Above):
        return total is None or total.currency != policy.currency or total.amount > policy.above
    return policy == "always"


def covers(approved: Money | None, total: Money | None) -> bool:
    """Whether a yes to *approved* is one to *total*, too."""
    if approved is None or total is None:
        return approved is total
    return approved.currency == total.currency and total.amount <= approved.amount


def _money(amount: str | None, currency: str | None) -> Money | None:
    return None if amount is None or currency is None else Money(Decimal(amount), currency)
