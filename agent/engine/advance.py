"""
Advancing what is due: the next visit of a cancellation, by where its orders stand.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from agent.engine.limits import Later, not_before, wait_until
from agent.engine.pausing import waits
from agent.engine.records import Cancellation, SupplierOrder
from agent.engine.sweeping import worth_a_look
from agent.engine.visits import Visits
from agent.engine.workshop import Workshop
from agent.errors import SignInNeeded
from agent.model import OrderStage, ShopStage, Stage


class Engine:
    """Does the visits that are due, one after the other."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._ledger = workshop.ledger
        self._clock = workshop.clock
        self.visits = Visits(workshop)
        self._first_seen: dict[tuple[int, int] | None, float] = {}
        """When this process first saw a stamp armed, monotonic: QUIET counts from then, for a click of an earlier process may still land."""

    async def advance(
        self, now: datetime, only: Sequence[str] | None = None, among: Collection[str] | None = None
    ) -> list[Cancellation]:
        """
        Do the next visit of every cancellation that is due at *now*.

        :param only: the ids to look at; ``None`` for all.
        :param among: the ids whose orders may be looked at along with theirs; ``None``: *only*.
        :returns: the cancellations that visits were about, as they were before.
        """
        before: list[Cancellation] = []
        for id in self._ledger.due(now, only):
            if self._is_due(id, now):  # an earlier one's visit may have looked at it, too
                before += await self.advance_one(id, among=only if among is None else among)
        return before

    async def advance_one(self, id: str, among: Collection[str] | None = None) -> list[Cancellation]:
        """
        Do the next visit of the cancellation *id*.

        :param among: the ids whose orders may be looked at along with its own; ``None`` for all.
        :returns: the cancellations that the visit was about, as they were before it.
        """
        before = self._ledger.get(id)
        along = await self._advance_one(before, among)
        for one in (before, *along):
            self._keep_watch(self._ledger.get(one.id))
        return [before, *along]

    async def sweep(self, portal: str, account: str) -> list[Cancellation]:
        """
        Read what the supplier says about everything of *account* that waits for a decision, whenever its next look is due.

        :returns: the cancellations that it was about, as they were before.
        :raises SignInNeeded: the account is paused, and was not gone to.
        """
        if (why := self.visits.why_not_there(portal, account)) is not None:
            raise why
        before = self._ledger.awaiting(portal, account, alone=False)
        await self.visits.sweep(portal, account, [order for one in before for order in _waiting_at(one, account)])
        for one in before:
            self._keep_watch(self._ledger.get(one.id))
        return before

    def is_in_quiet(self, cancellation: Cancellation) -> bool:
        """Whether a click that this process knows of may still land, so that it looks when that is over."""
        seen = [order for order in cancellation.orders if order.is_unresolved and _key(order) in self._first_seen]
        return any(self._quiet_left(order) > 0 for order in seen)

    def _is_due(self, id: str, now: datetime) -> bool:
        due_at = self._ledger.get(id).due_at
        return due_at is not None and due_at <= now

    async def _advance_one(self, cancellation: Cancellation, among: Collection[str] | None) -> list[Cancellation]:
        """Gives back the others that were looked at along with it."""
        paused = self._paused(cancellation)
        later: list[Later] = []
        if not cancellation.is_held:
            for order in cancellation.orders:
                if order.may_be_submitted and _account(order) not in paused:
                    if (over := not_before(self._workshop, *_account(order))) is not None:
                        later.append(over)
                        continue
                    await self.visits.submit(cancellation, order)
                    _, after = self._ledger.again(order)
                    self._quiet_left(after)  # a click of our own is counted from now
                    return []
        left = [order for order in cancellation.orders if order.is_open or order.may_be_submitted]
        open_orders = [order for order in left if order.is_open and _account(order) not in paused]
        if open_orders:
            along = await self._look(cancellation, open_orders, among)
            self._not_later_than(cancellation, later)
            return along
        if later:
            first = min(later, key=lambda one: one.until)
            wait_until(self._workshop, cancellation, first)
        elif (left and not cancellation.is_held) or any(order.is_open for order in left):
            self._wait_for_account(cancellation, left, paused)
        elif cancellation.stage is Stage.SETTLING and cancellation.choices.shop_gid is not None:
            await self.visits.settle(cancellation)
        elif cancellation.stage is Stage.DONE and cancellation.shop_stage is ShopStage.CANCELLED:
            await self.visits.mark(cancellation)
        else:
            self._ledger.postpone(cancellation.id, None)
        return []

    def _not_later_than(self, cancellation: Cancellation, later: Sequence[Later]) -> None:
        """What may be submitted soon does not wait for the next look at its other orders."""
        now = self._ledger.get(cancellation.id)
        until = min((one.until for one in later), default=None)
        if until is not None and not now.is_held and (now.due_at is None or now.due_at > until):
            self._ledger.postpone(cancellation.id, until)

    def _paused(self, cancellation: Cancellation) -> dict[tuple[str, str], SignInNeeded]:
        """The accounts of its undecided orders to which nobody goes now, and why."""
        accounts = dict.fromkeys(_account(order) for order in cancellation.orders if not order.stage.is_decided)
        why = {account: self.visits.why_not_there(*account) for account in accounts}
        return {account: error for account, error in why.items() if error is not None}

    def _wait_for_account(
        self,
        cancellation: Cancellation,
        orders: Sequence[SupplierOrder],
        paused: dict[tuple[str, str], SignInNeeded],
    ) -> None:
        """Knocking at an account that waits for its person locks it; what is only watched was told to a person already."""
        if not (cancellation.is_held and cancellation.is_watched):
            waits(self._workshop, cancellation, orders, next(iter(paused.values())))

    async def _look(
        self, cancellation: Cancellation, orders: Sequence[SupplierOrder], among: Collection[str] | None
    ) -> list[Cancellation]:
        waiting: list[float] = []
        along: list[Cancellation] = []
        to_sweep: dict[tuple[str, str], list[SupplierOrder]] = {}
        for order in orders:
            if order.is_unresolved and (quiet := self._quiet_left(order)) > 0:
                waiting.append(quiet)
            elif order.is_unresolved or self._workshop.manner.teach:
                await self.visits.look(cancellation, order)
            else:
                to_sweep.setdefault((order.portal, order.account), []).append(order)
        for (portal, account), own in to_sweep.items():
            others = self._along(portal, account, cancellation, among)
            swept = [*own, *(order for one in others for order in _waiting_at(one, account))]
            if len(swept) == 1:
                await self.visits.look(cancellation, swept[0])
            else:
                await self.visits.sweep(portal, account, swept)
            along += others
        if waiting:
            self._ledger.postpone(cancellation.id, self._clock.now() + timedelta(seconds=min(waiting)))
            self._workshop.person.says(
                f"an earlier click may still land: waiting {min(waiting):.0f} s before looking at the order"
            )
        return along

    def _along(
        self, portal: str, account: str, cancellation: Cancellation, among: Collection[str] | None
    ) -> list[Cancellation]:
        """The others that a look at *account* may well include."""
        return [
            one
            for one in worth_a_look(self._workshop, portal, account, self._clock.now())
            if one.id != cancellation.id and (among is None or one.id in among)
        ]

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


def _waiting_at(cancellation: Cancellation, account: str) -> list[SupplierOrder]:
    """Its orders that wait for a decision."""
    return [
        order
        for order in cancellation.orders
        if order.account == account and order.stage is OrderStage.AWAITING_DECISION
    ]


def _account(order: SupplierOrder) -> tuple[str, str]:
    return order.portal, order.account


def _key(order: SupplierOrder) -> tuple[int, int] | None:
    """A stamp as it was armed last: arming it anew begins another QUIET."""
    return None if order.stamp is None else (order.stamp.id, order.stamp.armed)
