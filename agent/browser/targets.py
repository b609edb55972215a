"""
From an edition's candidates to Playwright's own locators. There is no second selector engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from playwright.async_api import Locator, Page

from agent.browser.edition import Candidate, Edition, Words
from agent.model import OrderId

NOTHING = "css=:not(*)"
"""Matches no element: the candidate has no words in the page's language."""


def locate(scope: Page | Locator, candidate: Candidate, edition: Edition, language: str) -> Locator:
    """Every visible element that *candidate* means within *scope*, by exact names in the page's *language*."""
    return _all(scope, candidate, edition, language).filter(visible=True)


def any_of(locators: Iterable[Locator], scope: Page | Locator) -> Locator:
    """The elements that any of *locators* matches."""
    union: Locator | None = None
    for locator in locators:
        union = locator if union is None else union.or_(locator)
    return union if union is not None else scope.locator(NOTHING)


def together(candidates: Iterable[Candidate], scope: Page | Locator, edition: Edition, language: str) -> Locator:
    """Every visible element that any of *candidates* means. Those that are CSS are searched for at once."""
    every = list(candidates)
    selectors = dict.fromkeys(one.css for one in every if one.css is not None)
    ways = [scope.locator(f"css={', '.join(selectors)}").filter(visible=True)] if selectors else []
    ways += [locate(scope, one, edition, language) for one in every if one.css is None]
    return any_of(ways, scope)


def of_order(rows: Locator, order: OrderId, page: Page) -> Locator:
    """The rows that carry the order number, as text or in a link. A longer number that contains it is another order."""
    by_text = rows.filter(has_text=re.compile(rf"(?<!\d){order}(?!\d)"))
    by_link = rows.filter(has=page.locator(f'a[href$="={order}"], a[href*="={order}&"]'))
    return by_text.or_(by_link)


def _all(scope: Page | Locator, candidate: Candidate, edition: Edition, language: str) -> Locator:
    if candidate.css is not None:
        return scope.locator(f"css={candidate.css}")
    if candidate.test_id is not None:
        return scope.get_by_test_id(candidate.test_id)
    if candidate.role is not None:
        if candidate.name is None:
            return scope.get_by_role(candidate.role)
        names = _texts(candidate.name, edition, language)
        return any_of((scope.get_by_role(candidate.role, name=name, exact=True) for name in names), scope)
    if candidate.label is not None:
        return any_of(
            (scope.get_by_label(text, exact=True) for text in _texts(candidate.label, edition, language)), scope
        )
    if candidate.placeholder is not None:
        return any_of(
            (scope.get_by_placeholder(text, exact=True) for text in _texts(candidate.placeholder, edition, language)),
            scope,
        )
    assert candidate.text is not None
    return any_of((scope.get_by_text(text, exact=True) for text in _texts(candidate.text, edition, language)), scope)


def _texts(words: Words, edition: Edition, language: str) -> list[str]:
    return edition.texts(words, language)
