"""
The usual hand-written script: for each order a new browser, a sign-in, the clicks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import async_playwright

from benchmarks.peers.place import HEIGHT, WIDTH, Peer, Place, Withdraw
from benchmarks.peers.playwright_steps import cancel, sign_in, start


@asynccontextmanager
async def _script(place: Place) -> AsyncIterator[Withdraw]:
    async with async_playwright() as playwright:  # most scripts start the driver, too, for each order; this one is kind

        async def withdraw(order: str) -> None:
            browser = await start(playwright, place)
            context = await browser.new_context(locale="en-US", viewport={"width": WIDTH, "height": HEIGHT})
            tab = await context.new_page()
            await sign_in(tab, place)
            await cancel(tab, place, order)
            await browser.close()

        yield withdraw


SCRIPT = Peer("script", "Playwright, a new browser and a sign-in for each order", _script)
