"""
The accounts in the ledger: who works with them, what became of their sign-in, and whether they are paused.

While an account is paused nobody goes there, but a person who signs in. What is due waits, and goes on by itself afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from agent.engine.clock import Clock
from agent.engine.database import Database
from agent.engine.tables import AccountRow, CancellationRow, SupplierOrderRow
from agent.model import ErrorKind, OrderStage, Stage
from agent.redact import redactor

OPERATOR = "operator"
_UNDECIDED = [stage for stage in OrderStage if not stage.is_decided]
_FOR_THE_ACCOUNT = (ErrorKind.SIGN_IN_NEEDED, ErrorKind.CHALLENGE_SHOWN)


@dataclass(frozen=True)
class Pause:
    """That nobody goes to an account for now."""

    at: datetime
    because: str
    by_a_person: bool
    """Only a person's word ends it then; else whatever proves that somebody is signed in."""


@dataclass(frozen=True)
class AccountRecord:
    """What the ledger knows of an account."""

    portal: str
    name: str
    signed_in_at: datetime | None
    proven_at: datetime | None
    pause: Pause | None
    tried_at: datetime | None
    """When its stored password was last typed by ourselves."""
    refused: str | None
    """What the portal did not take then, so that it is never tried twice (see ``sign_in_again.py``)."""


class Accounts:
    """Reads and changes what the ledger knows of accounts."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def take(self, portal: str, account: str, holder: str) -> int:
        """
        Note who holds the account's lock.

        :returns: the fence: only its newest holder may put stamps on disk.
        """
        with self._database.writing() as session:
            row = _made(session, portal, account)
            row.fence += 1
            row.holder = holder
            return row.fence

    def holder(self, portal: str, account: str) -> str | None:
        """Who took the account's lock last."""
        with self._database.reading() as session:
            row = session.get(AccountRow, (portal, account))
            return row.holder if row else None

    def visited_at(self, portal: str, account: str) -> datetime | None:
        """When a visit for the account last ended."""
        with self._database.reading() as session:
            row = session.get(AccountRow, (portal, account))
            return row.visited_at if row else None

    def get(self, portal: str, account: str) -> AccountRecord:
        """What is known of an account, if anything."""
        with self._database.reading() as session:
            row = session.get(AccountRow, (portal, account))
            return _record(row) if row else AccountRecord(portal, account, None, None, None, None, None)

    def all(self) -> Sequence[AccountRecord]:
        """Every account that anybody has worked with."""
        with self._database.reading() as session:
            rows = session.scalars(select(AccountRow).order_by(AccountRow.portal, AccountRow.name))
            return [_record(row) for row in rows]

    def is_paused(self, portal: str, account: str) -> bool:
        """Whether a person must act before anybody goes there."""
        return self.get(portal, account).pause is not None

    def note(
        self,
        portal: str,
        account: str,
        *,
        signed_in: bool = False,
        proven: bool = False,
        paused_because: str | None = None,
    ) -> None:
        """What became of an account's sign-in. A pause that a person wanted stays."""
        now = self._clock.now()
        with self._database.writing() as session:
            row = session.get_one(AccountRow, (portal, account))
            row.visited_at = now
            if signed_in:
                row.signed_in_at = now
            if signed_in or proven:
                row.proven_at = now
            if row.paused_by == OPERATOR:
                return
            if (signed_in or proven) and row.paused_at is not None:
                _resume(session, row, now)
            if paused_because is not None:
                # Stopped at the same again, it has been paused since the first time.
                row.paused_at, row.paused_because = row.paused_at or now, redactor.clean(paused_because)

    def pause(self, portal: str, account: str, because: str) -> None:
        """A person wants nobody to go there."""
        with self._database.writing() as session:
            row = _made(session, portal, account)
            row.paused_at, row.paused_by, row.paused_because = self._clock.now(), OPERATOR, redactor.clean(because)

    def resume(self, portal: str, account: str, *, automatic_only: bool = False) -> bool:
        """
        A person says that it goes on: what waited for the account is due now.

        :param automatic_only: a pause that a person wanted stays.
        :returns: whether it was paused, and is no more.
        """
        with self._database.writing() as session:
            row = session.get(AccountRow, (portal, account))
            if row is None or row.paused_at is None or (automatic_only and row.paused_by == OPERATOR):
                return False
            _resume(session, row, self._clock.now())
            return True

    def signed_out(self, portal: str, account: str) -> None:
        """Nobody is signed in any more, as far as we are concerned."""
        with self._database.writing() as session:
            row = _made(session, portal, account)
            row.signed_in_at = row.proven_at = None

    def tried(self, portal: str, account: str) -> None:
        """Its stored password is about to be typed."""
        with self._database.writing() as session:
            _made(session, portal, account).tried_at = self._clock.now()

    def refused(self, portal: str, account: str, what: str) -> None:
        """The portal did not take the stored sign-in; *what* is the trace of it."""
        with self._database.writing() as session:
            _made(session, portal, account).refused = what

    def accepted(self, portal: str, account: str, *, by_a_person: bool = False) -> None:
        """
        The portal took a sign-in: nothing is refused any more.

        :param by_a_person: a person signed in, so that the next silent attempt need not wait either.
        """
        with self._database.writing() as session:
            row = _made(session, portal, account)
            row.refused = None
            if by_a_person:
                row.tried_at = None


def _made(session: Session, portal: str, account: str) -> AccountRow:
    row = session.get(AccountRow, (portal, account))
    if row is None:
        row = AccountRow(portal=portal, name=account, fence=0)
        session.add(row)
    return row


def _record(row: AccountRow) -> AccountRecord:
    pause = None
    if row.paused_at is not None:
        pause = Pause(row.paused_at, row.paused_because or "", row.paused_by == OPERATOR)
    return AccountRecord(row.portal, row.name, row.signed_in_at, row.proven_at, pause, row.tried_at, row.refused)


def _resume(session: Session, account: AccountRow, now: datetime) -> None:
    """In the transaction that ends the pause, so that nothing goes on waiting for what is over."""
    account.paused_at = account.paused_by = account.paused_because = None
    theirs = select(SupplierOrderRow.cancellation_id).where(
        SupplierOrderRow.portal == account.portal,
        SupplierOrderRow.account == account.name,
        SupplierOrderRow.stage.in_(_UNDECIDED),
    )
    waits = or_(
        CancellationRow.stage == Stage.OPEN,
        (CancellationRow.stage == Stage.AWAITING_DECISION) & CancellationRow.due_at.is_(None),
        # Told to a person already, and only watched since.
        (CancellationRow.stage == Stage.NEEDS_OPERATOR)
        & CancellationRow.due_at.is_not(None)
        & CancellationRow.error_kind.in_(_FOR_THE_ACCOUNT),
    )
    for row in session.scalars(select(CancellationRow).where(CancellationRow.id.in_(theirs), waits)):
        row.due_at = now
        if row.stage != Stage.NEEDS_OPERATOR and row.error_kind in _FOR_THE_ACCOUNT:
            row.error_kind = row.error_message = row.error_next = None
            row.changed_at = now
