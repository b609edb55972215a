"""
What is kept of a step that failed: the page's outline, what the pages complained of, and the servers' last answers.

It listens all the while, at little cost, and writes nothing down unless a step fails. Of private steps only the answers are kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from datetime import datetime

from loguru import logger
from playwright.async_api import BrowserContext, ConsoleMessage, Frame, Response, WebError
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab

from agent.browser.edition import Edition
from agent.browser.evidence import Failure, Reply, now
from agent.browser.guard import Guard
from agent.browser.outline import Blot, outline
from agent.redact import redactor

_PATIENCE = 5.0
"""Seconds for all of it: a page that hangs answers nothing."""
_REPLIES = 20
_COMPLAINTS = 20
_COMPLAINT = 300
_TOLD = ("document", "xhr", "fetch")
"""Kinds of answers that say how a page came about; of others only errors are kept."""
_TEXTS = """elements => {
  const found = [];
  const take = node => {
    if (node.nodeType === Node.TEXT_NODE) found.push(node.data);
    if (node.nodeType === Node.ELEMENT_NODE) {
      for (const name of ['aria-label', 'title', 'alt', 'placeholder', 'value']) found.push(node.getAttribute(name));
      if (typeof node.value === 'string') found.push(node.value);
      found.push(node.innerText);
      node.shadowRoot?.childNodes.forEach(take);
    }
    node.childNodes.forEach(take);
  };
  elements.forEach(take);
  return found.filter(text => text && text.trim()).slice(0, 500);
}"""
"""Every text in private parts, as it stands in the page and as it is shown."""


class Witness:
    """Listens to the tabs of one visit."""

    def __init__(self, context: BrowserContext, edition: Edition, guard: Guard, orders: Collection[str]) -> None:
        self._context = context
        self._edition = edition
        self._guard = guard
        self._orders = orders
        self._keep = frozenset(edition.order_parameters)
        self._replies: deque[Reply] = deque(maxlen=_REPLIES)
        self._complaints: dict[Tab, deque[str]] = {}
        context.on("response", self._on_response)
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)

    def leave(self) -> None:
        """Hear no more."""
        self._context.remove_listener("response", self._on_response)
        self._context.remove_listener("console", self._on_console)
        self._context.remove_listener("weberror", self._on_error)

    async def failure(self, tab: Tab, *, private: bool) -> Failure:
        """What is kept now, where a step failed in *tab*."""
        blot = Blot((), self._orders, self._keep)
        kept = Failure(replies=[one.model_copy(update={"url": blot.address(one.url)}) for one in self._replies])
        if not private:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._read(kept, tab)
            except (PlaywrightError, TimeoutError) as error:
                logger.warning(
                    "the page cannot be outlined: {}", str(error).splitlines()[0] if str(error) else "it hangs"
                )
        return kept

    async def _read(self, kept: Failure, tab: Tab) -> None:
        tabs = [one for one in self._context.pages if not one.is_closed() and self._guard.may_be_shown(one.url)]
        private = [text for one in tabs for text in await self._private_texts(one)]
        blot = Blot(private, self._orders, self._keep)
        complaints = [text for one in tabs for text in self._complaints.get(one, ())]
        kept.console = [blot(text)[:_COMPLAINT] for text in complaints[-_COMPLAINTS:]]
        if tab in tabs:
            kept.outline = outline(await tab.locator("css=body").aria_snapshot(timeout=_PATIENCE * 1000), blot)

    async def _private_texts(self, tab: Tab) -> list[str]:
        texts: list[str] = []
        for css in self._edition.private:
            texts += await tab.locator(f"css={css}").evaluate_all(_TEXTS)
        return texts

    def _on_response(self, response: Response) -> None:
        what, status = response.request.resource_type, response.status
        if (what in _TOLD or status >= 400) and self._guard.may_be_shown(response.url):
            url = redactor.clean_url(response.url, self._keep)
            self._replies.append(
                Reply(at=_at(), status=status, method=response.request.method, what=what, url=url[:_COMPLAINT])
            )

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complain(message.page, message.text)

    def _on_error(self, error: WebError) -> None:
        self._complain(error.page, str(error.error).splitlines()[0])

    def _complain(self, tab: Tab | None, text: str) -> None:
        """What a page complained of goes with the page: what was private on it could not be told later."""
        if tab is None:
            return
        if tab not in self._complaints:
            self._complaints[tab] = deque(maxlen=_COMPLAINTS)
            tab.on("framenavigated", lambda frame: self._on_navigated(tab, frame))
            tab.on("close", self._on_closed)
        self._complaints[tab].append(text[: 4 * _COMPLAINT])

    def _on_closed(self, tab: Tab) -> None:
        self._complaints.pop(tab, None)

    def _on_navigated(self, tab: Tab, frame: Frame) -> None:
        if frame == tab.main_frame and tab in self._complaints:
            self._complaints[tab].clear()


def _at() -> datetime:
    return now().replace(microsecond=0)
