"""
The floor: bare Playwright in a warm context that is signed in. The same clicks, no evidence, no checks.

Nothing that clicks through these pages in a browser can be much faster. It exists with a new tab for each order, as ours has, and with one
tab that is kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from playwright.async_api import async_playwright

from benchmarks.peers.place import HEIGHT, WIDTH, Peer, Place, Withdraw
from benchmarks.peers.playwright_steps import cancel, sign_in, start


@asynccontextmanager
async def _floor(place: Place, *, keeps_tab: bool) -> AsyncIterator[Withdraw]:
    async with async_playwright() as playwright:
        browser = await start(playwright, place)
        context = await browser.new_context(locale="en-US", viewport={"width": WIDTH, "height": HEIGHT})
        first = await context.new_page()
        await sign_in(first, place)

        async def withdraw(order: str) -> None:
            tab = first if keeps_tab else await context.new_page()
            details = await cancel(tab, place, order)
            await details.close()
            if not keeps_tab:
                await tab.close()

        yield withdraw
        await browser.close()


FLOOR = Peer("floor", "bare Playwright, warm, a new tab for each order", partial(_floor, keeps_tab=False))
FLOOR_ONE_TAB = Peer("floor, one tab", "bare Playwright, warm, one tab for all", partial(_floor, keeps_tab=True))
