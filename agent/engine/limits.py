"""
How many cancellations an account may submit, and when: what is over that waits as a row of the ledger, never as somebody who holds the account.

Counted from the stamps, so that neither a restart nor a second worker begins anew. Looks are reading, as a customer does at any hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from agent.engine.records import RESTORE, Cancellation
from agent.engine.tables import StampRow, SupplierOrderRow
from agent.engine.workshop import Workshop
from agent.settings import Limits

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Later:
    """That an account may submit nothing before a moment."""

    until: datetime
    why: str


def not_before(workshop: Workshop, portal: str, account: str) -> Later | None:
    """Until when nothing may be submitted for an account, and why; ``None``: it may now."""
    limits = workshop.settings.limits(portal, account)
    now = workshop.clock.now()
    later: Later | None = None
    if limits.per_hour is not None or limits.per_day is not None:
        submits = _submits(workshop, portal, account, now - _DAY)
        for most, window, words in ((limits.per_hour, _HOUR, "an hour"), (limits.per_day, _DAY, "a day")):
            until = None if most is None else _free_at(submits, most, window, now)
            if until is not None and (later is None or until > later.until):
                later = Later(until, f"account {account} submits at most {most} in {words}")
    opens = _opens(limits, later.until if later else now)
    if opens is not None:
        later = Later(opens, f"account {account} submits from {limits.hours} ({limits.time_zone}) only")
    return later


def wait_until(workshop: Workshop, cancellation: Cancellation, later: Later) -> None:
    """Let a cancellation wait, and say so. Nothing is wrong with it: it is on its way."""
    workshop.ledger.postpone(cancellation.id, later.until)
    shown = later.until.astimezone(workshop.settings.limits(*cancellation.accounts[0]).zone)
    workshop.person.says(f"{later.why}: {cancellation.id} waits until {shown:%Y-%m-%d %H:%M %Z}")


def _submits(workshop: Workshop, portal: str, account: str, since: datetime) -> Sequence[datetime]:
    """When clicks were made that sent, or may have sent, a request; oldest first."""
    query = (
        select(StampRow.armed_at)
        .join(SupplierOrderRow, SupplierOrderRow.id == StampRow.supplier_order_id)
        .where(
            SupplierOrderRow.portal == portal,
            SupplierOrderRow.account == account,
            StampRow.armed_at > since,
            StampRow.state != "unsent",
            StampRow.target.not_in(("", RESTORE)),  # nobody clicked then
        )
        .order_by(StampRow.armed_at)
    )
    with workshop.database.reading() as session:
        return list(session.scalars(query))


def _free_at(submits: Sequence[datetime], most: int, window: timedelta, now: datetime) -> datetime | None:
    """When one more is within *most*; ``None``: now. A clock that was set back makes nothing wait longer than *window*."""
    recent = [at for at in submits if at > now - window]
    return None if len(recent) < most else min(recent[-most], now) + window


def _opens(limits: Limits, at: datetime) -> datetime | None:
    """When working hours begin next; ``None``: *at* is within them, or there are none."""
    if limits.hours is None:
        return None
    local = at.astimezone(limits.zone)
    begin, end = limits.hours.begin, limits.hours.end
    now = local.time().replace(tzinfo=None)
    is_open = begin <= now < end if begin < end else now >= begin or now < end
    if is_open:
        return None
    day = local.date() if now < begin else local.date() + _DAY
    return datetime.combine(day, begin, tzinfo=limits.zone)
