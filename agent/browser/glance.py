"""
What of many things shows in a tab, in as few questions as can be: a page is looked at dozens of times in a walk.

The searching, and what counts as visible, is Playwright's own; the page only says which of the selectors an element was found by.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Locator
from playwright.async_api import Page as Tab

from agent.browser.edition import Candidate, Edition
from agent.browser.targets import any_of, locate, together

_WHICH = """(found, told) => {
  const [selectors, texts] = JSON.parse(told);
  const is = (element, selector) => { try { return element.matches(selector) } catch { return null } };
  const plain = text => text.replace(/\\s+/g, ' ').toLowerCase();
  const wanted = texts.map(plain);
  const says = element => {
    const words = plain(`${element.textContent} ${element.value ?? ''}`);
    return element.shadowRoot || wanted.some(text => words.includes(text));
  };
  const marks = selectors.map(selector => found.map(element => is(element, selector)));
  const isKnown = found.every((_, place) => marks.some(mark => mark[place]));
  return {
    language: document.documentElement ? document.documentElement.lang : '',
    shown: isKnown ? marks.map(mark => mark.some(one => one)) : null,
    says: isKnown && wanted.length > 0 && found.some(says),
  };
}"""
"""
``shown`` is null where the page cannot tell what an element was found by: by a text, or a selector has something that only Playwright
knows. ``says`` is whether one that was found by a selector may have been found by a text as well.
"""


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
    every = [one for group in groups for one in group]
    selectors = list(dict.fromkeys(one.css for one in every if one.css is not None))
    told, others = await asyncio.gather(
        _together(tab, selectors, every, edition, language),
        _others(tab, [[one for one in group if one.text is None] for group in groups], edition, language),
    )
    stated = spoken(told["language"], edition)
    if stated != language:
        return await glance(tab, groups, edition, stated)
    if told["shown"] is None:
        return Glance(stated, await _one_by_one(tab, groups, edition, stated))
    if told["says"]:
        others = await _others(tab, groups, edition, stated)
    by_selector = dict(zip(selectors, told["shown"], strict=True))
    shown = [
        other or any(by_selector[one.css] for one in group if one.css is not None)
        for other, group in zip(others, groups, strict=True)
    ]
    return Glance(stated, shown)


def spoken(stated: str, edition: Edition) -> str:
    """The language of a page that states *stated*; the edition's own where it says nothing."""
    return stated.replace("_", "-").split("-")[0].lower() or edition.language


async def _together(
    tab: Tab, selectors: Sequence[str], every: Sequence[Candidate], edition: Edition, language: str
) -> dict[str, Any]:
    """What is found by a selector or by a text, in one question: mostly no text is there, and then the selectors tell all."""
    sought = [one for one in every if one.css is not None or one.text is not None]
    texts = [text for one in sought if one.text is not None for text in edition.texts(one.text, language)]
    found = together(sought, tab, edition, language)
    told: dict[str, Any] = await found.evaluate_all(_WHICH, json.dumps([list(selectors), texts]))
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
