"""
Shopify as a storefront: what the entry point ``shopify`` names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
from pydantic import BaseModel

from agent.model import ShopChoices
from agent.storefront import Marks, Shop, ShopOrder, ShopSettlement, Storefront, TokenStore
from flows.shopify.client import ShopifyClient
from flows.shopify.guard import find_obstacle
from flows.shopify.lookup import find_order, read_order
from flows.shopify.marking import mark_order
from flows.shopify.replies import OrderState
from flows.shopify.settings import Patience, ShopifySettings
from flows.shopify.settle import cancel_order

_CONNECTS_WITHIN = 5.0


class ShopifyShop:
    """
    One Shopify shop, open for reading and cancelling.
    """

    def __init__(self, client: ShopifyClient) -> None:
        self._client = client

    async def find(self, typed: str) -> ShopOrder:
        """The one order that a person means by *typed*."""
        return _as_read(await find_order(self._client, typed))

    async def read(self, gid: str) -> ShopOrder:
        """The order *gid* as it stands now."""
        return _as_read(await read_order(self._client, gid))

    async def cancel(self, gid: str, choices: ShopChoices) -> ShopSettlement:
        """Cancel the order, and return once it was read back as cancelled."""
        return await cancel_order(self._client, gid, choices)

    async def mark(self, gid: str, marks: Marks) -> tuple[str, ...]:
        """Write *marks* on the order, beside what it has; gives what was left out for good."""
        return await mark_order(self._client, gid, marks)


class ShopifyStorefront:
    """
    Opens Shopify shops.
    """

    kind: str = "shopify"
    settings_model: type[BaseModel] = ShopifySettings

    def open(self, name: str, settings: BaseModel, tokens: TokenStore) -> AbstractAsyncContextManager[Shop]:
        """
        The shop called *name* in the settings. Its token is a lasting one, so nothing is kept in *tokens* yet.
        """
        return _open(name, ShopifySettings.model_validate(settings))


@asynccontextmanager
async def _open(name: str, settings: ShopifySettings) -> AsyncIterator[Shop]:
    seconds = settings.answer_within.total_seconds()
    async with httpx.AsyncClient(
        timeout=httpx.Timeout(seconds, connect=min(seconds, _CONNECTS_WITHIN)),
        trust_env=not settings.is_local,  # a proxy for the world must not be asked for this machine
        follow_redirects=False,  # the token goes to the shop and nowhere else
    ) as http:
        patience = Patience(confirm_seconds=settings.confirm_within.total_seconds())
        yield ShopifyShop(ShopifyClient(name, settings, http, patience=patience))


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
