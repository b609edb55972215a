"""
What is personal is replaced: every word that is not the portal's own, and every number, by a fake of the same shape.

Allow-list minded: the portal's own words are those that the edition knows. Within a recording the same word always becomes the same
fake, so that what belongs together still does; which word it was cannot be found out, as the key is thrown away.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import string
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import product
from urllib.parse import parse_qsl, urlencode, urlsplit

from agent.browser.edition import Edition, Words
from agent.browser.onlooker import BEFORE_COMMIT
from agent.browser.recognise import Hosts, host_name
from agent.browser.recording.capture import (
    ADDRESSES,
    NAMES,
    PLAIN,
    SHOWN,
    Document,
    Element,
    candidates_of,
    css_of,
    own_attributes,
)
from agent.model import Reason, Submission

ORDER_DIGITS = 10
"""Runs of digits that are at least as long are order numbers, as far as anybody can tell."""

_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_WORD = re.compile(r"[^\W\d_]+")
_VOWELS, _CONSONANTS = "aeiou", "bdfgklmnprstvz"
_STYLE = re.compile(r"[a-z0-9:;-]*")


class Scrubber:
    """
    Replaces what is personal, for one recording.

    :param hosts: the portal's own addresses; any other host is replaced, too.
    """

    def __init__(self, edition: Edition, hosts: Hosts) -> None:
        self.replaced: Counter[str] = Counter()
        """How often what was replaced or dropped, for people."""
        self._order_parameters = frozenset(edition.order_parameters)
        self._own_attributes = own_attributes(edition) - {*SHOWN, *NAMES, *ADDRESSES, *PLAIN}
        known = [*texts_of(edition), *our_own_words(edition)]
        self._words = frozenset(word.casefold() for text in known for word in _WORD.findall(text))
        self._hosts = hosts
        self._key = os.urandom(32)
        self._one_at_a_time = threading.Lock()
        self._fakes: dict[str, str] = {}
        self._used: set[str] = set()
        """No two words become the same one: names that elements refer to each other by stay apart."""

    def text(self, text: str) -> str:
        """*text* with fakes for every word that is not the portal's own, and for every number."""
        return _TOKEN.sub(lambda found: self._token(found.group()), text)

    def document(self, document: Document) -> Document:
        """*document* with nothing personal in it."""
        return Document(
            lang=document.lang if PLAIN["lang"].fullmatch(document.lang) else "",
            title=self.text(document.title),
            body=self._element(document.body),
        )

    def address(self, url: str) -> str:
        """*url* by host and path, with nothing else than order numbers in its query."""
        parts = urlsplit(url)
        if parts.scheme not in ("", "http", "https"):
            return f"{parts.scheme}:" if parts.scheme in ("about", "javascript", "data", "blob") else ""
        asked = parse_qsl(parts.query)
        kept = [(name, self.text(value)) for name, value in asked if name in self._order_parameters]
        self._count("parts of addresses", len(asked) - len(kept))
        query = f"?{urlencode(kept)}" if kept else ""
        return f"{self._origin(url)}{self.text(parts.path)}{query}"

    def _origin(self, url: str) -> str:
        name = host_name(url)
        if not name:
            return ""
        known = self._hosts.role_of(url) is not None
        return f"https://{name}" if known else f"https://{self.text(name.rpartition('.')[0]) or 'elsewhere'}.invalid"

    def _element(self, element: Element) -> Element:
        return Element(
            tag=element.tag,
            attributes=dict(self._attributes(element.attributes)),
            style=element.style if _STYLE.fullmatch(element.style) else "",
            is_marked=element.is_marked,
            shadow=None if element.shadow is None else self._children(element.shadow),
            frame=None if element.frame is None else self.document(element.frame),
            children=self._children(element.children),
        )

    def _children(self, children: list[Element | str]) -> list[Element | str]:
        return [self.text(child) if isinstance(child, str) else self._element(child) for child in children]

    def _attributes(self, attributes: dict[str, str]) -> Iterator[tuple[str, str]]:
        for name, value in attributes.items():
            if name in PLAIN:
                if PLAIN[name].fullmatch(value):
                    yield name, value
                else:
                    self._count("attributes", 1)
            elif name in ADDRESSES:
                yield name, self.address(value)
            elif name in SHOWN or name in NAMES or name in self._own_attributes:
                yield name, self.text(value)

    def _token(self, token: str) -> str:
        if token[0].isdigit():
            self._count("order numbers" if len(token) >= ORDER_DIGITS else "numbers", 1)
            return self._fake(token)
        if token.casefold() in self._words:
            return token
        self._count("words", 1)
        return self._fake(token)

    def _fake(self, token: str) -> str:
        fake = self._fakes.get(token)
        if fake is None:
            with self._one_at_a_time:
                fake = self._fakes.get(token) or self._made(token)
                self._fakes[token] = fake
        return fake

    def _made(self, token: str) -> str:
        """Never one of the portal's own words: a fake must not be taken for a state."""
        for turn in range(200):
            fake = _shaped_like(token, self._stream(token.casefold(), turn))
            if fake != token and fake.casefold() not in self._words and fake not in self._used:
                self._used.add(fake)
                return fake
        # There are only so many of one or two characters: whichever is left.
        alphabet = string.digits if token[0].isdigit() else string.ascii_lowercase
        spelled = ("".join(letters) for letters in product(alphabet, repeat=len(token)))
        fake = next((one for one in spelled if one not in self._used and one not in self._words), token)
        self._used.add(fake)
        return fake

    def _stream(self, token: str, turn: int) -> Iterator[int]:
        block = 0
        while True:
            yield from hmac.digest(self._key, f"{turn}.{block}.{token}".encode(), hashlib.sha256)
            block += 1

    def _count(self, what: str, number: int) -> None:
        if number:
            self.replaced[what] += number


def texts_of(edition: Edition) -> Iterator[str]:
    """Everything that *edition* knows the portal to write, on its pages and in their markup."""
    for candidate in candidates_of(edition):
        for words in (candidate.name, candidate.label, candidate.placeholder, candidate.text):
            yield from _all(words)
        yield candidate.test_id or ""
    for status in edition.statuses.values():
        yield from _all(status.texts)
    for reason in edition.reasons.values():
        yield from _all(reason.texts)
    for question in edition.questions.values():
        yield from _all(question.text)
    yield from css_of(edition)
    yield from (page.path or "" for page in edition.pages.values())
    yield from (challenge.path or "" for challenge in edition.challenges.values())
    yield from edition.order_parameters


def our_own_words(edition: Edition) -> Iterator[str]:
    """What we call states, reasons and results: a recording names them."""
    yield from edition.statuses
    yield from (entry.is_ or "" for table in edition.outcomes.values() for entry in table)
    yield from (*Reason, *Submission)
    yield BEFORE_COMMIT


def _all(words: Words | None) -> Iterator[str]:
    for texts in (words or {}).values():
        yield from texts


def _shaped_like(token: str, stream: Iterator[int]) -> str:
    """As long as *token*, digits for digits, capitals for capitals."""
    if token[0].isdigit():
        first = str(next(stream) % 9 + 1) if len(token) >= ORDER_DIGITS else str(next(stream) % 10)
        return first + "".join(str(next(stream) % 10) for _ in token[1:])
    letters = []
    for place, letter in enumerate(token):
        made = (_CONSONANTS, _VOWELS)[place % 2] if len(token) > 2 else string.ascii_lowercase
        one = made[next(stream) % len(made)]
        letters.append(one.upper() if letter.isupper() else one)
    return "".join(letters)
