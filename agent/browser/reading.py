"""
Reading what a portal wrote: order numbers, states, equal texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from agent.browser.edition import Edition

_NUMBER = re.compile(r"(?<!\d)\d{10,}(?!\d)")

RADIO_TEXT = "element => (element.labels && element.labels.length ? element.labels[0] : element).innerText || element.value || ''"
"""The words beside an option: an input has none of its own, its label has."""


def numbers_in(text: str, parameters: Sequence[str] | None = None) -> set[str]:
    """
    The order numbers in *text*: runs of ten digits and more, whatever label stands before them.

    :param parameters: *text* is an address; only these of its parameters count.
    """
    if parameters is None:
        return set(_NUMBER.findall(text))
    query = parse_qs(urlsplit(text).query)
    return {number for name in parameters for value in query.get(name, []) for number in _NUMBER.findall(value)}


def same_text(one: str, other: str) -> bool:
    """Whether two texts say the same to a reader: spaces, case and typographic apostrophes aside."""
    return _plain(one) == _plain(other)


def state_of(text: str, edition: Edition, language: str) -> str | None:
    """The state whose words, in the page's language, one of the lines of *text* is; ``None`` if the edition knows none."""
    lines = {_plain(line) for line in [text, *text.splitlines()] if line.strip()}
    for state, status in edition.statuses.items():
        if any(_plain(known) in lines for known in edition.texts(status.texts, language)):
            return state
    return None


def _plain(text: str) -> str:
    return " ".join(text.replace("\u2019", "'").split()).rstrip(".:").casefold()
