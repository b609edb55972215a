"""
The ledger: what was asked, where it stands, and every change of it.

Our unique keys decide: one cancellation per supplier order, one per shop order, one stamp per attempt.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, not_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from agent.engine.before_settling import (
    Change,
    check_may_be_asked_again,
    check_may_change,
    check_may_join,
    check_may_settle_anyway,
    differences,
    still_delivered,
)
from agent.engine.clock import Clock
from agent.engine.database import Database
from agent.engine.listing import Filters, Page, find
from agent.engine.records import (
    Cancellation,
    Event,
    Restore,
    SupplierOrder,
    Wanted,
    cancellation_row,
    order_rows,
    snapshot,
    snapshots,
    stamp_row,
)
from agent.engine.stages import stage_of
from agent.engine.stops import why_it_stands_still
from agent.engine.tables import ApprovalRow, CancellationRow, EventRow, RestoreRow, StampRow, SupplierOrderRow
from agent.errors import BadInput, CountermandError
from agent.model import (
    Choices,
    ErrorKind,
    ErrorReport,
    OrderStage,
    ShopChoices,
    ShopStage,
    Stage,
)
from agent.redact import redactor
from agent.storefront import ShopSettlement

EVIDENCE_REMOVED = "evidence_removed"
"""The event that says since when a visit has no pictures and journal any more."""
_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"  # no letter or digit that is read as another


class Ledger:
    """Reads and changes the ledger, each change in one transaction with its event."""

    def __init__(self, database: Database, clock: Clock, actor: str) -> None:
        self._database = database
        self._clock = clock
        self._actor = actor

    def by(self, actor: str) -> Ledger:
        """The same ledger, with *actor* named in the events of what is changed through it."""
        return Ledger(self._database, self._clock, actor)

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

    def any_order(self, numbers: Collection[str]) -> bool:
        """Whether any of *numbers* is that of an order that was ever asked for."""
        with self._database.reading() as session:
            return any(
                session.scalar(select(SupplierOrderRow.id).where(SupplierOrderRow.order_id == number).limit(1))
                for number in numbers
            )

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

    def awaiting(
        self, portal: str, account: str, *, alone: bool, until: datetime | None = None, limit: int = 1000
    ) -> list[Cancellation]:
        """
        Cancellations that wait for a supplier's decision about an order of *account*, and have nothing to submit or to find out;
        longest due first.

        :param alone: only those that concern no other account.
        :param until: only those whose next look is due by then.
        """
        theirs = select(SupplierOrderRow.cancellation_id)
        waiting = theirs.where(
            SupplierOrderRow.portal == portal,
            SupplierOrderRow.account == account,
            SupplierOrderRow.stage == OrderStage.AWAITING_DECISION,
        )
        query = select(CancellationRow).where(CancellationRow.id.in_(waiting), CancellationRow.due_at.is_not(None))
        if until is not None:
            query = query.where(CancellationRow.due_at <= until)
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(CancellationRow.due_at, CancellationRow.id).limit(limit))
            found = snapshots(session, list(rows))
        return [
            one
            for one in found
            if not (alone and len(one.accounts) > 1)
            and not any(order.is_unresolved or (order.may_be_submitted and not one.is_held) for order in one.orders)
        ]

    def accounts_awaiting(self) -> list[tuple[str, str]]:
        """The (portal, account) pairs of which an order waits for the supplier's decision."""
        account = (SupplierOrderRow.portal, SupplierOrderRow.account)
        waiting = SupplierOrderRow.stage == OrderStage.AWAITING_DECISION
        with self._database.reading() as session:
            rows = session.execute(select(*account).where(waiting).distinct().order_by(*account))
            return [(portal, name) for portal, name in rows]

    def stopped_for(self, portal: str, account: str) -> list[str]:
        """The ids of cancellations that a person has to let go on once the account works again: they had nothing out yet."""
        theirs = select(SupplierOrderRow.cancellation_id).where(
            SupplierOrderRow.portal == portal, SupplierOrderRow.account == account
        )
        query = (
            select(CancellationRow.id)
            .where(
                CancellationRow.id.in_(theirs),
                CancellationRow.stage == Stage.NEEDS_OPERATOR,
                CancellationRow.due_at.is_(None),
                CancellationRow.error_kind.in_((ErrorKind.SIGN_IN_NEEDED, ErrorKind.CHALLENGE_SHOWN)),
            )
            .order_by(CancellationRow.created_at, CancellationRow.id)
        )
        with self._database.reading() as session:
            return list(session.scalars(query))

    def events(self, id: str) -> Sequence[Event]:
        """Every change of the cancellation *id*, oldest first."""
        self.get(id)
        with self._database.reading() as session:
            rows = session.scalars(select(EventRow).where(EventRow.cancellation_id == id).order_by(EventRow.number))
            return [_event(row) for row in rows]

    def visits(self, id: str) -> Sequence[str]:
        """The ids of the visits of the cancellation *id*, oldest first."""
        with self._database.reading() as session:
            rows = session.scalars(
                select(EventRow.visit)
                .where(EventRow.cancellation_id == id, EventRow.what == "visit")
                .order_by(EventRow.number)
            )
            return [visit for visit in rows if visit is not None]

    def shop_waits_for(self, id: str) -> Event | None:
        """What the shop order of *id* was found to wait for last, and since when; ``None``: it never had to."""
        with self._database.reading() as session:
            row = _last_wait(session, id)
            return None if row is None else _event(row)

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

    def last_restore(self) -> Restore | None:
        """The last restore of this ledger; ``None``: it was never restored."""
        with self._database.reading() as session:
            row = session.scalar(select(RestoreRow))
            return None if row is None else Restore(row.at, row.backup_made_at)

    # -- asking

    def claim(
        self,
        wanted: Sequence[Wanted],
        choices: Choices,
        agreed: dict[str, str] | None = None,
        *,
        queued: bool = False,
    ) -> Cancellation | None:
        """
        Begin a cancellation of *wanted*. ``None``: somebody else claimed one of them first.

        :param agreed: the yes that it needed, for its first event.
        :param queued: nobody was there who could be asked.
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
            shop=choices.shop,
            shop_order=choices.shop_order,
            shop_gid=choices.shop_gid,
            shop_claim=f"{choices.shop}:{choices.shop_gid}" if choices.shop_gid else None,
            shop_stage=ShopStage.WAITING if choices.shop_gid else ShopStage.NONE,
            only_these=choices.only_these,
            queued=queued,
        )
        _write_choices(row, choices)
        try:
            with self._database.writing() as session:
                session.add(row)
                session.flush()
                _add_orders(session, row.id, wanted)
                self._event(
                    session,
                    row.id,
                    "asked",
                    after=Stage.OPEN,
                    detail={"orders": ", ".join(order.order_id for order in wanted), **(agreed or {})},
                )
        except IntegrityError:
            return None
        return self.get(row.id)

    def join(
        self,
        cancellation: Cancellation,
        wanted: Sequence[Wanted],
        agreed: dict[str, str] | None = None,
        *,
        queued: bool = False,
    ) -> Cancellation | None:
        """
        Further supplier orders behind the shop order of *cancellation*: it waits for them as well.

        :param agreed: the yes that it needed, for its events.
        :param queued: nobody was there who could be asked. Whoever asked for the others did not know of these, either.
        :returns: ``None``: something of it has changed since it was read, or somebody else claimed an order first.
        :raises BadInput: it is over, or its shop order is being cancelled.
        """
        id = cancellation.id
        try:
            with self._database.writing() as session:
                row = cancellation_row(session, id)
                now = snapshot(session, row)
                check_may_join(now)
                if now.choices != cancellation.choices or row.shop_claim is None:
                    return None
                _add_orders(session, id, wanted)
                for order in wanted:
                    self._event(
                        session, id, "joined", order_id=order.order_id, after=OrderStage.QUEUED, detail=agreed or None
                    )
                row.queued = row.queued or queued
                self._not_as_it_stood(session, row)
                self._follow(session, id, None, error=None, by_a_person=True)
        except IntegrityError:
            return None
        return self.get(id)

    def free(self, id: str) -> None:
        """Let the orders of a cancellation that is over, and submitted nothing, be asked for afresh. Else it keeps them."""
        with self._database.writing() as session:
            row = cancellation_row(session, id)
            orders = snapshot(session, row).orders
            # Another process may have gone on with it since the caller looked.
            if any(one.was_stamped or one.is_open or one.stage.is_withdrawn for one in orders):
                return
            row.shop_claim = None
            for order in order_rows(session, id):
                order.claim = None
            self._event(session, id, "freed")

    def wake(self, id: str) -> None:
        """
        A person asked again: whatever is not over is due now.

        What waited for a person goes on from where its orders stand, unless they are what a person must decide about.
        """
        with self._database.writing() as session:
            row = cancellation_row(session, id)
            now = snapshot(session, row)
            if now.stage.is_final:
                return
            if now.stage is Stage.NEEDS_OPERATOR and _stage(now) is not Stage.NEEDS_OPERATOR:
                self._follow(session, id, None, error=None, by_a_person=True)
            row.due_at = self._clock.now()

    def vouch(self, id: str, *, only_these: bool) -> None:
        """
        A person asked for *id* themselves, so they know which supplier orders are behind its shop order.

        :param only_these: they also know of the others that the shop order names.
        """
        with self._database.writing() as session:
            row = cancellation_row(session, id)
            said = []
            if row.queued:
                row.queued, said = False, ["asked for at the command line"]
            if only_these and not row.only_these:
                row.only_these, said = True, ["--only-these"]
            if said:
                self._event(session, id, "vouched", detail={"how": ", ".join(said)})

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

    def begin_sweep(self, visit: str, orders: Sequence[SupplierOrder]) -> None:
        """Note in each of their cancellations the one visit that looks at all of *orders*."""
        with self._database.writing() as session:
            for order in orders:
                id = session.get_one(SupplierOrderRow, order.key).cancellation_id
                cancellation_row(session, id).revision += 1
                self._event(session, id, "visit", order_id=order.order_id, visit=visit, detail={"kind": "sweep"})

    def visits_in_use(self) -> set[str]:
        """The visits of cancellations that are not over, or of which an order is still watched: their evidence is needed."""
        with self._database.reading() as session:
            watched = select(SupplierOrderRow.cancellation_id).where(
                SupplierOrderRow.stage.in_((OrderStage.SUBMITTING, OrderStage.AWAITING_DECISION, OrderStage.UNCERTAIN))
            )
            over = CancellationRow.stage.in_([stage for stage in Stage if stage.is_final])
            open_ones = select(CancellationRow.id).where(or_(not_(over), CancellationRow.id.in_(watched)))
            rows = session.scalars(
                select(EventRow.visit).where(EventRow.what == "visit", EventRow.cancellation_id.in_(open_ones))
            )
            return {visit for visit in rows if visit is not None}

    def evidence_removed(self, visits: Sequence[str]) -> set[str]:
        """
        Note in the cancellations that *visits* were for that their evidence is removed now; of each visit once.

        :returns: the ids of the cancellations.
        """
        with self._database.writing() as session:
            rows = session.execute(
                select(EventRow.cancellation_id, EventRow.visit, EventRow.what).where(
                    EventRow.visit.in_(visits), EventRow.what.in_(("visit", EVIDENCE_REMOVED))
                )
            ).all()
            noted = {(id, visit) for id, visit, what in rows if what == EVIDENCE_REMOVED}
            theirs = {(id, visit) for id, visit, what in rows if what == "visit"}
            for id, visit in sorted(theirs - noted):
                self._event(session, id, EVIDENCE_REMOVED, visit=visit)
            return {id for id, _ in theirs}

    def move_order(
        self,
        order: SupplierOrder,
        stage: OrderStage,
        visit: str | None,
        *,
        text: str | None = None,
        outcome: str | None = None,
        why: str | None = None,
        answer_by: datetime | None = None,
    ) -> None:
        """
        A supplier order's stage changes; its cancellation's stage follows by the rules of ``stages.py``.

        An answer that comes when the cancellation is over already is noted as late, and changes the order alone.

        :param text: the portal's own words.
        :param outcome: what became of the stamp, if it is answered by this.
        :param answer_by: until when the seller has to answer, where the portal tells.
        """
        now = self._clock.now()
        with self._database.writing() as session:
            row = session.get_one(SupplierOrderRow, order.key)
            before = row.stage
            row.stage = stage
            row.answer_by = answer_by or row.answer_by
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
                over = Stage(cancellation_row(session, row.cancellation_id).stage).is_final
                self._event(
                    session,
                    row.cancellation_id,
                    "late_answer" if over and stage.is_decided else "order",
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
        """
        A person gives a cancellation up; its orders may be asked for afresh if nothing was submitted.

        What is out at the supplier goes on being watched.

        :raises BadInput: it is over, or its shop order is being cancelled.
        """
        with self._database.writing() as session:
            now = snapshot(session, cancellation_row(session, id))
            if now.stage.is_final:
                raise BadInput(
                    f"cancellation {id} is {now.stage.value} already; there is nothing to abandon",
                    next=f"Run countermand show {id}.",
                )
            if now.shop_stage is ShopStage.SETTLING:
                raise BadInput(
                    f"the shop order of cancellation {id} is being cancelled: it cannot be abandoned now",
                    next=f"Run countermand retry {id} to bring that to its end.",
                )
            self._follow(session, id, None, error=None, stage=Stage.ABANDONED, why=why)

    def resolve(self, order: SupplierOrder, *, requested: bool) -> None:
        """
        A person says what they saw about an order that may have been submitted.

        :param requested: the portal shows our request: its answer is waited for. If not, the attempt is closed.
        :raises BadInput: the order has moved since *order* was read.
        """
        now = self._clock.now()
        outcome = "resolved_requested" if requested else "resolved_not_requested"
        with self._database.writing() as session:
            row = session.get_one(SupplierOrderRow, order.key)
            _is_as_read(session, order)
            stamp = stamp_row(session, row)
            if stamp is not None:
                stamp.state, stamp.outcome = "answered", outcome
            elif not requested:
                # An attempt that is closed has a stamp, so that nothing can click in its name.
                session.add(
                    StampRow(
                        supplier_order_id=row.id,
                        attempt=row.attempt,
                        visit="",
                        target="",
                        state="answered",
                        armed_at=now,
                        armed=0,
                        outcome=outcome,
                    )
                )
            before, row.stage = row.stage, OrderStage.AWAITING_DECISION if requested else OrderStage.QUEUED
            if requested and row.requested_at is None:
                row.requested_at = now
            self._event(
                session,
                row.cancellation_id,
                "order",
                order_id=row.order_id,
                before=before,
                after=row.stage,
                detail={"outcome": outcome},
            )
            self._follow(session, row.cancellation_id, None, error=None)
            cancellation = cancellation_row(session, row.cancellation_id)
            if requested:
                cancellation.due_at = now

    def reopen(self, cancellation: Cancellation, orders: Sequence[SupplierOrder], how: str) -> None:
        """
        A person said yes to asking once more: a further attempt for each of *orders*, which nothing is out for.

        :param how: how the yes was given.
        :raises BadInput: an order has moved since it was read, or belongs to another cancellation by now.
        """
        now = self._clock.now()
        with self._database.writing() as session:
            row = cancellation_row(session, cancellation.id)
            if row.shop_gid is not None and row.shop_claim is None:
                raise _asked_afresh(cancellation.id)
            check_may_be_asked_again(snapshot(session, row))
            for order in orders:
                one = session.get_one(SupplierOrderRow, order.key)
                _is_as_read(session, order)
                if one.claim is None:
                    raise _asked_afresh(cancellation.id)
                before, one.stage, one.attempt = one.stage, OrderStage.QUEUED, one.attempt + 1
                one.requested_at = one.decided_at = None
                session.add(
                    ApprovalRow(
                        cancellation_id=cancellation.id, order_id=one.order_id, at=now, actor=self._actor, how=how
                    )
                )
                self._event(
                    session,
                    cancellation.id,
                    "order",
                    order_id=one.order_id,
                    before=before,
                    after=one.stage,
                    detail={"attempt": str(one.attempt), "approved": how},
                )
            self._not_as_it_stood(session, row)
            self._follow(session, cancellation.id, None, error=None, by_a_person=True)

    def change(self, id: str, change: Change) -> dict[str, str]:
        """
        A person alters the choices for the shop order, before it is cancelled.

        :returns: what was altered, from what to what; nothing: it was as it should be.
        :raises BadInput: there is no shop order, its orders were let go of, settling it has begun, or it is over.
        """
        with self._database.writing() as session:
            row = cancellation_row(session, id)
            before = snapshot(session, row)
            check_may_change(before)
            if row.shop_claim is None:
                raise _asked_afresh(id)
            after = change.applied_to(before.choices)
            altered = differences(before.choices, after)
            if altered:
                _write_choices(row, after)
                self._event(session, id, "changed", detail=altered)
                row.changed_at = self._clock.now()
                now = snapshot(session, row)
                is_mixed = before.error is not None and before.error.kind is ErrorKind.MIXED_DECISIONS
                # Nothing goes on by it; but with --settle never there may be nothing left to do.
                if not now.stage.is_final and (is_mixed or _stage(now) is Stage.DONE):
                    self._follow(session, id, None, error=None)
        return altered

    def settle_anyway(self, id: str) -> None:
        """
        A person says that the shop order is cancelled although not every supplier order was withdrawn.

        :raises BadInput: the suppliers did not answer differently, or not all of them have answered.
        """
        with self._database.writing() as session:
            row = cancellation_row(session, id)
            before = snapshot(session, row)
            check_may_settle_anyway(before)
            if not before.anyway:
                row.anyway = True
                orders = ", ".join(order.order_id for order in still_delivered(before))
                self._event(session, id, "settle_anyway", detail={"still_delivered": orders})
            if before.stage is not Stage.SETTLING:
                self._follow(session, id, None, error=None, by_a_person=True)

    def approve(self, id: str) -> list[tuple[str, str | None]]:
        """
        A person said yes to what *id* waits with: it goes on from there.

        :returns: the orders that the yes was for, each with what it costs, if that was read; none: nothing waits for a yes.
        """
        now = self._clock.now()
        with self._database.writing() as session:
            before = snapshot(session, cancellation_row(session, id))
            approved = []
            for order in _waiting_for_a_yes(before):
                row = session.get_one(SupplierOrderRow, order.key)
                session.add(
                    ApprovalRow(
                        cancellation_id=id,
                        order_id=row.order_id,
                        at=now,
                        actor=self._actor,
                        how="approve",
                        attempt=row.attempt,
                        amount=row.asked_amount,
                        currency=row.asked_currency,
                    )
                )
                costs = f"{row.asked_currency} {row.asked_amount}" if row.asked_amount is not None else None
                detail = {"costs": costs or "could not be read"}
                self._event(session, id, "approved", order_id=row.order_id, detail=detail)
                row.asked_at = row.asked_amount = row.asked_currency = None
                approved.append((row.order_id, costs))
            if approved:
                self._follow(session, id, None, error=None, by_a_person=True)
        return approved

    def note(self, id: str, what: str, visit: str, detail: dict[str, str], due_at: datetime | None) -> None:
        """Something that changes no stage, e.g. what was written into the shop; the next visit is due at *due_at*."""
        with self._database.writing() as session:
            clean = {key: redactor.clean(value) for key, value in detail.items()}
            self._event(session, id, what, visit=visit, detail=clean)
            cancellation_row(session, id).due_at = due_at

    def postpone(self, id: str, due_at: datetime | None) -> None:
        """Nothing to do before *due_at*; ``None``: nothing before a person acts."""
        with self._database.writing() as session:
            cancellation_row(session, id).due_at = due_at

    def looked(self, id: str, due_at: datetime, visit: str | None) -> None:
        """The portal was looked at and has not decided; the next look is due at *due_at*."""
        with self._database.writing() as session:
            self._follow(session, id, visit, error=None)
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
            after = self._follow(session, id, visit, error=_clean(error.report()), stage=stage)
            if not (after.is_held and after.is_watched):
                cancellation_row(session, id).due_at = None if after.stage.is_final else due_at
            elif due_at is not None:
                cancellation_row(session, id).due_at = due_at

    def begin_settlement(self, id: str, visit: str) -> ShopChoices | None:
        """
        The shop order is about to be cancelled, for what stands in the ledger now: from here on nothing joins it, and nothing of
        it is changed.

        :returns: the answers to the shop's cancel form as they stand now; ``None``: it is not, or not any more, to be settled.
        """
        with self._database.writing() as session:
            before = snapshot(session, cancellation_row(session, id))
            if before.stage is not Stage.SETTLING:
                return None
            self._move_shop(session, id, ShopStage.SETTLING, visit)
        return before.choices.shop_choices

    def move_shop(
        self,
        id: str,
        stage: ShopStage,
        visit: str | None,
        settlement: ShopSettlement | None = None,
        *,
        due_at: datetime | None = None,
    ) -> None:
        """
        The shop order's stage changes, and with it the cancellation's.

        :param due_at: when there is something to do once it is done, e.g. to mark the shop order.
        :raises BadInput: it was to be settled, and is over.
        """
        with self._database.writing() as session:
            row = cancellation_row(session, id)
            if stage is ShopStage.SETTLING and Stage(row.stage).is_final:
                raise BadInput(
                    f"cancellation {id} is {row.stage} by now; its shop order was not touched",
                    next=f"Run countermand show {id}.",
                )
            if settlement is not None:
                row.cancelled_at, row.currency = settlement.cancelled_at, settlement.currency
                row.amount = None if settlement.amount is None else str(settlement.amount)
            self._move_shop(session, id, stage, visit)
            if row.stage == Stage.DONE and due_at is not None:
                row.due_at = due_at

    def _move_shop(self, session: Session, id: str, stage: ShopStage, visit: str | None) -> None:
        row = cancellation_row(session, id)
        before, row.shop_stage = row.shop_stage, stage
        if before != stage:
            self._event(session, id, "shop", before=before, after=stage, visit=visit)
        self._follow(session, id, visit, error=None)

    def _not_as_it_stood(self, session: Session, row: CancellationRow) -> None:
        """There is more to submit: what was read, or decided by a person, about the shop order before counts no more."""
        row.looks, row.anyway = 0, False
        if row.shop_stage == ShopStage.STOPPED:
            # The shop order is read again before the supplier is asked.
            row.shop_stage = ShopStage.WAITING
            self._event(session, row.id, "shop", before=ShopStage.STOPPED, after=ShopStage.WAITING)

    def wait_for_shop(self, id: str, why: str, due_at: datetime, visit: str) -> None:
        """
        The shop order cannot be cancelled yet, and nothing was sent that would; it is looked at again at *due_at*.

        :param why: what is waited for; an event says it once.
        """
        with self._database.writing() as session:
            row = cancellation_row(session, id)
            if row.shop_stage == ShopStage.STOPPED:
                row.shop_stage = ShopStage.WAITING
                self._event(session, id, "shop", before=ShopStage.STOPPED, after=ShopStage.WAITING, visit=visit)
            last = _last_wait(session, id)
            detail = {"why": redactor.clean(why)}
            if last is None or last.detail != detail:
                self._event(session, id, "shop_waits", visit=visit, detail=detail)
            after = self._follow(session, id, visit, error=None)
            if after.stage is Stage.SETTLING:  # else it was joined, changed or given up meanwhile, and goes by that
                row.due_at = due_at

    def _follow(
        self,
        session: Session,
        id: str,
        visit: str | None,
        *,
        error: ErrorReport | None,
        stage: Stage | None = None,
        why: str | None = None,
        by_a_person: bool = False,
    ) -> Cancellation:
        """
        The cancellation's stage, error and next visit, after something of it has changed.

        :param stage: where that leaves it; ``None`` leaves it to its orders.
        :param why: what a person had in mind, for the event.
        :param by_a_person: a person wants it to go on, whatever it stopped for.
        :returns: the cancellation as it stands now.
        """
        row = cancellation_row(session, id)
        before = snapshot(session, row)
        stays = not by_a_person and (before.stage.is_final or _waits_to_submit(before))
        row.stage = before.stage if stays and stage is not Stage.ABANDONED else stage or _stage(before)
        after = replace(before, stage=Stage(row.stage))
        error = before.error if stays and _keeps_its_error(before, after) else _error(after, error)
        row.error_kind, row.error_message, row.error_next = (
            (error.kind, error.message, error.next) if error else (None, None, None)
        )
        row.changed_at = self._clock.now()
        if not after.is_held:
            row.due_at = row.changed_at
        elif not after.is_watched:
            row.due_at = None
        elif row.due_at is None or row.due_at < row.changed_at:
            row.due_at = row.changed_at
        if before.stage is not after.stage or (error is not None and error != before.error):
            detail = {"why": why} if why else {}
            if error is not None:
                detail |= {"kind": str(error.kind), "message": error.message}
            self._event(
                session, id, "stage", before=before.stage, after=after.stage, visit=visit, detail=detail or None
            )
        return after

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


def _event(row: EventRow) -> Event:
    return Event(row.number, row.at, row.actor, row.what, row.order_id, row.before, row.after, row.visit, row.detail)


def _last_wait(session: Session, id: str) -> EventRow | None:
    waits = select(EventRow).where(EventRow.cancellation_id == id, EventRow.what == "shop_waits")
    return session.scalar(waits.order_by(EventRow.number.desc()).limit(1))


def _write_choices(row: CancellationRow, choices: Choices) -> None:
    row.settle = choices.settle
    if (shop := choices.shop_choices) is not None:
        row.refund, row.shop_reason, row.note, row.restock, row.notify = (
            shop.refund,
            shop.reason,
            shop.note,
            shop.restock,
            shop.notify,
        )


def _add_orders(session: Session, id: str, wanted: Sequence[Wanted]) -> None:
    for order in wanted:
        session.add(
            SupplierOrderRow(
                cancellation_id=id,
                portal=order.portal,
                account=order.account,
                order_id=order.order_id,
                claim=order.claim,
                stage=OrderStage.QUEUED,
            )
        )
    session.flush()


def _clean(report: ErrorReport) -> ErrorReport:
    return ErrorReport(kind=report.kind, message=redactor.clean(report.message), next=redactor.clean(report.next))


def _stage(cancellation: Cancellation) -> Stage:
    """The stage that follows from the orders; a closed attempt waits for a person, once nothing is unresolved."""
    stages = [order.stage for order in cancellation.orders]
    stage = stage_of(stages, cancellation.shop_stage, cancellation.choices.settle, anyway=cancellation.anyway)
    closed = any(order.is_closed for order in cancellation.orders)
    if stage is Stage.OPEN and closed and OrderStage.SUBMITTING not in stages:
        return Stage.NEEDS_OPERATOR
    return stage


def _waits_to_submit(cancellation: Cancellation) -> bool:
    """It stopped before an order was submitted: only a person's word lets that go on, not a look at another order."""
    by_its_orders = (ErrorKind.UNCERTAIN, ErrorKind.MIXED_DECISIONS)
    return (
        cancellation.stage is Stage.NEEDS_OPERATOR
        and cancellation.error is not None
        and cancellation.error.kind not in by_its_orders
        and any(order.may_be_submitted for order in cancellation.orders)
    )


def _waiting_for_a_yes(cancellation: Cancellation) -> list[SupplierOrder]:
    """Its orders that are submitted once a person has said yes."""
    if cancellation.stage.is_final:
        return []
    unsubmitted = [order for order in cancellation.orders if order.may_be_submitted]
    asked = [order for order in unsubmitted if order.asked_at is not None]
    said_no = cancellation.error is not None and cancellation.error.kind is ErrorKind.APPROVAL_NEEDED
    return asked or (unsubmitted[:1] if said_no else [])  # with --ask nobody said yes: it stopped at the first of them


def _keeps_its_error(before: Cancellation, after: Cancellation) -> bool:
    """A look at what is out besides changes nothing about why it stopped."""
    return before.error is not None and after.stage is before.stage in (Stage.REFUSED, Stage.NEEDS_OPERATOR)


def _error(after: Cancellation, error: ErrorReport | None) -> ErrorReport | None:
    """What is said of *after*: *error*, unless the orders themselves are what a person must know of first."""
    uncertain = any(order.stage is OrderStage.UNCERTAIN for order in after.orders)
    if error is None or after.stage in (Stage.DONE, Stage.ABANDONED):
        return why_it_stands_still(after)
    if uncertain and after.stage is Stage.NEEDS_OPERATOR and error.kind is not ErrorKind.UNCERTAIN:
        return why_it_stands_still(after)
    return error


def _is_as_read(session: Session, order: SupplierOrder) -> None:
    row = session.get_one(SupplierOrderRow, order.key)
    now = next(
        one for one in snapshot(session, cancellation_row(session, row.cancellation_id)).orders if one.key == order.key
    )
    if (now.stage, now.attempt, now.stamp) != (order.stage, order.attempt, order.stamp):
        raise BadInput(
            f"order {order.order_id} has moved meanwhile: it is {now.stage.replace('_', ' ')} now",
            next=f"Run countermand show {row.cancellation_id}, and decide again.",
        )


def _asked_afresh(id: str) -> BadInput:
    return BadInput(
        f"the orders of cancellation {id} were let go of, to be asked for afresh",
        next="Run countermand list to see which cancellation has them now, or give countermand cancel.",
    )
