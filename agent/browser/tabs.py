"""
The tabs of a visit: the one at hand, those that pages opened, and what goes on in them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from playwright.async_api import BrowserContext, Dialog, Locator
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab

from agent.browser.background import in_background
from agent.browser.edition import Edition
from agent.browser.guard import Guard
from agent.browser.recognise import Sighting
from agent.browser.targets import any_of, locate

_NEXT_CHANGE = """() => new Promise(done => {
  const seen = new MutationObserver(() => { seen.disconnect(); done() });
  seen.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
  setTimeout(() => { seen.disconnect(); done() }, 30);
})"""
"""Resolves with the page's next change; a change that is no mutation (an animation's end) is found by the time limit."""

_IN_VIEW = """element => {
  const box = element.getBoundingClientRect();
  return box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
}"""
"""An overlay out of view steals no clicks, and cannot be closed."""


class Tabs:
    """
    Where the walk is, and where it may be next: links open new tabs as they please.

    :param guard: keeps every tab where it may be.
    :param on_question: answers a question of the browser itself (``confirm()``).
    :param on_overlay: told the name of an overlay that was closed, when that began, and where it was seen.
    """

    def __init__(
        self,
        context: BrowserContext,
        tab: Tab,
        edition: Edition,
        guard: Guard,
        on_question: Callable[[Dialog], Awaitable[None]],
        on_overlay: Callable[[str, float, Locator], Awaitable[None]],
    ) -> None:
        self.current = tab
        self.at = Sighting()
        """The page that was recognised last."""
        self.language: str | None = None
        """That of the page at hand; ``None`` once something was done that may lead elsewhere, until a page is recognised again."""
        self._context = context
        self.edition = edition
        self.guard = guard
        self._on_question = on_question
        self._on_overlay = on_overlay
        self._opened: list[Tab] = []
        self._tab_opened = asyncio.Event()
        context.on("page", self._on_tab)

    def leave(self) -> None:
        """Tabs that are opened from now on are somebody else's."""
        self._context.remove_listener("page", self._on_tab)

    @property
    def candidates(self) -> list[Tab]:
        """Where to look: tabs opened by the last click, newest first, then the one at hand."""
        return [*(tab for tab in reversed(self._opened) if not tab.is_closed()), self.current]

    @property
    def open(self) -> list[Tab]:
        """Every tab that is open, whoever opened it."""
        return [tab for tab in self._context.pages if not tab.is_closed()]

    def expect_new(self) -> None:
        """A click is about to happen: tabs opened before have nothing to do with it."""
        self._opened.clear()
        self.leads_elsewhere()

    def leads_elsewhere(self) -> None:
        """Whatever is known of the page at hand may not be so any more."""
        self.language = None
        self.guard.blocked.clear()

    def settle_on(self, tab: Tab, sighting: Sighting) -> None:
        """Go on in *tab*."""
        self.current = tab
        if sighting.page is not None:
            self.at = sighting
            self.language = sighting.language or None
        if tab in self._opened:
            self._opened.remove(tab)

    async def changed(self) -> None:
        """Until a page changes or a tab opens, and a short while at the most."""
        self._tab_opened.clear()
        waits = [asyncio.ensure_future(_next_change(tab)) for tab in self.candidates]
        waits.append(asyncio.ensure_future(_set(self._tab_opened)))
        try:
            await asyncio.wait(waits, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def attend(self, tab: Tab) -> None:
        """Keep *tab* where it may be; have questions answered and the edition's overlays closed wherever they come up in it."""
        self.guard.watch(tab)
        await self.guard.attend(tab)
        tab.on("dialog", self._on_dialog)
        language = self.edition.language
        overlays = {
            name: (locate(tab, one.see, self.edition, language), locate(tab, one.close, self.edition, language))
            for name, one in self.edition.overlays.items()
        }

        async def closing(_: Locator) -> None:
            for name, (see, close) in overlays.items():
                started = time.monotonic()
                try:
                    if await see.first.is_visible() and await close.first.evaluate(_IN_VIEW, timeout=1000):
                        await close.first.click(timeout=1000)
                        await self._on_overlay(name, started, see.first)
                except PlaywrightError:
                    pass  # it went by itself, or lies below another one: looked at again before the next try

        if overlays:  # one handler for all: each costs a question before everything that is done
            union = any_of((see for see, _ in overlays.values()), tab)
            await tab.add_locator_handler(union.first, closing, no_wait_after=True)

    def _on_tab(self, tab: Tab) -> None:
        self.guard.watch(tab)
        self._opened.append(tab)
        self._tab_opened.set()
        in_background(self.attend(tab))

    def _on_dialog(self, dialog: Dialog) -> None:
        in_background(self._on_question(dialog))


async def _next_change(tab: Tab) -> None:
    try:
        await tab.evaluate(_NEXT_CHANGE)
    except PlaywrightError:
        # It is navigating or closed: the next look tells. One turn of the loop keeps a closed tab from spinning.
        await asyncio.sleep(0.02)


async def _set(event: asyncio.Event) -> None:
    await event.wait()
