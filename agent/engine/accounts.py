"""
The accounts in the ledger: who works with them, and what became of their sign-in.
"""

from __future__ import annotations

from datetime import datetime

from agent.engine.clock import Clock
from agent.engine.database import Database
from agent.engine.tables import AccountRow
from agent.redact import redactor


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
            row = session.get(AccountRow, (portal, account))
            if row is None:
                row = AccountRow(portal=portal, name=account, fence=0)
                session.add(row)
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

    def is_paused(self, portal: str, account: str) -> bool:
        """Whether a person must sign in before it is of use to go there."""
        with self._database.reading() as session:
            row = session.get(AccountRow, (portal, account))
            return row is not None and row.paused_at is not None

    def note(
        self,
        portal: str,
        account: str,
        *,
        signed_in: bool = False,
        proven: bool = False,
        paused_because: str | None = None,
    ) -> None:
        """What became of an account's sign-in."""
        now = self._clock.now()
        with self._database.writing() as session:
            row = session.get_one(AccountRow, (portal, account))
            row.visited_at = now
            if signed_in:
                row.signed_in_at = now
            if signed_in or proven:
                row.proven_at, row.paused_at, row.paused_because = now, None, None
            if paused_because is not None:
                # Stopped at the same again, it has been paused since the first time.
                row.paused_at, row.paused_because = row.paused_at or now, redactor.clean(paused_because)
