"""
Shopify as a storefront: what the entry point ``shopify`` names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
from pydantic import BaseModel

from agent.model import ShopChoices
from agent.storefront import (
    Marks,
    NamingOrder,
    Noted,
    Shop,
    ShopFinding,
    ShopOrder,
    ShopSettlement,
    ShopWaiting,
    Storefront,
    SupplierNumber,
    TokenStore,
)
from flows.shopify.auth import Access, access_for
from flows.shopify.check import check_shop
from flows.shopify.client import ShopifyClient
from flows.shopify.guard import find_obstacle
from flows.shopify.lookup import find_order, read_order
from flows.shopify.marking import mark_order
from flows.shopify.replies import OrderState
from flows.shopify.settings import Patience, ShopifySettings
from flows.shopify.settle import cancel_order
from flows.shopify.supplier_numbers import find_orders_naming, note_number, read_numbers
from flows.shopify.taking_back import take_back
from flows.shopify.transport import Transport

_CONNECTS_WITHIN = 5.0


class ShopifyShop:
    """
    One Shopify shop, open for reading and cancelling.
    """

    def __init__(self, transport: Transport, access: Access) -> None:
        self._transport = transport
        self._access = access
        self._client = ShopifyClient(transport, access)

    async def find(self, typed: str) -> ShopOrder:
        """The one order that a person means by *typed*."""
        return _as_read(await find_order(self._client, typed))

    async def read(self, gid: str) -> ShopOrder:
        """The order *gid* as it stands now."""
        return _as_read(await read_order(self._client, gid))

    async def supplier_numbers(self, gid: str) -> tuple[SupplierNumber, ...]:
        """What may be numbers of supplier orders, wherever the order *gid* names them."""
        return await read_numbers(self._client, gid)

    async def orders_naming(self, number: str) -> tuple[NamingOrder, ...]:
        """The orders whose metafield or tags name *number*."""
        return await find_orders_naming(self._client, number)

    async def note_number(self, gid: str, number: str) -> Noted:
        """Add *number* to the order's metafield, if the settings allow it."""
        return await note_number(self._client, gid, number)

    async def take_back(self, gid: str) -> ShopWaiting | None:
        """Make the order Unfulfilled, where its fulfillment is in progress."""
        return await take_back(self._client, gid)

    async def cancel(self, gid: str, choices: ShopChoices) -> ShopSettlement:
        """Cancel the order, and return once it was read back as cancelled."""
        return await cancel_order(self._client, gid, choices)

    async def mark(self, gid: str, marks: Marks) -> tuple[str, ...]:
        """Write *marks* on the order, beside what it has; gives what was left out for good."""
        return await mark_order(self._client, gid, marks)

    async def check(self) -> Sequence[ShopFinding]:
        """Whether everything is there that cancelling will need."""
        return await check_shop(self._client, self._access, self._transport.shop, self._transport.now)


class ShopifyStorefront:
    """
    Opens Shopify shops.
    """

    kind: str = "shopify"
    settings_model: type[BaseModel] = ShopifySettings

    def open(self, name: str, settings: BaseModel, tokens: TokenStore) -> AbstractAsyncContextManager[Shop]:
        """
        The shop called *name* in the settings. What its app is given as a token is kept in *tokens*.
        """
        return _open(name, ShopifySettings.model_validate(settings), tokens)


@asynccontextmanager
async def _open(name: str, settings: ShopifySettings, tokens: TokenStore) -> AsyncIterator[Shop]:
    seconds = settings.answer_within.total_seconds()
    async with httpx.AsyncClient(
        timeout=httpx.Timeout(seconds, connect=min(seconds, _CONNECTS_WITHIN)),
        trust_env=not settings.is_local,  # a proxy for the world must not be asked for this machine
        follow_redirects=False,  # the token goes to the shop and nowhere else
    ) as http:
        patience = Patience(confirm_seconds=settings.confirm_within.total_seconds())
        transport = Transport(name, settings, http, patience=patience)
        yield ShopifyShop(transport, access_for(transport, tokens))


def _as_read(order: OrderState) -> ShopOrder:
    obstacle = find_obstacle(order)
    return ShopOrder(
        gid=order.id,
        name=order.name,
        cancelled_at=order.cancelled_at,
        obstacle=obstacle.why if obstacle else None,
        advice=obstacle.advice if obstacle else None,
    )


STOREFRONT: Storefront = ShopifyStorefront()
