"""
The recordings that come with countermand, and one browser per worker to walk them in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from agent.browser.editions import Editions, LoadedEdition
from agent.browser.launch import driver, launch
from agent.browser.recording.model import read_recording
from agent.browser.recording.replay import Case
from agent.settings import BrowserSettings
from flows.aliexpress.portal import PORTAL

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "recordings"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser that all replays of a worker share."""
    async with driver() as playwright:
        browser = await launch(playwright, BrowserSettings(), headed=False)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def newest() -> LoadedEdition:
    """The edition of today, nobody's confirmations in it."""
    return Editions(PORTAL.name, PORTAL.editions, Path("nowhere")).load()


def case(folder: Path, edition: LoadedEdition) -> Case:
    """The recording in *folder*, to be walked with *edition*."""
    return Case(folder, read_recording(folder), PORTAL, edition)
