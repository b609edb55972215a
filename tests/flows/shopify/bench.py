"""
A fake shop and a client that speaks to it, in a world where waiting takes no time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from agent.model import KeptToken, Refund, ShopChoices, ShopReason
from agent.storefront import TokenStore
from fixtures.shopify import FakeShop
from fixtures.shopify.access import CLIENT_ID, CLIENT_SECRET
from flows.shopify.auth import access_for
from flows.shopify.client import ShopifyClient
from flows.shopify.settings import Patience, ShopifySettings
from flows.shopify.transport import Transport

CHOICES = ShopChoices(refund=Refund.NOW, reason=ShopReason.CUSTOMER, note="by phone", restock=True, notify=False)
BY_APP: dict[str, Any] = {"token": None, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
"""Settings of a client that asks for its tokens by itself."""


@dataclass
class Clock:
    """The shop's clock. The client's waiting moves it, and nothing else does."""

    at: datetime = field(default_factory=lambda: datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
    waited: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.at += timedelta(seconds=seconds)


@dataclass
class Bench:
    """Everything a test of the shop's side needs."""

    shop: FakeShop
    clock: Clock
    http: httpx.AsyncClient
    client: ShopifyClient

    def gid(self, order: str) -> str:
        return self.shop.orders[order].gid

    def changed(self, *, tokens: TokenStore | None = None, **settings: object) -> ShopifyClient:
        """A client with other settings."""
        return client_of(self.shop, self.clock, self.http, tokens=tokens, **settings)

    @property
    def sent(self) -> list[tuple[str | None, bool]]:
        """The order and whether it was carried out, for every mutation that the shop received."""
        return [(line.order, line.executed) for line in self.shop.received]


class Tokens:
    """Where tokens are kept, and how often one was."""

    def __init__(self) -> None:
        self.kept: dict[str, KeptToken] = {}
        self.saves = 0

    def load(self, key: str) -> KeptToken | None:
        return self.kept.get(key)

    def save(self, key: str, kept: KeptToken) -> None:
        self.kept[key] = kept
        self.saves += 1


def client_of(
    shop: FakeShop, clock: Clock, http: httpx.AsyncClient, *, tokens: TokenStore | None = None, **settings: object
) -> ShopifyClient:
    """A client of that shop."""
    given = {"domain": shop.domain, "token": SecretStr(shop.token), "base_url": shop.url} | settings
    typed = ShopifySettings.model_validate(given)
    transport = Transport("main", typed, http, patience=Patience(), sleep=clock.sleep, now=clock)
    return ShopifyClient(transport, access_for(transport, tokens or Tokens()))
