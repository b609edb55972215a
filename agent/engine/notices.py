"""
What people are told: a row per state and address, so that nobody is told twice, whatever is started anew.

A state is told of by the events that led to it: no visit has to know of notices, and what a crash cut off is told of all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from agent.engine.accounts import OPERATOR
from agent.engine.clock import Clock
from agent.engine.database import Database
from agent.engine.records import Cancellation, SupplierOrder, snapshots
from agent.engine.tables import AccountRow, CancellationRow, EventRow, NoticeRow, TellingRow
from agent.model import ErrorKind, OrderStage, Stage
from agent.settings import NotifyOn

TRIES = 5
_FIRST_GAP = timedelta(minutes=1)
_OVERLAP = timedelta(minutes=1)
"""What was written while a look went on, or by a machine whose clock is a little behind, is seen by the next one."""
_OLDEST = timedelta(days=1)
"""Nobody is told of what is older, if nobody looked meanwhile."""
_AT_ONCE = 20
_TITLES: dict[NotifyOn, str] = {
    "needs_person": "a person is needed",
    "refused": "refused",
    "done": "done",
    "account_paused": "an account is paused",
    "portal_changed": "the portal has changed",
}


@dataclass(frozen=True)
class Notice:
    """Something to be told once. It names orders and accounts, and nothing that a portal or a shop knows of people."""

    key: str
    on: NotifyOn
    body: str

    @property
    def title(self) -> str:
        """Its first line."""
        return f"countermand: {_TITLES[self.on]}"


@dataclass(frozen=True)
class Due:
    """A notice to be sent now, and the addresses that it has not reached."""

    key: str
    title: str
    body: str
    to: tuple[str, ...]


class Notices:
    """Finds what is to be told, and keeps what was."""

    def __init__(self, database: Database, clock: Clock, on: Collection[NotifyOn]) -> None:
        self._database = database
        self._clock = clock
        self._on = on

    def note(self, to: Sequence[str]) -> None:
        """Note what has come about since the last look, for each address in *to*; nothing from before the very first look."""
        now = self._clock.now()
        with self._database.reading() as session:
            telling = session.get(TellingRow, 1)
            new: list[tuple[Notice, str]] = []
            if telling is not None:
                since = max(min(telling.since, now), now - _OLDEST) - _OVERLAP
                found = [one for one in _came_about(session, since, telling.first) if one.on in self._on]
                known = _known(session, found)
                new = [(one, name) for one in found for name in to if (one.key, name) not in known]
                if not new and abs(now - telling.since) < _OVERLAP:
                    return  # others want to write, too
        try:
            with self._database.writing() as session:
                session.merge(TellingRow(id=1, first=now if telling is None else telling.first, since=now))
                for one, name in new:
                    session.add(NoticeRow(key=one.key, to=name, title=one.title, body=one.body, tries=0, next_at=now))
        except IntegrityError:
            return  # somebody else has noted it; what is left over is found by the next look

    def take(self, to: Collection[str]) -> list[Due]:
        """What is to be sent to *to* now. It counts as tried, so that nobody else sends it meanwhile."""
        now = self._clock.now()
        due = (
            select(NoticeRow)
            .where(NoticeRow.sent_at.is_(None), NoticeRow.tries < TRIES, NoticeRow.next_at <= now, NoticeRow.to.in_(to))
            .order_by(NoticeRow.next_at, NoticeRow.key)
            .limit(_AT_ONCE)
        )
        with self._database.reading() as session:
            if session.scalar(due.limit(1)) is None:
                return []
        with self._database.writing() as session:
            taken: dict[str, list[NoticeRow]] = {}
            for row in session.scalars(due.with_for_update(skip_locked=True)):
                row.next_at = now + _FIRST_GAP * 4**row.tries
                row.tries += 1
                taken.setdefault(row.key, []).append(row)
            return [Due(key, rows[0].title, rows[0].body, tuple(row.to for row in rows)) for key, rows in taken.items()]

    def arrived(self, key: str, to: str) -> None:
        """It was told there."""
        with self._database.writing() as session:
            session.get_one(NoticeRow, (key, to)).sent_at = self._clock.now()

    def failed(self, key: str, to: str, *, for_good: bool) -> bool:
        """
        It was not.

        :param for_good: trying again is of no use.
        :returns: whether it is tried again.
        """
        with self._database.writing() as session:
            row = session.get_one(NoticeRow, (key, to))
            row.tries = TRIES if for_good else row.tries
            return row.tries < TRIES


def _known(session: Session, found: Sequence[Notice]) -> set[tuple[str, str]]:
    keys = [one.key for one in found]
    rows = session.execute(select(NoticeRow.key, NoticeRow.to).where(NoticeRow.key.in_(keys)))
    return {(key, to) for key, to in rows}


def _came_about(session: Session, since: datetime, first: datetime) -> Iterator[Notice]:
    """Every state that something has come to since *since*; it may have come to it before."""
    changed = session.scalars(select(CancellationRow).where(CancellationRow.changed_at >= since))
    cancellations = snapshots(session, list(changed))
    events: dict[str, list[EventRow]] = {one.id: [] for one in cancellations}
    told = EventRow.what.in_(("stage", "late_answer"))
    for event in session.scalars(
        select(EventRow).where(EventRow.cancellation_id.in_(events), told).order_by(EventRow.number)
    ):
        events[event.cancellation_id].append(event)
    for one in cancellations:
        yield from _late_answers(one, [event for event in events[one.id] if event.at >= first])
        begun = _begun([event for event in events[one.id] if event.what == "stage"])
        if begun is not None and begun.at >= first and (on := _on(one)) is not None:
            yield Notice(f"{one.id}#{begun.number}", on, _in_words(one))
    for account in session.scalars(select(AccountRow).where(AccountRow.paused_at >= max(since, first))):
        paused = f"{account.paused_at:%Y-%m-%dT%H:%M:%S}"
        command = "accounts resume" if account.paused_by == OPERATOR else "sign-in"
        body = f"Account {account.name} at {account.portal} is paused. Next: countermand {command} {account.name}"
        yield Notice(f"{account.portal}.{account.name}@{paused}", "account_paused", body)


def _begun(stages: Sequence[EventRow]) -> EventRow | None:
    """The event by which the present state began: the same stage and kind may have been written again since."""
    begun = None
    for event in stages:
        if begun is None or _state(event) != _state(begun):
            begun = event
    return begun


def _state(event: EventRow) -> tuple[str | None, str | None]:
    return event.after, (event.detail or {}).get("kind")


def _on(cancellation: Cancellation) -> NotifyOn | None:
    if cancellation.stage is Stage.DONE:
        return "done"
    if cancellation.stage is Stage.REFUSED:
        return "refused"
    if cancellation.stage is not Stage.NEEDS_OPERATOR:
        return None
    return "portal_changed" if _kind(cancellation) is ErrorKind.PORTAL_CHANGED else "needs_person"


def _kind(cancellation: Cancellation) -> ErrorKind | None:
    return None if cancellation.error is None else cancellation.error.kind


def _in_words(cancellation: Cancellation) -> str:
    numbers = [order.order_id for order in cancellation.orders]
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    kind = _kind(cancellation)
    stands = cancellation.stage.value.replace("_", " ") + (f" ({kind.value.replace('_', ' ')})" if kind else "")
    return (
        f"Order {', '.join(numbers[:5])}{more}, cancellation {cancellation.id}: {stands}. Next: {_next(cancellation)}"
    )


def _next(cancellation: Cancellation) -> str:
    """The command that goes on, or tells more. What the error itself says may quote the portal."""
    stopped: SupplierOrder = next((one for one in cancellation.orders if one.may_be_submitted), cancellation.orders[0])
    match _kind(cancellation):
        case ErrorKind.APPROVAL_NEEDED if any(order.is_closed for order in cancellation.orders):
            return f"countermand retry {cancellation.id} --again"
        case ErrorKind.APPROVAL_NEEDED:
            return f"countermand approve {cancellation.id}"
        case ErrorKind.SIGN_IN_NEEDED | ErrorKind.CHALLENGE_SHOWN:
            return f"countermand sign-in {stopped.account}"
        case ErrorKind.PORTAL_CHANGED:
            return f"countermand selectors check {stopped.account}"
        case _:
            return f"countermand show {cancellation.id}"


def _late_answers(cancellation: Cancellation, events: Sequence[EventRow]) -> Iterator[Notice]:
    """The supplier answered when the cancellation was over already: nobody waits for it, so somebody must hear."""
    for event in events:
        if event.what == "late_answer" and event.after is not None:
            stage = OrderStage(event.after)
            on: NotifyOn = "done" if stage.is_withdrawn else "refused"
            body = (
                f"Order {event.order_id}: a late answer, {stage.value.replace('_', ' ')}; cancellation {cancellation.id} was over. "
                f"Next: countermand show {cancellation.id}"
            )
            yield Notice(f"{cancellation.id}#{event.number}", on, body)
