"""
Advancing what is due: the next visit of a cancellation, by where its orders stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from agent.engine.records import Cancellation, SupplierOrder
from agent.engine.visits import Visits
from agent.engine.workshop import Workshop
from agent.model import Stage


class Engine:
    """Does the visits that are due, one after the other."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._ledger = workshop.ledger
        self._clock = workshop.clock
        self.visits = Visits(workshop)
        self._first_seen: dict[tuple[int, int] | None, float] = {}
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
        await self._advance_one(self._ledger.get(id))
        self._keep_watch(self._ledger.get(id))

    def is_in_quiet(self, cancellation: Cancellation) -> bool:
        """Whether a click that this process knows of may still land, so that it looks when that is over."""
        seen = [order for order in cancellation.orders if order.is_unresolved and _key(order) in self._first_seen]
        return any(self._quiet_left(order) > 0 for order in seen)

    async def _advance_one(self, cancellation: Cancellation) -> None:
        if not cancellation.is_held:
            for order in cancellation.orders:
                if order.may_be_submitted:
                    await self.visits.submit(cancellation, order)
                    _, after = self._ledger.again(order)
                    self._quiet_left(after)  # a click of our own is counted from now
                    return
        open_orders = [order for order in cancellation.orders if order.is_open]
        if open_orders:
            await self._look(cancellation, open_orders)
        elif cancellation.stage is Stage.SETTLING and cancellation.choices.shop_gid is not None:
            await self.visits.settle(cancellation)
        else:
            self._ledger.postpone(cancellation.id, None)

    async def _look(self, cancellation: Cancellation, orders: Sequence[SupplierOrder]) -> None:
        waiting: list[float] = []
        for order in orders:
            if order.is_unresolved and (quiet := self._quiet_left(order)) > 0:
                waiting.append(quiet)
            elif not self._is_left_alone(cancellation, order):
                await self.visits.look(cancellation, order)
        if waiting:
            self._ledger.postpone(cancellation.id, self._clock.now() + timedelta(seconds=min(waiting)))
            self._workshop.person.says(
                f"an earlier click may still land: waiting {min(waiting):.0f} s before looking at the order"
            )

    def _is_left_alone(self, cancellation: Cancellation, order: SupplierOrder) -> bool:
        """
        Watching does not knock at an account that waits for its person: that locks accounts. A command does.

        What is uncertain in a cancellation that is not over is looked at because a person asked for it.
        """
        by_itself = cancellation.stage.is_final or (cancellation.is_held and not order.is_unresolved)
        return by_itself and self._workshop.accounts.is_paused(order.portal, order.account)

    def _keep_watch(self, cancellation: Cancellation) -> None:
        """A request that is out is looked at until there is a decision, whatever its cancellation waits for."""
        now = self._clock.now()
        if (
            cancellation.is_held
            and cancellation.is_watched
            and (cancellation.due_at is None or cancellation.due_at <= now)
        ):
            longest = min(self._workshop.settings.portal(portal).looks.longest for portal, _ in cancellation.accounts)
            self._ledger.postpone(cancellation.id, now + longest)

    def _quiet_left(self, order: SupplierOrder) -> float:
        """Seconds until nothing that was clicked can land any more."""
        if order.stamp is None:
            return 0.0
        seen = self._first_seen.setdefault(_key(order), self._clock.monotonic())
        quiet = self._workshop.settings.portal(order.portal).quiet.total_seconds()
        return quiet - (self._clock.monotonic() - seen)


def _key(order: SupplierOrder) -> tuple[int, int] | None:
    """A stamp as it was armed last: arming it anew begins another QUIET."""
    return None if order.stamp is None else (order.stamp.id, order.stamp.armed)
