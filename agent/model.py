"""
The words of countermand as types: stages, choices, readings, results.

Stages of a supplier order::

    queued → submitting → awaiting_decision → approved
                                            ↘ refused          (the seller said no, it shipped, the courier has it)
           ↘ not_cancellable                                   (shipped, completed, not found; nothing was submitted)
           ↘ already_cancelled                                 (counts as approved)
           ↘ uncertain                                         (a person looks)

Stages of a cancellation::

    open → awaiting_decision → settling → done
         ↘ refused   ↘ needs_operator   ↘ abandoned
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NewType

from pydantic import BaseModel, ConfigDict, SecretStr

OrderId = NewType("OrderId", str)
"""The number of a supplier order, as the portal writes it; made by ``SupplierPortal.order_id`` only."""


class Frozen(BaseModel):
    """A value that does not change once made, and knows all of its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KeptToken(Frozen):
    """A short-lived token of a shop, as it is kept between runs."""

    token: SecretStr
    ends_at: datetime


class Reason(StrEnum):
    """Why the supplier order is withdrawn; each portal's edition maps these to the portal's own words."""

    NO_LONGER_NEEDED = "no_longer_needed"
    ORDERED_BY_MISTAKE = "ordered_by_mistake"
    DUPLICATE = "duplicate"
    CHANGE_ADDRESS = "change_address"
    CHANGE_ITEM = "change_item"
    CHANGE_SHIPPING = "change_shipping"
    APPLY_COUPON = "apply_coupon"
    PAYMENT_PROBLEM = "payment_problem"
    OTHER = "other"


class ReasonChoice(Frozen):
    """The merchant's reason: a stable key, or the portal's own words. Exactly one of the two is given."""

    key: Reason | None = None
    text: str | None = None

    def __str__(self) -> str:
        return self.key.value if self.key else f"“{self.text}”"


class OrderStage(StrEnum):
    """Where one supplier order stands."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    AWAITING_DECISION = "awaiting_decision"
    APPROVED = "approved"
    ALREADY_CANCELLED = "already_cancelled"
    REFUSED = "refused"
    NOT_CANCELLABLE = "not_cancellable"
    UNCERTAIN = "uncertain"

    @property
    def is_withdrawn(self) -> bool:
        """The supplier will not deliver: the shop order may be settled."""
        return self in (OrderStage.APPROVED, OrderStage.ALREADY_CANCELLED)

    @property
    def is_denied(self) -> bool:
        """The supplier will deliver."""
        return self in (OrderStage.REFUSED, OrderStage.NOT_CANCELLABLE)

    @property
    def is_decided(self) -> bool:
        """Nothing more is expected from the portal."""
        return self.is_withdrawn or self.is_denied


class Stage(StrEnum):
    """Where a cancellation stands."""

    OPEN = "open"
    AWAITING_DECISION = "awaiting_decision"
    SETTLING = "settling"
    DONE = "done"
    REFUSED = "refused"
    NEEDS_OPERATOR = "needs_operator"
    ABANDONED = "abandoned"

    @property
    def is_final(self) -> bool:
        """Nothing moves it any more but a person."""
        return self in (Stage.DONE, Stage.REFUSED, Stage.ABANDONED)


class ShopStage(StrEnum):
    """Where the shop order of a cancellation stands."""

    NONE = "none"
    WAITING = "waiting"
    SETTLING = "settling"
    CANCELLED = "cancelled"
    ALREADY_CANCELLED = "already_cancelled"
    STOPPED = "stopped"


class Settle(StrEnum):
    """When the shop order is cancelled: once every supplier order is withdrawn, or not by us."""

    ON_APPROVAL = "on-approval"
    NEVER = "never"


class Refund(StrEnum):
    """Pay the customer back with the cancellation, or leave the money for a person to decide later."""

    NOW = "now"
    LATER = "later"


class ShopReason(StrEnum):
    """Why the shop order is cancelled: the six answers of the merchant's own form."""

    CUSTOMER = "customer"
    INVENTORY = "inventory"
    FRAUD = "fraud"
    DECLINED = "declined"
    STAFF = "staff"
    OTHER = "other"


class Submission(StrEnum):
    """How asking the portal ended."""

    REQUESTED = "requested"
    ALREADY_OPEN = "already_open"
    ALREADY_CANCELLED = "already_cancelled"
    CANCELLED_AT_ONCE = "cancelled_at_once"


class Answer(StrEnum):
    """What a look at a requested order says."""

    WAITING = "waiting"
    """The request is there, the supplier has not answered."""
    NOT_REQUESTED = "not_requested"
    """The order reads as merely placed: no request, no decision."""
    WITHDRAWN = "withdrawn"
    """Cancelled or closed, and no shipment shows."""
    REFUSED = "refused"
    """The seller said no, it shipped, or it is completed."""
    UNCLEAR = "unclear"
    """Closed with a shipment, or unreadable: a person decides."""


class Reading(Frozen):
    """What the portal said about an order: our answer, its state, and its own words."""

    answer: Answer
    state: str
    text: str
    clear: bool = False
    """The words for requested, refused and placed are all confirmed for this host (design 4.3)."""
    time_left: timedelta | None = None
    """How long the seller has left to answer, where the portal counts that down."""


class ErrorKind(StrEnum):
    """The stable name of what went wrong; part of every result."""

    BAD_INPUT = "bad_input"
    RETRYABLE = "retryable"
    SIGN_IN_NEEDED = "sign_in_needed"
    CHALLENGE_SHOWN = "challenge_shown"
    APPROVAL_NEEDED = "approval_needed"
    CONFIRMATION_NEEDED = "confirmation_needed"
    PORTAL_CHANGED = "portal_changed"
    NOT_CANCELLABLE = "not_cancellable"
    ORDER_NOT_FOUND = "order_not_found"
    REFUSED = "refused"
    SHOP_GUARD = "shop_guard"
    MIXED_DECISIONS = "mixed_decisions"
    MORE_ORDERS_BEHIND = "more_orders_behind"
    NO_DECISION = "no_decision"
    UNCERTAIN = "uncertain"
    BUG = "bug"


class ShopChoices(Frozen):
    """The merchant's answers to the shop's cancel form. None of them has a silent default where money moves."""

    refund: Refund
    reason: ShopReason
    note: str | None = None
    restock: bool
    notify: bool


class Choices(Frozen):
    """Everything that makes two requests for the same order the same request or another one."""

    reason: ReasonChoice
    settle: Settle = Settle.ON_APPROVAL
    shop: str | None = None
    shop_order: str | None = None
    """The shop order's name (``#1001``) as the shop itself writes it; ``None`` without a shop order."""
    shop_gid: str | None = None
    shop_choices: ShopChoices | None = None
    only_these: bool = False
    """A person knows of the other supplier orders that the shop order names, and leaves them be."""


class ErrorReport(Frozen):
    """An error as people and machines read it."""

    kind: ErrorKind
    message: str
    next: str


class OrderReport(Frozen):
    """One supplier order of a result."""

    portal: str
    account: str
    order_id: str
    stage: OrderStage
    status_text: str | None
    decided_at: datetime | None


class ShopReport(Frozen):
    """The shop order of a result."""

    shop: str | None
    order: str | None
    gid: str | None
    stage: ShopStage
    cancelled_at: datetime | None
    refund: Refund | None
    amount: Decimal | None
    currency: str | None


class Result(Frozen):
    """The result object of the command line; its fields are a contract (design 8)."""

    id: str | None
    stage: Stage | None
    orders: tuple[OrderReport, ...] = ()
    shop: ShopReport
    visits: tuple[str, ...] = ()
    report: str | None = None
    drift: tuple[str, ...] = ()
    error: ErrorReport | None = None
