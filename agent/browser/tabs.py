"""
The tabs of a visit: the one at hand, those that pages opened, and what goes on in them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from playwright.async_api import BrowserContext, Dialog, Locator
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab

from agent.browser.background import in_background
from agent.browser.edition import Edition
from agent.browser.guard import Guard
from agent.browser.recognise import Sighting
from agent.browser.signs import Sought
from agent.browser.targets import any_of, locate

_NEXT_CHANGE = """() => new Promise(done => {
  const seen = new MutationObserver(() => { seen.disconnect(); done() });
  seen.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
  setTimeout(() => { seen.disconnect(); done() }, 30);
})"""
"""Resolves with the page's next change; a change that is no mutation (an animation's end) is found by the time limit."""

_LONGEST_SIGHT = 500.0
"""Milliseconds: what is told by an address alone, or in a language that nobody expected, is looked for that often."""

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
        self._attended: dict[Tab, Locator | None] = {}
        """With what shows when an overlay is to be closed there."""
        self._tab_opened = asyncio.Event()
        context.on("page", self._on_tab)

    async def leave(self) -> None:
        """What the tabs do from now on, and those that are opened, are somebody else's business."""
        self._context.remove_listener("page", self._on_tab)
        await asyncio.gather(*(self._let_go(tab) for tab in self._attended if not tab.is_closed()))

    async def _let_go(self, tab: Tab) -> None:
        tab.remove_listener("dialog", self._on_dialog)
        if (overlays := self._attended[tab]) is not None:
            with suppress(PlaywrightError):
                await tab.remove_locator_handler(overlays)

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
        waits: list[asyncio.Future[None]] = [asyncio.ensure_future(_next_change(tab)) for tab in self.candidates]
        waits.append(asyncio.ensure_future(_set(self._tab_opened)))
        try:
            await asyncio.wait(waits, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def shows(self, sought: Callable[[Tab], Sought]) -> bool:
        """
        Until something shows, or a while has passed: the page looks for itself meanwhile, and is asked nothing. A tab that opens is
        waited for like the others.

        :param sought: what may show in a tab.
        :returns: whether it was something that shows.
        """
        waits: dict[Tab, asyncio.Future[bool]] = {}
        opens = asyncio.ensure_future(_set(self._tab_opened))
        try:
            while True:
                for tab in self.candidates:
                    if tab not in waits:
                        waits[tab] = asyncio.ensure_future(_shown(tab, sought(tab)))
                self._tab_opened.clear()
                if opens.done():
                    opens = asyncio.ensure_future(_set(self._tab_opened))
                either: set[asyncio.Future[Any]] = {opens, *waits.values()}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if ended := [wait for wait in waits.values() if wait.done()]:
                    return any(wait.result() for wait in ended)
        finally:
            opens.cancel()
            for wait in waits.values():
                wait.cancel()

    async def attend(self, tab: Tab) -> None:
        """Keep *tab* where it may be; have questions answered and the edition's overlays closed wherever they come up in it."""
        self.guard.watch(tab)
        await self.guard.attend(tab)
        tab.on("dialog", self._on_dialog)
        self._attended[tab] = None
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
            seen = any_of((see for see, _ in overlays.values()), tab).first
            await tab.add_locator_handler(seen, closing, no_wait_after=True)
            self._attended[tab] = seen

    def _on_tab(self, tab: Tab) -> None:
        self.guard.watch(tab)
        self._opened.append(tab)
        self._tab_opened.set()
        in_background(self.attend(tab))

    def _on_dialog(self, dialog: Dialog) -> None:
        in_background(self._on_question(dialog))


class Watch:
    """
    Waits between two looks at a page: until something that is sought shows, and once it has without being what it seemed, or not yet,
    until anything changes.
    """

    def __init__(self, tabs: Tabs, sought: Callable[[Tab], Sought], *, at_once: bool = False) -> None:
        """
        :param sought: what may show in a tab.
        :param at_once: it may well show already: the first look waits for nothing.
        """
        self._tabs = tabs
        self._sought = sought
        self._at_once = at_once
        self._has_shown = False

    async def next(self) -> None:
        """Until it is worth looking (again)."""
        if self._at_once:
            self._at_once = False
        elif self._has_shown:
            await self._tabs.changed()
        else:
            self._has_shown = await self._tabs.shows(self._sought)


async def _next_change(tab: Tab) -> None:
    try:
        await tab.evaluate(_NEXT_CHANGE)
    except PlaywrightError:
        # It is navigating or closed: the next look tells. One turn of the loop keeps a closed tab from spinning.
        await asyncio.sleep(0.02)


async def _shown(tab: Tab, sought: Sought) -> bool:
    """Whichever notices it first: the page itself, or Playwright, which finds what a page cannot tell."""
    told = asyncio.ensure_future(_told(tab, sought))
    found = asyncio.ensure_future(_found(sought))
    try:
        await asyncio.wait([told, found], return_when=asyncio.FIRST_COMPLETED)
        return any(wait.done() and wait.result() for wait in (told, found))
    finally:
        told.cancel()
        found.cancel()


async def _told(tab: Tab, sought: Sought) -> bool:
    while True:
        try:
            return await sought.shows_by_itself(tab, _LONGEST_SIGHT)
        except (
            PlaywrightError
        ):  # it goes to another page, which is asked instead; or it is closed, and the other one notices
            await asyncio.sleep(0.01)


async def _found(sought: Sought) -> bool:
    try:
        await sought.locator.first.wait_for(timeout=_LONGEST_SIGHT)
    except PlaywrightError:  # not yet, or the tab is navigating or closed
        await asyncio.sleep(0.02)
        return False
    return True


async def _set(event: asyncio.Event) -> None:
    await event.wait()
