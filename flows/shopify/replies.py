"""
What the Admin API answers, as far as countermand reads it. Names that are new to us are kept as they come.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel


class Reply(BaseModel):
    """A part of an answer; what is not named here is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class ErrorExtensions(Reply):
    """What a top-level error says besides its words."""

    code: str | None = None
    required_access: str | None = None


class TopError(Reply):
    """Something the whole call was answered with."""

    message: str = ""
    path: tuple[str | int, ...] | None = None
    extensions: ErrorExtensions = ErrorExtensions()


class ThrottleStatus(Reply):
    """The points that may be spent."""

    currently_available: float = 0
    restore_rate: float = 50


class Cost(Reply):
    """What the call costs, in points."""

    requested_query_cost: float = 0
    throttle_status: ThrottleStatus = ThrottleStatus()


class SearchWarning(Reply):
    """A part of a search that the shop ignored."""

    field: str | None = None
    message: str = ""


class SearchNotes(Reply):
    """How a search was understood."""

    warnings: tuple[SearchWarning, ...] = ()


class Extensions(Reply):
    """What comes with every answer."""

    cost: Cost | None = None
    search: tuple[SearchNotes, ...] = ()


class Envelope(Reply):
    """The whole body of an answer."""

    data: dict[str, JsonValue] | None = None
    errors: tuple[TopError, ...] = ()
    extensions: Extensions = Extensions()


class Money(Reply):
    """An amount."""

    amount: Decimal
    currency_code: str


class MoneyBag(Reply):
    """An amount in the shop's own currency."""

    shop_money: Money


class FulfillmentState(Reply):
    """A parcel."""

    id: str
    status: str


class Location(Reply):
    """Where the goods are."""

    name: str = ""


class FulfillmentOrderState(Reply):
    """One location's share of the order."""

    id: str
    status: str
    request_status: str
    assigned_location: Location = Location()


class FulfillmentOrderList(Reply):
    """All shares of the order that the token may see: none is also what a missing scope looks like."""

    nodes: tuple[FulfillmentOrderState, ...] = ()


class OrderState(Reply):
    """An order as it stands now."""

    id: str
    name: str
    cancelled_at: datetime | None = None
    display_fulfillment_status: str
    display_financial_status: str | None = None
    return_status: str
    total_refunded_set: MoneyBag
    fulfillments: tuple[FulfillmentState, ...] = ()
    fulfillment_orders: FulfillmentOrderList = FulfillmentOrderList()


class OrderRead(Reply):
    """The answer to ``ReadOrder``."""

    order: OrderState | None = None


class FoundOrder(Reply):
    """A hit of a search."""

    id: str
    name: str
    created_at: datetime


class PageInfo(Reply):
    """Whether there is more."""

    has_next_page: bool


class FoundOrders(Reply):
    """The hits of a search."""

    nodes: tuple[FoundOrder, ...]
    page_info: PageInfo


class OrdersFound(Reply):
    """The answer to ``FindOrders``."""

    orders: FoundOrders


class UserError(Reply):
    """Why the shop would not do it. The code is INVALID for nearly everything; only the words differ."""

    message: str
    field: tuple[str, ...] | None = None
    code: str | None = None


class HasId(Reply):
    """Something of which only the id matters."""

    id: str


class CancelAnswer(Reply):
    """What the shop said to ``orderCancel``."""

    job: HasId | None = None
    job_result: HasId | None = None
    refusals: tuple[UserError, ...] = Field(default=(), alias="orderCancelUserErrors")


class CancelSent(Reply):
    """The answer to ``CancelOrder``."""

    order_cancel: CancelAnswer


class JobResult(Reply):
    """How an accepted cancellation came out."""

    done: bool = False
    status: str = ""
    errors: tuple[UserError, ...] = ()


class CancellationRead(Reply):
    """The answer to ``ReadCancellation``."""

    order: OrderState | None = None
    node: JobResult | None = None


class MetafieldState(Reply):
    """A field beside the order."""

    value: str


class MarkedOrder(Reply):
    """What an order has of what staff see."""

    name: str
    tags: tuple[str, ...] = ()
    metafield: MetafieldState | None = None


class MarksRead(Reply):
    """The answer to ``ReadMarks``."""

    order: MarkedOrder | None = None


class MarkAnswer(Reply):
    """What the shop said to a mark."""

    user_errors: tuple[UserError, ...] = ()


class TagsAdded(Reply):
    """The answer to ``AddTags``."""

    tags_add: MarkAnswer


class MetafieldSet(Reply):
    """The answer to ``SetMetafield``."""

    metafields_set: MarkAnswer
