"""
Finding what a target means on the page at hand: its candidates in order, in the right row, in the page's language.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

from loguru import logger
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator
from playwright.async_api import Page as Tab

from agent.browser.edition import Candidate, Edition, Target
from agent.browser.glance import Glance, glance, spoken
from agent.browser.reading import RADIO_TEXT
from agent.browser.tabs import Tabs
from agent.browser.targets import any_of, locate, of_order
from agent.errors import PortalChanged, TargetAmbiguous, TargetMissing
from agent.model import OrderId
from agent.settings import Patience

_LOOK = "Look at the picture in the report"


class Finder:
    """Turns targets into elements."""

    def __init__(self, edition: Edition, tabs: Tabs, patience: Patience) -> None:
        self.edition = edition
        self._tabs = tabs
        self._patience = patience

    def target(self, name: str, *, commits: bool) -> Target:
        """The target *name*, which must commit, or must not."""
        spec = self.edition.targets[name]
        if spec.commits != commits:
            raise ValueError(f"{name} {'commits: use commit' if spec.commits else 'commits nothing: use click'}")
        return spec

    async def one(self, name: str, row: OrderId | None) -> tuple[Locator, str, bool]:
        """
        The element of the first candidate that matches exactly one visible element.

        :returns: the element, the candidate in words, and whether it is drift: a later one than the first.
        :raises TargetMissing, TargetAmbiguous: none does in time.
        """
        spec = self.edition.targets[name]
        language = await self.language()
        scope = self.scope(spec, row, language)
        candidates = spec.candidates(self._tabs.at.layout)
        located = [locate(scope, candidate, self.edition, language) for candidate in candidates]
        deadline = time.monotonic() + self._patience.action.total_seconds()
        while True:
            counts = [await first.count() for first in located[:1]]
            if counts != [1]:  # mostly it is the first
                counts += await asyncio.gather(*(locator.count() for locator in located[1:]))
            for position, count in enumerate(counts):
                if count == 1:
                    return located[position], candidates[position].describe(), _drifted(name, candidates, position)
            if time.monotonic() > deadline:
                break
            await self._tabs.changed()
        if any(counts):
            raise TargetAmbiguous(
                f"there is more than one {spec.intent}",
                next=f"{_LOOK}; the edition must tell them apart.",
                **self.where(name),
            )
        raise self.missing(name)

    async def all(self, name: str) -> Locator:
        """Every visible element that any candidate of *name* means, in the tab at hand."""
        return self.union(self._tabs.current, name, self._tabs.at.layout, await self.language())

    def union(self, tab: Tab, name: str, layout: str | None, language: str, row: OrderId | None = None) -> Locator:
        """Every visible element that any candidate of *name* means; with *row*, only that order's."""
        spec = self.edition.targets[name]
        scope: Tab | Locator = tab if spec.within is None else self.union(tab, spec.within, layout, language)
        if spec.row is not None and row is not None:
            scope = of_order(self.union(tab, spec.row, layout, language), row, tab)
        candidates = spec.candidates(layout)
        found = any_of((locate(scope, candidate, self.edition, language) for candidate in candidates), scope)
        return of_order(found, row, tab) if row is not None and spec.row is None else found

    def is_row(self, name: str) -> bool:
        """Whether *name* is a list's row: an order number narrows it. "No orders found" stands outside of any."""
        return any(spec.row == name for spec in self.edition.targets.values())

    async def visible(
        self, tab: Tab, names: Sequence[str], layout: str | None, language: str, row: OrderId | None = None
    ) -> dict[str, bool]:
        """Which of *names* show; with *row*, of that order's only."""
        anywhere = self.anywhere(names, layout) if row is None else {}
        others = [name for name in names if name not in anywhere]
        seen, looked = await asyncio.gather(
            glance(tab, list(anywhere.values()), self.edition, language) if anywhere else _nothing(),
            asyncio.gather(*(self.union(tab, name, layout, language, row).first.is_visible() for name in others)),
        )
        return dict(zip(anywhere, seen.shown, strict=True)) | dict(zip(others, looked, strict=True))

    def anywhere(self, names: Iterable[str], layout: str | None) -> dict[str, list[Candidate]]:
        """Those of *names* that are looked for on the whole page, with their candidates there."""
        targets = {name: self.edition.targets[name] for name in names}
        return {name: target.candidates(layout) for name, target in targets.items() if target.within is None}

    async def words(self, tab: Tab, names: Sequence[str], layout: str | None, language: str) -> dict[str, str]:
        """What each of *names* says; empty where it is not there."""
        said = await asyncio.gather(*(words_of(self.union(tab, name, layout, language)) for name in names))
        return dict(zip(names, said, strict=True))

    async def text(self, name: str, row: OrderId | None = None) -> str:
        """The text of *name* on one line; empty when it is not there."""
        found = self.union(self._tabs.current, name, self._tabs.at.layout, await self.language(), row)
        return one_line(await words_of(found))

    async def texts(self, name: str) -> list[str]:
        """The texts of everything that *name* means, in the page's order."""
        return await texts_of(await self.all(name))

    async def language(self, tab: Tab | None = None) -> str:
        """The page's language, e.g. ``en``; the edition's own where the page does not say."""
        if tab in (None, self._tabs.current) and self._tabs.language:
            return self._tabs.language
        try:
            stated: str = await (tab or self._tabs.current).evaluate(
                "document.documentElement ? document.documentElement.lang : ''"
            )
        except PlaywrightError:
            stated = ""
        return spoken(stated, self.edition)

    def where(self, name: str) -> dict[str, str | None]:
        """What an error about the target *name* says of its place."""
        return {
            "target": name,
            "edition": self.edition.edition,
            "page": self._tabs.at.layout or self._tabs.at.page,
        }

    def missing(self, name: str) -> PortalChanged:
        """It is not on the page."""
        intent = self.edition.targets[name].intent
        changed = f"{_LOOK}; if the portal has changed, a new edition of the selectors is needed."
        return TargetMissing(f"cannot find {intent}", next=changed, **self.where(name))

    def unusable(self, name: str, what: str) -> PortalChanged:
        """It is there, and cannot be used as it should."""
        intent = self.edition.targets[name].intent
        return TargetMissing(f"{intent} {what}: it is covered, disabled or gone", next=f"{_LOOK}.", **self.where(name))

    def scope(self, spec: Target, row: OrderId | None, language: str) -> Tab | Locator:
        """Where *spec* is looked for: the whole page, another target, or the order's row."""
        tab, layout = self._tabs.current, self._tabs.at.layout
        if spec.within is not None:
            return self.union(tab, spec.within, layout, language)
        if spec.row is not None and row is not None:
            return of_order(self.union(tab, spec.row, layout, language), row, tab)
        return tab


async def texts_of(elements: Locator) -> list[str]:
    """The words of each of *elements*, or beside it, on one line."""
    texts: list[str] = await elements.evaluate_all(f"all => all.map({RADIO_TEXT})")
    return [one_line(text) for text in texts]


async def words_of(elements: Locator) -> str:
    """What the first of *elements* says; empty where there is none."""
    words: str = await elements.evaluate_all("all => all.length ? all[0].innerText : ''")
    return words


def one_line(text: str) -> str:
    """*text* with every run of white space as one space."""
    return " ".join(text.split())


async def _nothing() -> Glance:
    return Glance("", [])


def _drifted(name: str, candidates: list[Candidate], position: int) -> bool:
    if position:
        described = candidates[position].describe()
        logger.warning("drift: {} was found by its candidate {} ({})", name, position + 1, described)
    return position > 0
