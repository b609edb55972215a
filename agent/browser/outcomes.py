"""
Reading an outcome table: the first entry that holds, all looked at together.
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
    language = sighting.language or await finder.language(tab)
    layout = sighting.layout
    narrowed = {entry.see for entry in entries if entry.see and row is not None and finder.is_row(entry.see)}
    asked = {name for entry in entries for name in (entry.see, entry.and_see, entry.and_not_see) if name} - narrowed
    read = {entry.status for entry in entries if entry.status}
    seen, rows, words = await asyncio.gather(
        finder.visible(tab, sorted(asked), layout, language),
        finder.visible(tab, sorted(narrowed), layout, language, row),
        finder.words(tab, sorted(read), layout, language),
    )
    shows = seen | rows
    unknown = ""
    for entry in entries:
        text = words[entry.status] if entry.status else ""
        holds = bool(entry.see and shows[entry.see]) or bool(text)
        if not holds and (entry.page is None or sighting.page != entry.page):
            continue
        if (entry.and_see and not shows[entry.and_see]) or (entry.and_not_see and shows[entry.and_not_see]):
            continue
        if entry.status is None:
            return Found(entry, entry.is_ or "")
        state = state_of(text, edition, language)
        if state is not None and (not entry.only or state in entry.only):
            return Found(entry, entry.is_ or state)
        if state is None and not entry.only:
            unknown = one_line(text)
    return Unknown(unknown)
