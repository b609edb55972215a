"""
What the Admin API answers, as far as countermand reads it. Names that are new to us are kept as they come.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue
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


class SupportedAction(Reply):
    """Something that may be done with a share now."""

    action: str


class MerchantRequest(Reply):
    """Something that was asked of a fulfillment service."""

    sent_at: datetime


class MerchantRequestList(Reply):
    """The newest request to let go of a share, if there is one."""

    nodes: tuple[MerchantRequest, ...] = ()


class FulfillmentOrderState(Reply):
    """One location's share of the order."""

    id: str
    status: str
    request_status: str
    supported_actions: tuple[SupportedAction, ...] = ()
    assigned_location: Location = Location()
    merchant_requests: MerchantRequestList = MerchantRequestList()

    @property
    def asked_at(self) -> datetime | None:
        """When its service was asked to let go of it."""
        return max((request.sent_at for request in self.merchant_requests.nodes), default=None)

    def offers(self, action: str) -> bool:
        """Whether *action* may be done with it now."""
        return any(offered.action == action for offered in self.supported_actions)


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


class AccessScope(Reply):
    """A right of the app."""

    handle: str


class AppInstallation(Reply):
    """What the app may do in the shop."""

    access_scopes: tuple[AccessScope, ...]


class OrderRead(Reply):
    """The answer to ``ReadOrder``."""

    order: OrderState | None = None
    current_app_installation: AppInstallation


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


class AttributeState(Reply):
    """A line of the order's additional details."""

    key: str
    value: str | None = None


class MetafieldText(Reply):
    """What a metafield says."""

    value: str


class MetafieldState(MetafieldText):
    """What an app keeps beside an order, with what is needed to change it."""

    type: str
    compare_digest: str


class NamedNumbers(Reply):
    """Where an order may name supplier orders."""

    id: str
    name: str
    note: str | None = None
    tags: tuple[str, ...] = ()
    custom_attributes: tuple[AttributeState, ...] = ()
    metafield: MetafieldState | None = None


class NumbersRead(Reply):
    """The answer to ``ReadNumbers``."""

    order: NamedNumbers | None = None


class MetafieldSet(Reply):
    """The answer to ``SetMetafield``."""

    metafields_set: ChangeAnswer


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


class ChangeAnswer(Reply):
    """What the shop said to a change of which only matters whether it refused it."""

    user_errors: tuple[UserError, ...] = ()


class ShareChanged(Reply):
    """The answer to a mutation about a share; which one it was about does not matter."""

    answer: ChangeAnswer = Field(
        validation_alias=AliasChoices(
            "fulfillmentOrderSubmitCancellationRequest", "fulfillmentOrderCancel", "fulfillmentOrderOpen"
        )
    )


class JobResult(Reply):
    """How an accepted cancellation came out."""

    done: bool = False
    status: str = ""
    errors: tuple[UserError, ...] = ()


class CancellationRead(Reply):
    """The answer to ``ReadCancellation``."""

    order: OrderState | None = None
    node: JobResult | None = None


class ShopItself(Reply):
    """The shop."""

    name: str
    myshopify_domain: str


class PublicVersion(Reply):
    """A version of the API, and whether it is a stable one that is still served."""

    handle: str
    supported: bool


class ShopChecked(Reply):
    """The answer to ``CheckShop``."""

    shop: ShopItself
    current_app_installation: AppInstallation
    public_api_versions: tuple[PublicVersion, ...]


class Hits(Reply):
    """What a search found."""

    nodes: tuple[HasId, ...]


class AnythingFound(Reply):
    """The answer to ``CheckSearch``."""

    orders: Hits


def words_of(errors: tuple[UserError, ...]) -> str:
    """Why the shop would not do it, in its own words."""
    return "; ".join(error.message for error in errors)[:300] or "without a reason"


class MarkedOrder(Reply):
    """What an order has of what staff see."""

    name: str
    tags: tuple[str, ...] = ()
    metafield: MetafieldText | None = None


class MarksRead(Reply):
    """The answer to ``ReadMarks``."""

    order: MarkedOrder | None = None


class TagsAdded(Reply):
    """The answer to ``AddTags``."""

    tags_add: ChangeAnswer
