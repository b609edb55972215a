"""
Reading an outcome table: the first entry that holds, all looked at in one batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from playwright.async_api import Page as Tab

from agent.browser.edition import Edition, Outcome
from agent.browser.finding import Finder, one_line
from agent.browser.reading import state_of
from agent.browser.recognise import Sighting
from agent.model import OrderId


@dataclass(frozen=True)
class Found:
    """An entry that holds, and the state it means."""

    entry: Outcome
    state: str


@dataclass(frozen=True)
class Unknown:
    """No entry holds; *words* stand where a state should, and the edition does not know them (empty: none do)."""

    words: str = ""


async def first_that_holds(
    finder: Finder, edition: Edition, tab: Tab, entries: Sequence[Outcome], sighting: Sighting, row: OrderId | None
) -> Found | Unknown:
    """What *tab*, recognised as *sighting*, shows of *entries*."""
    language = await finder.language(tab)

    async def shows(target: str | None, narrowed: OrderId | None) -> bool | None:
        return None if target is None else await finder.visible(tab, target, sighting.layout, language, narrowed)

    async def words(target: str | None) -> str:
        if target is None:
            return ""
        found = finder.union(tab, target, sighting.layout, language)
        return await found.first.inner_text() if await found.count() else ""

    seen = await asyncio.gather(
        *(
            asyncio.gather(
                shows(entry.see, row), words(entry.status), shows(entry.and_see, None), shows(entry.and_not_see, None)
            )
            for entry in entries
        )
    )
    unknown = ""
    for entry, (visible, text, wanted, unwanted) in zip(entries, seen, strict=True):
        holds = visible or bool(text) or (entry.page is not None and sighting.page == entry.page)
        if not holds or wanted is False or unwanted is True:
            continue
        if entry.status is None:
            return Found(entry, entry.is_ or "")
        state = state_of(text, edition, language)
        if state is not None and (not entry.only or state in entry.only):
            return Found(entry, entry.is_ or state)
        if state is None and not entry.only:
            unknown = one_line(text)
    return Unknown(unknown)
