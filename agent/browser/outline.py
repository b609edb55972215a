"""
The outline of a page, as somebody who listens to it would hear it: Playwright's aria snapshot, without what is private.

It is read as the YAML it is and written anew: form values go, whatever an edition marks as private goes, and numbers go, since a page
that an edition does not know has its private parts elsewhere. The numbers of the orders at hand stay.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from agent.redact import HIDDEN, redactor

_LINES = 300
_LINE = 200
_WITH_VALUES = ("textbox", "searchbox", "combobox", "spinbutton", "slider", "option")
"""Roles that hold what somebody typed or chose."""
_ADDRESS = re.compile(r"https?://[^\s\"'<>)]+")
_LONG = re.compile(r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{20,}")
"""What could be a token: long, with letters and digits."""
_NUMBER = re.compile(r"\+?\(?\d(?:[ ()./-]?\d){5,}")
"""Phones, and numbers of other orders."""
_LONG_NUMBER = re.compile(r"\d{9,}")
_CARD = re.compile(r"[*•·xX]{2,}[ \-]*\d{2,4}")
_SHORTEST = 3
"""Shorter private texts would blot out ordinary words: they are hidden where they stand alone."""


class Blot:
    """
    Takes out of a text of a page what evidence must not hold.

    :param private: texts that the page shows in its private parts.
    :param orders: the orders at hand, whose numbers stay.
    :param keep: the query parameters that addresses keep.
    """

    def __init__(
        self, private: Iterable[str], orders: Collection[str] = (), keep: frozenset[str] = frozenset()
    ) -> None:
        texts = {" ".join(text.split()) for text in private}
        self._private = sorted((text for text in texts if text), key=len, reverse=True)
        self._orders = orders
        self._keep = keep

    def __call__(self, text: str) -> str:
        """*text* on one line, without it."""
        text = " ".join(text.split())
        for hidden in self._private:
            if len(hidden) >= _SHORTEST:
                text = re.sub(re.escape(hidden), HIDDEN, text, flags=re.IGNORECASE)
            elif text == hidden:
                return HIDDEN
        text = _ADDRESS.sub(lambda found: redactor.clean_url(found[0], self._keep), text)
        for pattern in (_LONG, _CARD, _NUMBER):
            text = pattern.sub(self._unless_ours, text)
        return redactor.clean(text)

    def address(self, url: str) -> str:
        """An address, which may be relative."""
        text = redactor.clean_url(url, self._keep)
        for pattern in (_LONG, _LONG_NUMBER):
            text = pattern.sub(self._unless_ours, text)
        return text

    def _unless_ours(self, found: re.Match[str]) -> str:
        return found[0] if any(order in found[0] for order in self._orders) else HIDDEN


def outline(snapshot: str, blot: Blot) -> str | None:
    """
    The outline of a page, cut off where it gets long.

    :param snapshot: as ``aria_snapshot()`` gives it.
    :returns: ``None`` if it cannot be read: then nothing says what in it is private.
    """
    try:
        tree = YAML(typ="safe", pure=True).load(snapshot)
    except (YAMLError, ValueError):
        return None
    lines: list[str] = []
    for line in _lines(tree, 0, blot):
        if len(lines) == _LINES:
            lines.append("…")
            break
        lines.append(line if len(line) <= _LINE else f"{line[:_LINE]}…")
    return "\n".join(lines)


def _lines(node: object, depth: int, blot: Blot) -> Iterator[str]:
    """Each thing on the page on a line, what it holds below it."""
    indent = "  " * depth
    if isinstance(node, list):
        for one in node:
            yield from _lines(one, depth, blot)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _entry(str(key), value, depth, blot)
    elif node is not None:
        yield f"{indent}- {blot(str(node))}"


def _entry(what: str, value: object, depth: int, blot: Blot) -> Iterator[str]:
    name = f"{'  ' * depth}- {blot(what)}"
    if what == "/url":
        yield f"{name}: {blot.address(str(value))}"
    elif what.startswith("/"):
        yield f"{name}: {blot(str(value))}"
    elif isinstance(value, list | dict):
        yield f"{name}:"
        yield from _lines(value, depth + 1, blot)
    elif what.split(" ", 1)[0] in _WITH_VALUES:
        yield f"{name}: {HIDDEN}"
    else:
        yield f"{name}: {blot(str(value))}"
