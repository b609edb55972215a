"""
Reading an outcome table: everything in it is looked for together, and the first entry that holds wins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from playwright.async_api import Page as Tab

from agent.browser.edition import Candidate, Edition, Outcome
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


@dataclass(frozen=True)
class Shown:
    """What a tab shows of a table's targets."""

    language: str
    shows: dict[str, bool]
    words: dict[str, str]


def seen_with_the_page(
    finder: Finder, entries: Sequence[Outcome], layout: str | None, row: OrderId | None
) -> dict[str, list[Candidate]]:
    """What of *entries* can be looked for in the very question that recognises the page, with its candidates."""
    return finder.anywhere(sorted(_asked(finder, entries, row)[0]), layout)


async def shown_of(
    finder: Finder,
    tab: Tab,
    entries: Sequence[Outcome],
    layout: str | None,
    language: str,
    row: OrderId | None,
    *,
    but: Collection[str] = (),
) -> Shown:
    """
    Look for everything that *entries* name.

    :param layout: that of the page in *tab*.
    :param but: targets that somebody else looks for.
    """
    asked, narrowed = _asked(finder, entries, row)
    read = {entry.status for entry in entries if entry.status}
    seen, rows, words = await asyncio.gather(
        finder.visible(tab, sorted(asked.difference(but)), layout, language),
        finder.visible(tab, sorted(narrowed), layout, language, row),
        finder.words(tab, sorted(read), layout, language),
    )
    return Shown(language, seen | rows, words)


def _asked(finder: Finder, entries: Sequence[Outcome], row: OrderId | None) -> tuple[set[str], set[str]]:
    """The targets whose showing *entries* ask for: those that may be anywhere, and those that must be the order's own."""
    narrowed = {entry.see for entry in entries if entry.see and row is not None and finder.is_row(entry.see)}
    named = {name for entry in entries for name in (entry.see, entry.and_see, entry.and_not_see) if name}
    return named - narrowed, narrowed


def first_that_holds(edition: Edition, entries: Sequence[Outcome], shown: Shown, sighting: Sighting) -> Found | Unknown:
    """What *shown*, on the page recognised as *sighting*, means."""
    unknown = ""
    for entry in entries:
        text = shown.words[entry.status] if entry.status else ""
        holds = bool(entry.see and shown.shows[entry.see]) or bool(text)
        if not holds and (entry.page is None or sighting.page != entry.page):
            continue
        if (entry.and_see and not shown.shows[entry.and_see]) or (entry.and_not_see and shown.shows[entry.and_not_see]):
            continue
        if entry.status is None:
            return Found(entry, entry.is_ or "")
        state = state_of(text, edition, shown.language)
        if state is not None and (not entry.only or state in entry.only):
            return Found(entry, entry.is_ or state)
        if state is None and not entry.only:
            unknown = one_line(text)
    return Unknown(unknown)


def looks_differ(edition: Edition, entries: Sequence[Outcome], one: str | None, other: str | None) -> bool:
    """Whether something that *entries* name is looked for in another way in the layout *other* than in *one*."""
    return one != other and any(
        target.candidates(one) != target.candidates(other)
        for target in (edition.targets[name] for name in _named(edition, entries))
    )


def _named(edition: Edition, entries: Sequence[Outcome]) -> Iterator[str]:
    for entry in entries:
        for name in (entry.see, entry.and_see, entry.and_not_see, entry.status):
            around = name
            while around is not None:
                yield around
                around = edition.targets[around].within
