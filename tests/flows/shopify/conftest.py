"""
The fake shop without a network, and over a real one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from fixtures.shopify import FakeShop
from tests.flows.shopify.bench import Bench, Clock, client_of


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """The shop's app is called directly, so that a test takes no time."""
    clock = Clock()
    shop = FakeShop(record=tmp_path / "shop.jsonl", now=clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(shop.app)) as http:
        yield Bench(shop, clock, http, client_of(shop, clock, http))
    shop.stop()


@pytest.fixture
async def far_bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """The shop is a server in a thread of its own, and an answer must come within half a second."""
    clock = Clock()
    with FakeShop(record=tmp_path / "shop.jsonl", now=clock) as shop:
        async with httpx.AsyncClient(timeout=0.5, trust_env=False) as http:
            yield Bench(shop, clock, http, client_of(shop, clock, http))
