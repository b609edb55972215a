"""
Reading a page as a tree of what shows on it. Nothing of this is kept: ``scrub.py`` makes of it what may be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator
from playwright.async_api import Page as Tab
from pydantic import BaseModel, ConfigDict, Field

from agent.browser.edition import Candidate, Edition

LARGEST = 4_000_000
"""Characters of a page that is still recorded; no order page of any portal comes near."""

SHOWN = ("aria-label", "title", "alt", "placeholder", "value", "label")
"""Attributes that hold words."""
NAMES = ("id", "class", "name", "for", "aria-labelledby", "aria-describedby", "slot")
"""Attributes that hold names which elements are found by."""
ADDRESSES = ("href", "src")
PLAIN = {
    "role": re.compile(r"[a-z]{2,20}"),
    "type": re.compile(r"[a-z-]{2,20}"),
    "lang": re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z]{2,4})?"),
    "dir": re.compile(r"ltr|rtl|auto"),
    "target": re.compile(r"_[a-z]+"),
    "tabindex": re.compile(r"-?\d{1,3}"),
    "autocomplete": re.compile(r"[a-z-]{2,30}"),
    "aria-hidden": re.compile(r"true|false"),
    "aria-checked": re.compile(r"true|false|mixed"),
    "aria-selected": re.compile(r"true|false"),
    "aria-pressed": re.compile(r"true|false|mixed"),
    "aria-disabled": re.compile(r"true|false"),
    "aria-expanded": re.compile(r"true|false"),
    "aria-modal": re.compile(r"true|false"),
    "aria-level": re.compile(r"\d"),
    "checked": re.compile(""),
    "selected": re.compile(""),
    "disabled": re.compile(".{0,10}"),
    "readonly": re.compile(".{0,10}"),
    "multiple": re.compile(".{0,10}"),
    "hidden": re.compile(".{0,15}"),
    "open": re.compile(".{0,10}"),
    "contenteditable": re.compile("true|false|"),
}
"""Attributes that hold one of a few words; anything else in them is dropped."""

_TELL = """one => {
  const words = one.ariaLabel || one.innerText || one.placeholder || one.value || one.title || '';
  return `<${one.localName}> ${words.slice(0, 60)}`;
}"""
_BOTH = "(acted, attributes) => [JSON.stringify((%s)([acted[0] ?? null, attributes])), ...acted.slice(0, 1).map(%s)]"
_IN_BRACKETS = re.compile(r"\[\s*([\w-]+)")


class Element(BaseModel):
    """An element with what is in it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    tag: str = Field(alias="t")
    attributes: dict[str, str] = Field(default_factory=dict, alias="a")
    style: str = Field(default="", alias="s")
    is_marked: bool = Field(default=False, alias="m")
    """It is the one that was acted on."""
    shadow: list[Element | str] | None = Field(default=None, alias="r")
    frame: Document | None = Field(default=None, alias="d")
    children: list[Element | str] = Field(default_factory=list, alias="c")


class Document(BaseModel):
    """A page."""

    model_config = ConfigDict(extra="forbid")

    lang: str
    title: str
    body: Element


@dataclass(frozen=True)
class Capture:
    """What was read from a page."""

    page: str
    """A ``Document`` as JSON."""
    words: str
    """What the element that was acted on is, in a few words, e.g. ``<button> Cancel order``; empty where none was named."""


async def capture(tab: Tab, edition: Edition, acted: Locator | None) -> Capture:
    """
    What *tab* shows now, in one question.

    :param acted: the element that is about to be touched; it is marked.
    :raises ValueError: the page is too large, or that element is not there.
    """
    found = acted if acted is not None else tab.locator("css=:not(*)")
    page, *words = await found.evaluate_all(_BOTH % (_script(), _TELL), attributes_of(edition))
    if len(page) > LARGEST:
        raise ValueError(f"the page has {len(page)} characters")
    if acted is not None and not words:
        raise ValueError("what was to be touched is gone")
    return Capture(page, " ".join(" ".join(words).split()))


async def words_of(element: Locator) -> str:
    """What an element is, in a few words, e.g. ``<button> Cancel order``."""
    try:
        told: str = await element.first.evaluate(_TELL)
    except PlaywrightError:
        return ""
    return " ".join(told.split())


def attributes_of(edition: Edition) -> list[str]:
    """Every attribute that an element could be found by, or that tells whether it shows."""
    return sorted({*SHOWN, *NAMES, *ADDRESSES, *PLAIN, *own_attributes(edition)})


def own_attributes(edition: Edition) -> set[str]:
    """The attributes that the edition's own CSS looks at, and the one for tests."""
    return {"data-testid", *(name for css in css_of(edition) for name in _IN_BRACKETS.findall(css))}


def css_of(edition: Edition) -> list[str]:
    """Every piece of CSS in *edition*."""
    return [*(candidate.css for candidate in candidates_of(edition) if candidate.css is not None), *edition.private]


def candidates_of(edition: Edition) -> list[Candidate]:
    """Every way to find something that *edition* has."""
    found = [mark for page in edition.pages.values() for mark in (*page.marks, *page.busy)]
    for target in edition.targets.values():
        found += [*target.try_, *(one for several in target.layouts.values() for one in several)]
    for overlay in edition.overlays.values():
        found += [overlay.see, overlay.close]
    return [*found, *(challenge.see for challenge in edition.challenges.values() if challenge.see is not None)]


@cache
def _script() -> str:
    return files(__package__).joinpath("capture.js").read_text("utf-8")
