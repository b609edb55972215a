"""
One browser and one edition per worker; a portal, a context and a walk per test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from agent.browser.editions import LoadedEdition
from agent.browser.launch import driver, launch
from agent.settings import BrowserSettings
from fixtures.aliexpress import MockPortal
from tests.browser.bench import Bench, confirmed_edition


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser that all tests of a worker share; started as a run starts it."""
    async with driver() as playwright:
        browser = await launch(playwright, BrowserSettings(), headed=False)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def edition(tmp_path_factory: pytest.TempPathFactory) -> LoadedEdition:
    """The newest edition, confirmed for the mock portal's hosts."""
    return confirmed_edition(tmp_path_factory.mktemp("users"))


@pytest_asyncio.fixture(loop_scope="session")
async def bench(chromium: Browser, edition: LoadedEdition, tmp_path: Path) -> AsyncIterator[Bench]:
    """A portal of the test's own that answers at once, and walks through it."""
    portal = MockPortal(tmp_path / "portal.jsonl")
    portal.world.set(delay_ms=0)
    portal.start()
    bench = Bench(portal, chromium, edition, tmp_path)
    try:
        yield bench
    finally:
        await bench.close()
        await asyncio.to_thread(portal.stop)


@pytest.fixture
def portal(bench: Bench) -> MockPortal:
    """The portal of this test's bench."""
    return bench.portal
