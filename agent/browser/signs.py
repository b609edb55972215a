"""
What tells that a page is worth looking at: the page watches for it by itself, and says so the moment that it shows.

A sign is a hint and never an answer. What a page shows is found out by Playwright's own locators, which are asked again and again beside
it (and less and less often, so that alone they are late by up to half a second); a sign that is wrong or missing only costs time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from playwright.async_api import Locator
from playwright.async_api import Page as Tab

from agent.browser.edition import Candidate, Edition
from agent.browser.targets import together
from agent.model import OrderId

_BY_ROLE = {
    "button": "button, [role=button], input[type=button], input[type=submit]",
    "dialog": "dialog, [role=dialog]",
    "link": "a[href], [role=link]",
    "option": "option, [role=option]",
    "radio": "input[type=radio], [role=radio]",
    "searchbox": "input[type=search], [role=searchbox]",
    "textbox": "input, textarea, [role=textbox]",
}
"""Elements that have a role without saying so."""

_SHOWS = """told => new Promise(done => {
  const [signs, longest] = JSON.parse(told);
  const plain = text => (text ?? '').replace(/\\s+/g, ' ').trim().toLowerCase();
  const isUsable = css => { try { document.querySelector(css); return true } catch { return false } };
  const isShown = one => one.getClientRects().length > 0 && one.checkVisibility({visibilityProperty: true});
  const isOf = (one, number) => new RegExp(`(?<!\\\\d)${number}(?!\\\\d)`).test(one.textContent)
    || one.querySelector(`a[href$="=${number}"], a[href*="=${number}&"]`) !== null;
  const finds = way => {
    if (way.css !== null) {
      for (const one of document.querySelectorAll(way.css)) {
        if (way.number !== null && !isOf(one, way.number)) continue;
        if (way.says.length && !way.says.some(text => plain(`${one.textContent} ${one.value ?? ''}`).includes(text))) continue;
        if (isShown(one)) return true;
      }
      return false;
    }
    const all = plain(document.body?.textContent);
    const said = way.says.filter(text => all.includes(text));
    if (said.length === 0) return false;
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const one = texts.currentNode.parentElement;
      if (one && said.includes(plain(one.textContent)) && isShown(one)) return true;
    }
    return false;
  };
  const usable = ways => ways
    .filter(way => way.css === null || isUsable(way.css))
    .map(way => ({...way, says: way.says.map(plain)}));
  const sought = signs.map(sign => ({of: usable(sign.of), unless: usable(sign.unless)}));
  const shows = () => sought.some(sign => sign.of.some(finds) && !sign.unless.some(finds));
  let last = 0, next = null;
  const ends = found => { seen.disconnect(); clearTimeout(next); clearTimeout(end); done(found) };
  const look = () => {
    clearTimeout(next);
    const now = performance.now();
    if (now - last < 4) { next = setTimeout(look, 4); return }
    last = now;
    if (shows()) ends(true);
  };
  const seen = new MutationObserver(look);
  const end = setTimeout(() => ends(shows()), longest);
  seen.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
  look();
})"""
"""Resolves with whether one of the signs shows: at once, or with the change that brings it, and when the time is over."""


@dataclass(frozen=True)
class Way:
    """Something that may show."""

    css: str | None = None
    """``None``: anything whose own words are one of *says*."""
    says: tuple[str, ...] = ()
    """One of these must be in its words; empty: whatever it says."""
    number: OrderId | None = None
    """It must be about this order."""


@dataclass(frozen=True)
class Sign:
    """It is worth looking when any of *of* shows, and nothing of *unless*."""

    of: tuple[Way, ...]
    unless: tuple[Way, ...] = ()


@dataclass(frozen=True)
class Sought:
    """What is waited for in one tab."""

    locator: Locator
    """What may show, as Playwright finds it; but for what does not count beside something else."""
    signs: tuple[Sign, ...]

    async def shows_by_itself(self, tab: Tab, longest: float) -> bool:
        """
        Until *tab* says that a sign shows.

        :param longest: milliseconds.
        :returns: whether one does.
        :raises PlaywrightError: the tab goes to another page, or is closed.
        """
        # As one text: Playwright takes an argument of many parts apart, one by one, on either side.
        shows: bool = await tab.evaluate(_SHOWS, json.dumps([[asdict(sign) for sign in self.signs], longest]))
        return shows


def ways_of(
    candidates: Iterable[Candidate],
    edition: Edition,
    language: str,
    *,
    says: Sequence[str] = (),
    number: OrderId | None = None,
) -> tuple[Way, ...]:
    """
    The ways in which *candidates* may show.

    :param says: words one of which they must have, too.
    """
    return tuple(_way(one, edition, language, tuple(says), number) for one in candidates)


def _way(one: Candidate, edition: Edition, language: str, says: tuple[str, ...], number: OrderId | None) -> Way:
    if one.css is not None:
        return Way(one.css, says, number)
    if one.role is not None:
        names = tuple(edition.texts(one.name, language)) if one.name is not None else says
        return Way(_BY_ROLE.get(one.role, f"[role={one.role}]"), names, number)
    if one.test_id is not None:
        return Way(f'[data-testid="{one.test_id}"]', says, number)
    if one.placeholder is not None:
        return Way(_with("placeholder", edition.texts(one.placeholder, language)), says, number)
    if one.label is not None:
        return Way(_with("aria-label", edition.texts(one.label, language)), says, number)
    assert one.text is not None
    return Way(None, tuple(edition.texts(one.text, language)), number)


def _with(attribute: str, texts: Iterable[str]) -> str:
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return ", ".join(f'[{attribute}="{text}"]' for text in quoted)


def of_candidates(
    groups: Iterable[tuple[Sequence[Candidate], Sequence[Candidate]]], tab: Tab, edition: Edition, language: str
) -> Sought:
    """
    Whatever of *groups* may show in *tab*.

    :param groups: each is what may show, and what must not be there beside it.
    """
    several = [(marks, busy) for marks, busy in groups if marks]
    signs = tuple(Sign(ways_of(marks, edition, language), ways_of(busy, edition, language)) for marks, busy in several)
    # A locator does not know "and nothing of that": it would end the wait for a page that is still loading.
    plain = (one for marks, busy in several if not busy for one in marks)
    return Sought(together(plain, tab, edition, language), signs)
