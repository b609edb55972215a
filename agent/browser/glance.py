"""
What of many things shows in a tab, in as few questions as can be: a page is looked at dozens of times in a walk.

The searching, and what counts as visible, is Playwright's own; the page only says which of the selectors an element was found by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Locator
from playwright.async_api import Page as Tab

from agent.browser.edition import Candidate, Edition
from agent.browser.targets import any_of, locate

_WHICH = """(found, selectors) => {
  const is = (element, selector) => { try { return element.matches(selector) } catch { return null } };
  const marks = selectors.map(selector => found.map(element => is(element, selector)));
  const told = found.every((_, place) => marks.some(mark => mark[place]));
  return {
    language: document.documentElement ? document.documentElement.lang : '',
    shown: told ? marks.map(mark => mark.some(one => one)) : null,
  };
}"""
"""``shown`` is null where the page cannot tell what an element was found by: a selector has something that only Playwright knows."""


@dataclass(frozen=True)
class Glance:
    """What was seen at one moment."""

    language: str
    """As the page states it, e.g. ``en``; the edition's own where it says nothing."""
    shown: list[bool]
    """For each group of candidates, whether any of it shows."""


async def glance(
    tab: Tab, groups: Sequence[Sequence[Candidate]], edition: Edition, language: str | None = None
) -> Glance:
    """
    Look for several things at once.

    :param groups: each is one thing, by its candidates.
    :param language: what the page was in when it was looked at last; ``None`` for the edition's own.
    """
    language = language or edition.language
    selectors = list(dict.fromkeys(one.css for group in groups for one in group if one.css is not None))
    told, others = await asyncio.gather(_selected(tab, selectors), _others(tab, groups, edition, language))
    stated = spoken(told["language"], edition)
    if stated != language:
        others = await _others(tab, groups, edition, stated)
    if told["shown"] is None:
        return Glance(stated, await _one_by_one(tab, groups, edition, stated))
    by_selector = dict(zip(selectors, told["shown"], strict=True))
    shown = [
        other or any(by_selector[one.css] for one in group if one.css is not None)
        for other, group in zip(others, groups, strict=True)
    ]
    return Glance(stated, shown)


def spoken(stated: str, edition: Edition) -> str:
    """The language of a page that states *stated*; the edition's own where it says nothing."""
    return stated.replace("_", "-").split("-")[0].lower() or edition.language


async def _selected(tab: Tab, selectors: Sequence[str]) -> dict[str, Any]:
    found = tab.locator(f"css={', '.join(selectors) or ':not(*)'}").filter(visible=True)
    told: dict[str, Any] = await found.evaluate_all(_WHICH, list(selectors))
    return told


async def _others(tab: Tab, groups: Sequence[Sequence[Candidate]], edition: Edition, language: str) -> list[bool]:
    """What is not found by a selector. Mostly none of it shows, and one question tells."""
    located = [[locate(tab, one, edition, language) for one in group if one.css is None] for group in groups]
    every = [locator for group in located for locator in group]
    if not every or not await any_of(every, tab).first.is_visible():
        return [False] * len(groups)
    if len(every) == 1:
        return [bool(group) for group in located]
    return list(await asyncio.gather(*(_any(tab, group) for group in located)))


async def _one_by_one(tab: Tab, groups: Sequence[Sequence[Candidate]], edition: Edition, language: str) -> list[bool]:
    located = [[locate(tab, one, edition, language) for one in group] for group in groups]
    return list(await asyncio.gather(*(_any(tab, group) for group in located)))


async def _any(tab: Tab, located: Sequence[Locator]) -> bool:
    return bool(located) and await any_of(located, tab).first.is_visible()
