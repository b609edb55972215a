"""
Browsers that stay open from one visit to the next, each with a context for every account that was there lately.

A context is used again only while the vault still holds what it was left with: whoever signed in, signed out or carried a state here
meanwhile is heard. Each visit begins in one blank tab. Whatever did not end in an answer is thrown away whole, browser and all, and the
next visit starts anew.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import cast

from loguru import logger
from playwright.async_api import Browser, BrowserContext, StorageState
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab

from agent.browser.arriving import WalkOptions
from agent.browser.editions import LoadedEdition
from agent.browser.launch import driver, launch
from agent.browser.recognise import Hosts
from agent.browser.session import BrowserSession, SignedInState, broke_down
from agent.errors import BadInput, CountermandError, Refused
from agent.settings import BrowserSettings

_MOST_VISITS = 100
"""A browser and its driver grow with every page they have shown: about a third of a MiB each visit."""
_MOST_CONTEXTS = 8
"""An empty one takes a megabyte; to make it anew, with all that the portal is remembered by, takes as long as half a walk."""
_LONGEST_OPEN = 4 * 3600.0
_LONGEST_IDLE = 120.0
"""Seconds: between two rounds of work nobody pays for a browser that waits."""

_RESTORE_SESSION_STORAGE = """
(stored => {
  for (const [key, value] of Object.entries(stored[location.origin] ?? {}))
    if (window.sessionStorage.getItem(key) === null) window.sessionStorage.setItem(key, value);
})(%s)
"""

Owner = tuple[str, str]
"""A portal, and an account there."""


class Browsers:
    """
    Opens browsers for visits, and keeps up to *most* of them open until the next one.

    :param settings: which browser, and how it presents itself.
    :param most: how many stay open; 0 closes each with its visit.
    """

    def __init__(self, settings: BrowserSettings, most: int) -> None:
        self._settings = settings
        self._most = most
        self._open: list[_Open] = []
        self._closing: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> Browsers:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._most = 0
        for one in [one for one in self._open if not one.is_busy]:
            await self._close(one)
        await asyncio.gather(*self._closing)

    @asynccontextmanager
    async def session(
        self,
        loaded: LoadedEdition,
        hosts: Hosts,
        options: WalkOptions,
        state: SignedInState | None,
        *,
        owner: Owner | None = None,
    ) -> AsyncIterator[BrowserSession]:
        """
        A browser with one context, and a tab for this visit.

        :param state: the signed-in state to go with; ``None`` starts as a stranger.
        :param owner: whose context it is; ``None``: nobody's, and it is closed with the visit.
        :raises BadInput: there is no browser, or it does not start.
        :raises Retryable: it broke down on the way.
        """
        one = self._idle(owner, options) or await self._start(options)
        one.is_busy = True
        is_sound = has_ended = False
        try:
            try:
                session = await self._begin(one, loaded, hosts, options, state, owner)
            except PlaywrightError as error:
                if one.visits == 0:
                    raise broke_down(error) from error
                logger.debug("a browser that was kept open does not work any more: {}", error)
                await self._close(one)
                one = await self._start(options)
                one.is_busy = True
                session = await self._begin(one, loaded, hosts, options, state, owner)
            try:
                yield session
            finally:
                has_ended = await session.end()
                one.left_with(owner, session.kept)
            is_sound = has_ended
        except PlaywrightError as error:
            raise broke_down(error) from error
        except CountermandError as error:
            # Anything else may have left something in it that is still under way, a click's request above all.
            is_sound = has_ended and isinstance(error, BadInput | Refused)
            raise
        finally:
            await self._put_back(one, is_sound=is_sound and owner is not None)

    def _idle(self, owner: Owner | None, options: WalkOptions) -> _Open | None:
        """
        One that nobody uses: where the owner was last, or at least before, else the one that has waited longest, once there are no more
        to come.
        """
        idle = [one for one in self._open if one.suits(options)]
        own = max((one for one in idle if one.knows(owner)), key=lambda one: one.was_last == owner, default=None)
        if own is not None or len(self._open) < self._most:
            return own
        return min(idle, key=lambda one: one.used_at, default=None)

    async def _start(self, options: WalkOptions) -> _Open:
        async with AsyncExitStack() as starting:
            playwright = await starting.enter_async_context(driver())
            browser = await launch(playwright, self._settings, headed=options.headed, slow_mo=options.slow_mo)
            starting.push_async_callback(_close_browser, browser)
            one = _Open(browser, starting.pop_all(), (options.headed, options.slow_mo))
        self._open.append(one)
        return one

    async def _begin(
        self,
        one: _Open,
        loaded: LoadedEdition,
        hosts: Hosts,
        options: WalkOptions,
        state: SignedInState | None,
        owner: Owner | None,
    ) -> BrowserSession:
        home = await one.home_of(owner, state, self._settings)
        one.visits += 1
        async with AsyncExitStack() as beginning:
            if state and state.session_storage:
                script = _RESTORE_SESSION_STORAGE % json.dumps(state.session_storage)
                await beginning.enter_async_context(await home.context.add_init_script(script))
            tab = await home.blank_tab()
            return BrowserSession(one.browser, home.context, tab, loaded, hosts, options, beginning.pop_all(), state)

    async def _put_back(self, one: _Open, *, is_sound: bool) -> None:
        if not is_sound or self._most < len(self._open) or not one.may_serve:
            await self._close(one)
            return
        try:
            await one.clear()
        except PlaywrightError as error:
            logger.debug("a browser cannot be kept open: {}", error)
            await self._close(one)
            return
        one.is_busy, one.used_at = False, time.monotonic()
        one.closes = asyncio.get_running_loop().call_later(_LONGEST_IDLE, self._idled, one)

    def _idled(self, one: _Open) -> None:
        if one in self._open and not one.is_busy:
            one.is_busy = True
            closing = asyncio.ensure_future(self._close(one))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _close(self, one: _Open) -> None:
        if one in self._open:
            self._open.remove(one)
        await one.close()


@dataclass
class _Home:
    """An account's context."""

    context: BrowserContext
    state: SignedInState | None
    """What the portal remembered the account by when it was last kept."""
    tab: Tab | None = None
    """Where visits begin. To open one takes longer than any step of a walk."""

    async def blank_tab(self) -> Tab:
        """The one that is kept, or a new one."""
        if self.tab is None or self.tab.is_closed():
            self.tab = await self.context.new_page()
        return self.tab

    async def clear(self) -> None:
        """Leave one blank tab: the next visit finds nothing of this one but what the portal remembers."""
        kept = self.tab if self.tab is not None and not self.tab.is_closed() else None
        leaving = [tab.close() for tab in self.context.pages if tab is not kept]
        # Until it has loaded: a tab that is closed in between never says that it is (Chromium 156, one of four).
        await asyncio.gather(*leaving, *([kept.goto("about:blank")] if kept is not None else []))

    async def leave(self) -> None:
        """Somebody else is at home now: a tab costs much, and a context without any next to nothing."""
        if self.tab is not None:
            tab, self.tab = self.tab, None
            await tab.close()


class _Open:
    """An open browser with a driver of its own, and the accounts that it holds a context for."""

    def __init__(self, browser: Browser, ending: AsyncExitStack, manner: tuple[bool, float]) -> None:
        self.browser = browser
        self.homes: dict[Owner | None, _Home] = {}
        """The one that was used last comes last."""
        self.is_busy = False
        self.visits = 0
        self.used_at = self._opened_at = time.monotonic()
        self.closes: asyncio.TimerHandle | None = None
        self._ending = ending
        self._manner = manner

    def suits(self, options: WalkOptions) -> bool:
        """Whether a visit may begin in it now."""
        return not self.is_busy and self.may_serve and self._manner == (options.headed, options.slow_mo)

    def knows(self, owner: Owner | None) -> bool:
        """Whether *owner* was here lately."""
        return owner is not None and owner in self.homes

    @property
    def was_last(self) -> Owner | None:
        """Whose the last visit was."""
        return next(reversed(self.homes), None)

    @property
    def may_serve(self) -> bool:
        """Whether it is alive, and has not been open for too long."""
        is_worn_out = self.visits >= _MOST_VISITS or time.monotonic() - self._opened_at > _LONGEST_OPEN
        return self.browser.is_connected() and not is_worn_out

    async def home_of(self, owner: Owner | None, state: SignedInState | None, settings: BrowserSettings) -> _Home:
        """The context that *owner* left with *state*; else a new one, which knows nothing of any other."""
        if (last := self.was_last) != owner and last is not None:
            await self.homes[last].leave()
        home = self.homes.pop(owner, None)
        if home is None or owner is None or home.state != state:
            if home is not None:
                await home.context.close()
            while len(self.homes) >= _MOST_CONTEXTS:
                await self.homes.pop(next(iter(self.homes))).context.close()
            context = await self.browser.new_context(
                storage_state=cast("StorageState", state.storage) if state else None,
                locale=settings.locale,
                timezone_id=settings.timezone,
                viewport={"width": settings.width, "height": settings.height},
                accept_downloads=False,
            )
            home = _Home(context, state)
        self.homes[owner] = home
        return home

    def left_with(self, owner: Owner | None, state: SignedInState | None) -> None:
        """A visit of *owner* is over; the portal remembers it by *state*, if that was asked for."""
        if state is not None and owner in self.homes:
            self.homes[owner].state = state

    async def clear(self) -> None:
        """The next visit finds nothing of the last one but what the portal remembers."""
        if self.closes is not None:
            self.closes.cancel()
        if self.homes:
            await self.homes[self.was_last].clear()

    async def close(self) -> None:
        """Close it, with its driver."""
        if self.closes is not None:
            self.closes.cancel()
        await self._ending.aclose()


async def _close_browser(browser: Browser) -> None:
    try:
        await browser.close()
    except PlaywrightError as error:  # it is gone already: nothing is left behind
        logger.debug("the browser was closed before us: {}", error)
