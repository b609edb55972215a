"""
How long one recognition takes: every mark of the edition for the page's address, in one batch, on pages that are at rest.

The unit to compare with is one bare question to the same page (``evaluate("0")``): the browser's own round trip.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import BrowserContext
from playwright.async_api import Page as Tab

from agent.browser.editions import Editions, LoadedEdition
from agent.browser.launch import driver, launch
from agent.browser.recognise import Hosts, Recogniser
from agent.portal import portal_named
from agent.settings import BrowserSettings
from fixtures.aliexpress import MockPortal
from fixtures.aliexpress.seed import MAIN, ORDERS


@dataclass(frozen=True)
class Figure:
    """Milliseconds for one page."""

    page: str
    recognition: float
    slowest_tenth: float
    round_trip: float


async def measure(folder: Path, rounds: int) -> list[Figure]:
    """
    The figures of every page that has its own address.

    :param folder: where the mock portal may write.
    :param rounds: how often each page is recognised.
    """
    portal = portal_named("aliexpress")
    loaded = Editions(portal.name, portal.editions, folder / "none").load()
    with MockPortal(record=folder / "portal.jsonl") as site:
        site.world.set(delay_ms=0)
        hosts = Hosts(loaded.edition, {role: list(addresses) for role, addresses in site.hosts.items()})
        www, mobile, login = (site.hosts[role][0] for role in ("www", "m", "login"))
        pages = {
            "orders": f"{www}/p/order/index.html",
            "details": f"{www}/p/order/detail.html?orderId={ORDERS['placed']}",
            "cancel": f"{mobile}/p/refund-cancel/index.html?tradeOrderId={ORDERS['placed']}",
            "sign_in": f"{login}/buyer.htm",
        }
        async with driver() as playwright:
            browser = await launch(playwright, BrowserSettings(), headed=False)
            try:
                return [
                    await _page(await browser.new_context(), site, loaded, hosts, name, address, rounds)
                    for name, address in pages.items()
                ]
            finally:
                await browser.close()


async def _page(
    context: BrowserContext, site: MockPortal, loaded: LoadedEdition, hosts: Hosts, name: str, address: str, rounds: int
) -> Figure:
    if name != "sign_in":
        session = site.world.sessions.new(MAIN)
        value = f"x_lid=cn1000&sign=y&ctoken={session.id}"
        await context.add_cookies(
            [{"name": "xman_us_t", "value": value, "domain": ".aliexpress.localhost", "path": "/"}]
        )
    tab = await context.new_page()
    await tab.goto(address)
    recogniser = Recogniser(loaded.edition, hosts)

    async def recognise() -> None:
        seen = await recogniser.look(tab, [name])
        assert name == seen.page, f"{name} was taken for {seen.page}"

    await _until_it_shows(tab, recogniser, name)
    times, trips = [], []
    for _ in range(rounds):
        times.append(await _timed(recognise))
        trips.append(await _timed(lambda: tab.evaluate("0")))
    await context.close()
    return Figure(name, statistics.median(times), statistics.quantiles(times, n=10)[-1], statistics.median(trips))


async def _until_it_shows(tab: Tab, recogniser: Recogniser, name: str) -> None:
    async with asyncio.timeout(20):
        while (await recogniser.look(tab, [name])).page != name:
            await asyncio.sleep(0.05)


async def _timed(doing: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await doing()
    return (time.perf_counter() - started) * 1000
