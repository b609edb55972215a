"""
Checking an edition without a browser, beyond shape and names: the CSS in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cssselect2 import SelectorError
from cssselect2.parser import parse

from agent.browser.edition import Edition
from agent.browser.edition_file import Complaint, Place


def wrong_css(edition: Edition) -> Iterator[Complaint]:
    """Every selector that is no CSS; without this, Playwright would say so in the middle of a walk."""
    yield from _css_below((), edition.model_dump(mode="json", by_alias=True))
    for position, selector in enumerate(edition.private):
        yield from _complaint(("private", position), selector)


def _css_below(place: Place, value: Any) -> Iterator[Complaint]:
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "css" and isinstance(part, str):
                yield from _complaint((*place, key), part)
            else:
                yield from _css_below((*place, key), part)
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from _css_below((*place, position), part)


def _complaint(place: Place, selector: str) -> Iterator[Complaint]:
    try:
        list(parse(selector))
    except SelectorError as error:
        what = error.args[-1] if error.args else "cannot be read"
        yield Complaint(place, f"no valid CSS: {what} (here: {selector})")
