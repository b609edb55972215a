"""
Reading a list: all of its rows at once, each with the words that tell its state.
"""

from __future__ import annotations

from collections.abc import Sequence

from playwright.async_api import Page as Tab

from agent.browser.edition import Edition
from agent.browser.finding import Finder, one_line
from agent.browser.reading import state_of
from agent.browser.targets import locate
from agent.walk import Card


async def cards_of(
    finder: Finder, edition: Edition, tab: Tab, rows: str, status: str, layout: str | None, after: int
) -> list[Card]:
    """
    The rows beyond the first *after* of the list in *tab*, read together: a list has hundreds.

    :param rows: the target that is one row.
    :param status: the target in a row that tells its state.
    """
    language = await finder.language(tab)
    listed = finder.union(tab, rows, layout, language)
    if await listed.count() <= after:
        return []
    texts = [one_line(text) for text in await listed.all_inner_texts()]
    words: Sequence[str] = [""] * len(texts)
    for candidate in edition.targets[status].candidates(layout):
        found = [one_line(text) for text in await locate(tab, candidate, edition, language).all_inner_texts()]
        # One in every row, or nobody can say whose it is.
        if len(found) == len(texts) and all(one in text for one, text in zip(found, texts, strict=True)):
            words = found
            break
    pairs = list(zip(texts, words, strict=True))[after:]
    return [Card(text, said, state_of(said, edition, language)) for text, said in pairs]
