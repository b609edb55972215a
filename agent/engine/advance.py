"""
Advancing what is due: the next visit of a cancellation, by where its orders stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from agent.engine.records import Cancellation, SupplierOrder
from agent.engine.visits import Visits
from agent.engine.workshop import Workshop
from agent.model import OrderStage, Stage


class Engine:
    """Does the visits that are due, one after the other."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._ledger = workshop.ledger
        self._clock = workshop.clock
        self.visits = Visits(workshop)
        self._first_seen: dict[tuple[int, int], float] = {}
        """When this process first saw a stamp armed, monotonic: QUIET counts from then, for a click of an earlier process may still land."""

    async def advance(self, now: datetime, only: Sequence[str] | None = None) -> None:
        """
        Do the next visit of every cancellation that is due at *now*.

        :param only: the ids to look at; ``None`` for all.
        """
        for id in self._ledger.due(now, only):
            await self.advance_one(id)

    async def advance_one(self, id: str) -> None:
        """Do the next visit of the cancellation *id*."""
        cancellation = self._ledger.get(id)
        waiting: list[float] = []
        for order in cancellation.orders:
            if order.may_be_submitted:
                await self.visits.submit(cancellation, order)
                _, after = self._ledger.again(order)
                self._quiet_left(after)  # a click of our own is counted from now
                return
        for order in cancellation.orders:
            if order.stage in (OrderStage.SUBMITTING, OrderStage.UNCERTAIN):
                quiet = self._quiet_left(order)
                if quiet <= 0:
                    await self.visits.look(cancellation, order)
                    return
                waiting.append(quiet)
        if waiting:
            self._ledger.postpone(cancellation.id, self._clock.now() + timedelta(seconds=min(waiting)))
            self._workshop.person.says(
                f"an earlier click may still land: waiting {min(waiting):.0f} s before looking at the order"
            )
            return
        for order in cancellation.orders:
            if order.stage is OrderStage.AWAITING_DECISION:
                await self.visits.look(cancellation, order)
        if any(order.stage is OrderStage.AWAITING_DECISION for order in cancellation.orders):
            return
        if self._may_settle(cancellation):
            await self.visits.settle(cancellation)
        else:
            self._ledger.postpone(cancellation.id, None)

    @staticmethod
    def _may_settle(cancellation: Cancellation) -> bool:
        all_withdrawn = all(order.stage.is_withdrawn for order in cancellation.orders)
        return (
            all_withdrawn
            and cancellation.stage in (Stage.SETTLING, Stage.NEEDS_OPERATOR)
            and cancellation.choices.shop_gid is not None
        )

    def _quiet_left(self, order: SupplierOrder) -> float:
        """Seconds until nothing that was clicked can land any more."""
        if order.stamp is None:
            return 0.0
        seen = self._first_seen.setdefault((order.stamp.id, order.stamp.armed), self._clock.monotonic())
        quiet = self._workshop.settings.portal(order.portal).quiet.total_seconds()
        return quiet - (self._clock.monotonic() - seen)
