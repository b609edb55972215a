"""
The ledger's tables. Changes go through a migration in ``migrations/``; a test holds the two against each other.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import JSON, Dialect, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy import DateTime as _DateTime
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time. SQLite forgets time zones, so UTC is given back by us."""

    impl = _DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Everything is kept in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What comes back without a zone is UTC."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """All tables of the ledger."""


class CancellationRow(Base):
    """One shop order (or none) and the supplier orders behind it, withdrawn together."""

    __tablename__ = "cancellations"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    stage: Mapped[str] = mapped_column(String(32), index=True)
    revision: Mapped[int] = mapped_column(default=0)
    """The running number of its visits."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    """When the next visit is due; ``None`` while it waits for a person or is over."""
    scheduled: Mapped[int | None]
    """The revision of the visit that stands in the queue; ``None``: none does."""
    scheduled_for: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it is due."""
    looks: Mapped[int] = mapped_column(default=0)
    """How often the portal was looked at since the request: the next look comes later each time."""

    reason_key: Mapped[str | None] = mapped_column(String(32))
    reason_text: Mapped[str | None] = mapped_column(Text)
    settle: Mapped[str] = mapped_column(String(16))

    shop: Mapped[str | None] = mapped_column(String(64))
    shop_order: Mapped[str | None] = mapped_column(String(128))
    shop_gid: Mapped[str | None] = mapped_column(String(255))
    shop_claim: Mapped[str | None] = mapped_column(String(400), unique=True)
    """Held while this cancellation is the one of its shop order."""
    shop_stage: Mapped[str] = mapped_column(String(32))
    refund: Mapped[str | None] = mapped_column(String(16))
    shop_reason: Mapped[str | None] = mapped_column(String(16))
    note: Mapped[str | None] = mapped_column(Text)
    restock: Mapped[bool | None]
    notify: Mapped[bool | None]
    only_these: Mapped[bool] = mapped_column(default=False)
    """A person wants these supplier orders withdrawn and no other, whatever the shop order names."""
    queued: Mapped[bool] = mapped_column(default=False)
    """Nobody was there who could be asked: a row of a file, a script that waits for nothing."""
    anyway: Mapped[bool] = mapped_column(default=False, server_default=false())
    """A person said: cancel the shop order although a supplier order will be delivered."""
    cancelled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    amount: Mapped[str | None] = mapped_column(String(32))
    """As the shop wrote it: how many decimals a currency has is the shop's to say."""
    currency: Mapped[str | None] = mapped_column(String(8))

    error_kind: Mapped[str | None] = mapped_column(String(32))
    error_message: Mapped[str | None] = mapped_column(Text)
    error_next: Mapped[str | None] = mapped_column(Text)


class SupplierOrderRow(Base):
    """One supplier order of a cancellation."""

    __tablename__ = "supplier_orders"
    __table_args__ = (
        UniqueConstraint("cancellation_id", "portal", "order_id"),
        Index("ix_supplier_orders_waiting", "portal", "account", "stage"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    cancellation_id: Mapped[str] = mapped_column(ForeignKey("cancellations.id"), index=True)
    portal: Mapped[str] = mapped_column(String(64))
    account: Mapped[str] = mapped_column(String(64))
    order_id: Mapped[str] = mapped_column(String(64), index=True)
    claim: Mapped[str | None] = mapped_column(String(160), unique=True)
    """Held by the cancellation that this order belongs to now; freed when it may be asked afresh."""
    stage: Mapped[str] = mapped_column(String(32))
    attempt: Mapped[int] = mapped_column(default=1)
    status_text: Mapped[str | None] = mapped_column(Text)
    requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answer_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Until when the seller has to answer, by the portal's own countdown."""
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when a person's yes is waited for."""
    asked_amount: Mapped[str | None] = mapped_column(String(32))
    """What the order cost then; ``None``: it could not be read."""
    asked_currency: Mapped[str | None] = mapped_column(String(8))


class EventRow(Base):
    """One change, never altered: who, when, from what to what, in which visit."""

    __tablename__ = "events"

    cancellation_id: Mapped[str] = mapped_column(ForeignKey("cancellations.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(64))
    what: Mapped[str] = mapped_column(String(32))
    order_id: Mapped[str | None] = mapped_column(String(64))
    before: Mapped[str | None] = mapped_column(String(32))
    after: Mapped[str | None] = mapped_column(String(32))
    visit: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[dict[str, str] | None] = mapped_column(JSON)


class LinkRow(Base):
    """That a supplier order belongs to a shop order, because a person said so. Never altered but for its end."""

    __tablename__ = "links"
    __table_args__ = (Index("ix_links_shop_order", "shop", "shop_gid"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portal: Mapped[str] = mapped_column(String(64))
    account: Mapped[str] = mapped_column(String(64))
    order_id: Mapped[str] = mapped_column(String(64))
    claim: Mapped[str | None] = mapped_column(String(160), unique=True)
    """Held while it counts: a supplier order belongs to one shop order."""
    shop: Mapped[str] = mapped_column(String(64))
    shop_order: Mapped[str] = mapped_column(String(128))
    shop_gid: Mapped[str] = mapped_column(String(255))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(64))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a person linked the supplier order to another shop order."""


class StampRow(Base):
    """That we were about to ask: on disk before the click. One per supplier order and attempt, whatever the visit."""

    __tablename__ = "stamps"
    __table_args__ = (UniqueConstraint("supplier_order_id", "attempt"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    supplier_order_id: Mapped[int] = mapped_column(ForeignKey("supplier_orders.id"))
    attempt: Mapped[int]
    visit: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    """``armed``: a click may have happened; ``unsent``: the page proved that nothing was sent; ``answered``: its outcome is known."""
    armed_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    armed: Mapped[int] = mapped_column(default=1)
    """How often: every commit of the attempt arms it anew."""
    outcome: Mapped[str | None] = mapped_column(String(64))


class ApprovalRow(Base):
    """A person's yes to a submit, and how it was given."""

    __tablename__ = "approvals"

    id: Mapped[int] = mapped_column(primary_key=True)
    cancellation_id: Mapped[str] = mapped_column(ForeignKey("cancellations.id"), index=True)
    order_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(64))
    how: Mapped[str] = mapped_column(String(32))
    attempt: Mapped[int | None]
    """The attempt that ``approve`` said yes to; ``None``: a yes of another kind."""
    amount: Mapped[str | None] = mapped_column(String(32))
    """What the order cost, as the person was told; ``None``: it could not be read."""
    currency: Mapped[str | None] = mapped_column(String(8))


class AccountRow(Base):
    """A named sign-in at a portal, and who works with it."""

    __tablename__ = "accounts"

    portal: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    fence: Mapped[int] = mapped_column(default=0)
    """Counted up by every holder of the account's lock; a stamp is refused to anyone but the newest."""
    holder: Mapped[str | None] = mapped_column(String(128))
    signed_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    proven_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    visited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_by: Mapped[str | None] = mapped_column(String(16))
    """``operator``: a person wanted it; ``None``: a visit found that a person must sign in."""
    paused_because: Mapped[str | None] = mapped_column(Text)
    tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When its stored password was last typed by ourselves."""
    refused: Mapped[str | None] = mapped_column(String(64))
    """The trace of the stored sign-in that the portal did not take."""


class NoticeRow(Base):
    """That people are told of a state, at one address: once, whatever is started anew."""

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_unsent", "sent_at", "next_at"),)

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    to: Mapped[str] = mapped_column(String(200), primary_key=True)
    """What the settings call the address; itself it is a secret."""
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it is tried, or tried again."""
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TellingRow(Base):
    """Up to where people were told, in one row."""

    __tablename__ = "telling"

    id: Mapped[int] = mapped_column(primary_key=True)
    first: Mapped[datetime] = mapped_column(UtcDateTime)
    """Since when people are told at all."""
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the ledger was looked at last."""


class RestoreRow(Base):
    """The last restore of this ledger, in one row: until long after it, a new request needs a person's yes."""

    __tablename__ = "restores"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    backup_made_at: Mapped[datetime] = mapped_column(UtcDateTime)
