"""
Shows a recording to a walk of today, page by page, and holds what the walk does against what was recorded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, Locator, Route
from playwright.async_api import Page as Tab

from agent.browser.onlooker import Call, Deed, Ended
from agent.browser.recording.capture import words_of
from agent.browser.recording.markup import MARK
from agent.browser.recording.model import Moment, Take, deed_words
from agent.errors import ApprovalNeeded, BadInput, CountermandError, Retryable, Uncertain
from agent.model import OrderId

_NO_STAMP = (Retryable, BadInput, Uncertain)
"""With which the ledger gives none."""
_WITHIN = {"commit": "prove", "choose": "click", "back": "open"}
"""What is done on the way to something has its own moment before that."""
_KEEP_STILL = """
for (const kind of ['click', 'submit', 'auxclick'])
  addEventListener(kind, event => { if (event.isTrusted || kind === 'submit') event.preventDefault(); }, true);
"""
"""A recorded page goes nowhere by itself: the recording says what comes next."""
_REPLACE = """
markup => {
  if (!Document.parseHTMLUnsafe) return false;
  const page = Document.parseHTMLUnsafe(markup);
  document.replaceChild(document.adoptNode(page.documentElement), document.documentElement);
  return true;
}
"""
"""Quicker than loading it anew, and the tab stays where it is."""


@dataclass(frozen=True)
class Divergence:
    """The first thing that went another way than recorded."""

    step: str
    target: str
    expected: str
    found: str

    def __str__(self) -> str:
        place = f"step “{self.step}”" if self.step else "the end"
        target = f", {self.target}" if self.target else ""
        return f"{place}{target}: expected {self.expected}; found {self.found}"


class Diverged(Exception):
    """The walk goes another way: it is not led any further."""


class Stage:
    """The tabs of the browser, as a recording fills them. The network is closed: whatever else is asked for is not there."""

    def __init__(self, folder: Path, context: BrowserContext, tab: Tab) -> None:
        self._folder = folder
        self._context = context
        self._tabs = {0: tab}
        self._shown: dict[int, tuple[str, str]] = {}
        self._next: tuple[str, str] | None = None
        """An address, and what is there."""
        self._status: int | None = None

    async def prepare(self) -> None:
        """Close the network."""
        await self._context.route("**/*", self._answer)
        await self._context.add_init_script(_KEEP_STILL)

    def next(self, url: str, file: str | None, status: int | None) -> None:
        """Where whatever is opened next leads; without a *file* nobody answers. The *status* is for every try."""
        self._next = None if file is None else (url, self._read(file))
        self._status = status

    def came(self, number: int, tab: Tab, url: str, file: str | None) -> None:
        """*tab* shows a page now."""
        self._tabs[number] = tab
        if file is not None:
            self._shown[number] = (url, self._read(file))

    async def show(self, number: int, url: str, file: str) -> None:
        """Have tab *number* show a page, if it does not show the same one already."""
        markup = self._read(file)
        before = self._shown.get(number)
        tab = self._tabs.get(number)
        if tab is None or tab.is_closed():
            self._next = (url, markup)
            opener = next(one for one in reversed(self._tabs.values()) if not one.is_closed())
            async with self._context.expect_page() as opening:
                await opener.evaluate("url => { window.open(url) }", url)
            tab = self._tabs[number] = await opening.value
            await tab.wait_for_load_state("domcontentloaded")
        elif before is None or before[0] != url or not await tab.evaluate(_REPLACE, markup):
            self._next = (url, markup)
            await tab.goto(url, wait_until="domcontentloaded")
        self._shown[number] = (url, markup)

    def tab(self, number: int) -> Tab:
        """The tab of that number."""
        return self._tabs[number]

    async def _answer(self, route: Route) -> None:
        request, body = route.request, None
        if self._status is not None and request.resource_type == "document":
            await route.fulfill(status=self._status, body="")
            return
        if self._next is not None and request.resource_type == "document":
            url, markup = self._next
            if _is_same(request.url, url):
                body, self._next = markup, None
            else:
                body = f"<script>location.replace({json.dumps(url)})</script>"  # as the portal led there
        if body is None:
            await route.abort()
        else:
            await route.fulfill(body=body, content_type="text/html; charset=utf-8")

    def _read(self, file: str) -> str:
        return (self._folder / file).read_text("utf-8")


class Player:
    """Leads a walk through one take."""

    def __init__(self, take: Take, stage: Stage) -> None:
        self.divergence: Divergence | None = None
        self._take = take
        self._moments = take.moments
        self._stage = stage
        self._place = 0
        self._touched: Moment | None = None

    @property
    def refusal(self) -> CountermandError | None:
        """The error with which no stamp was given for what is about to be clicked; ``None``: it was given."""
        error, moment = self._take.ended.error, self._touched
        if moment is None or moment.done or error is None:
            return None
        return next((kind("no stamp was given") for kind in _NO_STAMP if kind.kind == error.kind), None)

    # -- see ``Onlooker``

    async def call_begins(self, call: Call) -> None:
        """See ``Onlooker.call_begins``."""
        if call != self._take.call:
            raise self._diverges("", "", f"the flow {self._take.call.flow}", f"the flow {call.flow}")

    async def call_ends(self, ended: Ended, tab: Tab | None) -> None:
        """See ``Onlooker.call_ends``."""
        if self.divergence is not None:
            return
        error, left = ended.error, self._left
        is_page_that_did_not_come = (
            left is not None and left is self._moments[-1] and left.what == "open" and not left.page
        )
        if left is not None and not is_page_that_did_not_come:
            found = f"the walk ended with {_ending(ended)}"
            raise self._diverges(left.step, left.name, self._words(left), found)
        if ended != self._take.ended:
            step = self._moments[-1].step if self._moments else ""
            name = error.target or "" if error is not None else ""
            raise self._diverges(step, name, f"the end {_ending(self._take.ended)}", _ending(ended))

    def cut_off(self) -> None:
        """See ``Onlooker.cut_off``."""

    async def over(self) -> None:
        """See ``Onlooker.over``."""

    async def begins(self, deed: Deed) -> None:
        """See ``Onlooker.begins``."""
        ahead = self._moments[self._place : self._place + 2]
        if len(ahead) == 2 and ahead[0].what != _WITHIN.get(deed.what):
            ahead = ahead[:1]
        if not any(moment.is_of(deed) for moment in (*ahead, *self._take.unfinished)):
            raise self._another(deed)
        if deed.what == "open":
            self._stage.next(ahead[0].url, ahead[0].file, ahead[0].status)
        elif ahead and ahead[0].what == "back":
            await self._turn()

    async def answered(self, status: int) -> None:
        """See ``Onlooker.answered``."""

    async def acts(self, deed: Deed, tab: Tab, element: Locator) -> None:
        """See ``Onlooker.acts``."""
        moment = self._left
        if moment is None or not moment.is_of(deed) or not moment.touched:
            raise self._another(deed)
        if not await element.first.evaluate("(one, mark) => one.hasAttribute(mark)", MARK):
            found = f"another element: {await words_of(element)}"
            raise self._diverges(moment.step, moment.name, self._words(moment), found)
        self._touched = moment
        self._place += 1

    async def acted(self) -> None:
        """See ``Onlooker.acted``."""
        moment = self._touched
        if moment is not None and moment.question is not None:
            await self._stage.tab(moment.tab).evaluate("question => { confirm(question) }", moment.question)
        await self._turn()

    async def ends(self, deed: Deed, tab: Tab, *, page: str | None = None, result: str | None = None) -> None:
        """See ``Onlooker.ends``."""
        moment = self._touched
        if moment is None or not moment.is_of(deed):
            moment = self._left
            if moment is None or not moment.is_of(deed):
                raise self._another(deed)
            self._place += 1
            if deed.what == "open":
                self._stage.came(moment.tab, tab, moment.url, moment.file)
        self._touched = None
        if (page, result) != (moment.page, moment.result):
            expected, found = (
                " on ".join(part for part in (told, shown) if part) or "nothing"
                for told, shown in ((moment.result, moment.page), (result, page))
            )
            raise self._diverges(moment.step, moment.name, f"{moment} to give {expected}", found)
        await self._turn()

    def asked(self, question: str) -> None:
        """See ``Onlooker.asked``."""

    async def closed_overlay(self, name: str, shown: Locator) -> None:
        """See ``Onlooker.closed_overlay``."""
        await shown.evaluate_all("all => all.forEach(one => one.remove())")

    # -- the parts

    async def _turn(self) -> None:
        """Show what the next moment was about. A page that is to be opened is shown when it is."""
        moment = self._left
        if moment is None:
            if self._take.error_file is not None:
                await self._stage.show(self._take.error_tab, self._take.error_url, self._take.error_file)
        elif moment.what != "open" and moment.file is not None:
            await self._stage.show(moment.tab, moment.url, moment.file)

    @property
    def _left(self) -> Moment | None:
        return self._moments[self._place] if self._place < len(self._moments) else None

    def _another(self, deed: Deed) -> Diverged:
        moment = self._left
        if moment is None:
            return self._diverges(deed.step, deed.name, f"the end {_ending(self._take.ended)}", deed_words(deed))
        found = deed_words(deed) if deed.step == moment.step else f"{deed_words(deed)} in step “{deed.step}”"
        return self._diverges(moment.step, moment.name, self._words(moment), found)

    def _words(self, moment: Moment) -> str:
        return f"{moment} on {moment.element}" if moment.element else str(moment)

    def _diverges(self, step: str, target: str, expected: str, found: str) -> Diverged:
        if self.divergence is None:
            self.divergence = Divergence(step, target, expected, found)
        return Diverged(str(self.divergence))


class ReplayStamper:
    """Stamps nothing: a replay asks nobody for anything."""

    def __init__(self) -> None:
        self.player: Player | None = None

    async def arm(self, target: str, order: OrderId) -> None:
        """See ``Stamper.arm``."""
        if self.player is not None and self.player.refusal is not None:
            raise self.player.refusal

    async def unsent(self, outcome: str) -> None:
        """See ``Stamper.unsent``."""


class NeverApproves:
    """The visit waited for a yes that nobody had given."""

    async def check(self, order: OrderId, total: str) -> None:
        """See ``Approval.check``."""
        raise ApprovalNeeded(f"nobody has said yes to the cancellation of order {order}")


def _is_same(one: str, other: str) -> bool:
    """Whether two addresses are the same place."""
    return _bare(one) == _bare(other)


def _bare(url: str) -> tuple[str, str, str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc, parts.path or "/", parts.query


def _ending(ended: Ended) -> str:
    if ended.error is not None:
        known = (("at", ended.error.target), ("on", ended.error.page), ("in state", ended.error.state))
        return " ".join([ended.error.kind, *(f"{word} {value}" for word, value in known if value)])
    said = [f"{one.order}: {one.state or (one.error.kind if one.error else '')}" for one in ended.said]
    return ", ".join([*([ended.result] if ended.result else []), *said]) or "nothing"
