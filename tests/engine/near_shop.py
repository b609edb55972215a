"""
The engine's bench with the real Shopify storefront before the fake shop, on one clock that nothing but waiting moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

import httpx

from agent.engine.records import Cancellation
from agent.model import Answer, ErrorKind, OrderId, ShopChoices, ShopStage, Stage
from agent.settings import ShopPolicy, ShopSettings
from fixtures.shopify import FakeShop
from fixtures.shopify.orders import FulfillmentDisplay, FulfillmentOrder, ShopOrder
from fixtures.shopify.record import Line
from tests.engine.bench import SHOP_CHOICES, WITH_SHOP, Bench, reads

ASK = "fulfillmentOrderSubmitCancellationRequest"
TAKE = "fulfillmentOrderCancel"
OPEN = "fulfillmentOrderOpen"
CANCEL = "orderCancel"

_FIRST = 8_190_000_000_000_000


class NearShop:
    """A bench, a fake shop, and what a test of both needs."""

    def __init__(self, bench: Bench, shop: FakeShop) -> None:
        self.bench = bench
        self.shop = shop
        self._orders = 0
        self._before = 0

    def add(
        self, *shares: FulfillmentOrder, shows: FulfillmentDisplay = FulfillmentDisplay.UNFULFILLED, **fields: object
    ) -> ShopOrder:
        """One more order in the shop; what was sent is counted from now."""
        self._orders += 1
        self._before = len(self.shop.received)
        order = ShopOrder.model_validate(
            {
                "name": f"#{5000 + self._orders}",
                "display_fulfillment_status": shows,
                "fulfillment_orders": [share.model_dump() for share in shares or (FulfillmentOrder(),)],
                "created_at": self.bench.clock.now(),
            }
            | fields
        )
        return self.shop.add(order)

    def set_policy(self, **policy: object) -> None:
        """The shop's policy in the settings."""
        shop = self.bench.settings.shops["main"].model_copy(update={"policy": ShopPolicy.model_validate(policy)})
        self.bench.settings = self.bench.settings.model_copy(update={"shops": {"main": shop}})
        self.bench.workshop.settings = self.bench.settings

    def claim(self, order: ShopOrder, choices: ShopChoices = SHOP_CHOICES) -> Cancellation:
        """A cancellation of *order* and of a supplier order behind it."""
        wanted = WITH_SHOP.model_copy(update={"shop_order": order.name, "shop_gid": order.gid, "shop_choices": choices})
        return self.bench.claim(OrderId(str(_FIRST + self._orders)), choices=wanted)

    async def next_visit(self, cancellation: Cancellation) -> Cancellation:
        """Let the time pass until the next visit is due, and do it, as a fresh process does."""
        due_at = self.bench.again(cancellation).due_at
        assert due_at is not None, "nothing is due before a person acts"
        self.bench.clock.forward(max(0.0, (due_at - self.bench.clock.now()).total_seconds()))
        await self.bench.engine().advance(self.bench.clock.now(), [cancellation.id])
        return self.bench.again(cancellation)

    async def until_approved(self, cancellation: Cancellation) -> Cancellation:
        """The supplier is asked, and agrees; the shop order is settled in the next visit."""
        self.bench.portal.looks = [reads(Answer.WITHDRAWN)]
        await self.next_visit(cancellation)
        return await self.next_visit(cancellation)

    @property
    def received(self) -> list[Line]:
        """Every mutation that arrived since the last order was added."""
        return self.shop.received[self._before :]

    @property
    def sent(self) -> list[tuple[str, bool]]:
        """Their names, and whether the shop carried them out."""
        return [(line.operation, line.executed) for line in self.received]

    def stands(self, cancellation: Cancellation) -> tuple[Stage, ShopStage, int, ErrorKind | None]:
        """Stage, shop stage, exit code and kind of error, as a command would have them."""
        now = self.bench.again(cancellation)
        return now.stage, now.shop_stage, self.bench.exit_code(cancellation), now.error.kind if now.error else None


@contextmanager
def near_shop(folder: Path, **services: object) -> Iterator[NearShop]:
    """
    A bench whose shop ``main`` is a fake shop of its own.

    :param services: how often a fulfillment service is looked at, as in the settings.
    """
    bench = Bench.at(folder / "home")
    shop = FakeShop(record=folder / "shop.jsonl", now=bench.clock.now, seed=False)
    use(bench, shop, folder, **services)
    shop.switches.cancel_delay = 0
    without_a_network = partial(httpx.AsyncClient, transport=httpx.ASGITransport(shop.app))
    with patch("flows.shopify.storefront.httpx.AsyncClient", without_a_network):
        yield NearShop(bench, shop)
    shop.stop()
    bench.close()


def use(bench: Bench, shop: FakeShop, folder: Path, **services: object) -> None:
    """Make *shop* the one that *bench* knows as ``main``."""
    token = folder / "token"
    token.write_text(shop.token)
    token.chmod(0o600)
    table = {
        "kind": "shopify",
        "domain": shop.domain,
        "base_url": shop.url,
        "token": {"file": str(token)},
        "confirm_within": "0s",
        "services": services,
    }
    bench.settings = bench.settings.model_copy(update={"shops": {"main": ShopSettings.model_validate(table)}})
    bench.workshop.settings = bench.settings
