"""
Which known page is this? Everything is looked for at once; the expected pages come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from playwright.async_api import Page as Tab

from agent.browser.edition import Candidate, Edition, Page
from agent.browser.glance import Glance, glance

IDENTITY = "identity"
"""The role of hosts that are used during sign-in only."""


class Hosts:
    """The portal's addresses by role: the edition's, or those of the settings."""

    def __init__(self, edition: Edition, configured: dict[str, str | list[str]]) -> None:
        self._bases = {role: [f"https://{name}" for name in names] for role, names in edition.hosts.items()}
        for role, addresses in configured.items():
            self._bases[role] = [
                address.rstrip("/") for address in ([addresses] if isinstance(addresses, str) else addresses)
            ]

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role that a host has."""
        return tuple(self._bases)

    def address(self, page: Page) -> str:
        """Where *page* is opened: at the first host of its role."""
        return f"{self._bases[page.host][0]}{page.path or '/'}"

    def is_at(self, page: Page, url: str) -> bool:
        """Whether *url* is an address of *page*."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        return origin in self._bases.get(page.host, []) and page.path in (None, parts.path)

    def role_of(self, url: str) -> str | None:
        """The role of the host that *url* lies on; ``None`` if it is none of the portal's."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        return next((role for role, bases in self._bases.items() if origin in bases), None)

    def names(self, roles: Iterable[str]) -> list[str]:
        """The host names, without ports, of these roles."""
        return list(dict.fromkeys(host_name(base) for role in roles for base in self._bases.get(role, [])))

    def is_ours(self, url: str) -> bool:
        """Whether *url* lies on a host of this portal. Identity hosts are somebody else's."""
        return self.role_of(url) not in (None, IDENTITY)

    def is_identity(self, url: str) -> bool:
        """Whether *url* lies on a host where people prove who they are, for the portal."""
        return self.role_of(url) == IDENTITY


def host_name(url: str) -> str:
    """The host name of *url*, without port: what confirmations are bound to."""
    return urlsplit(url).hostname or ""


@dataclass(frozen=True)
class Sighting:
    """What a tab shows: a page by name (a layout's name where it has several), or a challenge."""

    page: str | None = None
    layout: str | None = None
    means: str = "page"
    challenge: str = ""
    """What a person has to do, as a phrase."""
    is_check_page: bool = False
    """The challenge is a page of its own: nothing of the portal's lies below it."""
    language: str = ""
    """The page's, e.g. ``en``."""

    def is_challenge_beside(self, expected: Sequence[str]) -> bool:
        """Whether a check stands in the way; one that is expected, as the code page of a sign-in, is a page like any other."""
        return self.means == "challenge" and self.page not in expected


NOTHING_KNOWN = Sighting()


class Recogniser:
    """Tells the pages of an edition apart."""

    def __init__(self, edition: Edition, hosts: Hosts) -> None:
        self.edition = edition
        self._hosts = hosts
        self._spoken: WeakKeyDictionary[Tab, str] = WeakKeyDictionary()
        """The language of each tab when it was looked at last."""

    async def look(self, tab: Tab, expected: Sequence[str]) -> Sighting:
        """What *tab* shows now. A challenge wins over everything, then an error; then the expected pages, then the others."""
        sighting, _ = await self.look_also(tab, expected, ())
        return sighting

    async def look_also(
        self, tab: Tab, expected: Sequence[str], others: Sequence[Sequence[Candidate]]
    ) -> tuple[Sighting, list[bool]]:
        """
        The same, and what else shows, in one question.

        :param others: each is one thing, by its candidates.
        :returns: what *tab* shows, and for each of *others* whether any of it does.
        """
        url = tab.url
        here = [
            name
            for name in self._ordered(expected)
            if self._hosts.is_at(self.edition.pages[name], url) and self.edition.pages[name].marks
        ]
        path = urlsplit(url).path
        groups: list[list[Candidate]] = [
            [spec.see] if spec.see is not None else [] for spec in self.edition.challenges.values()
        ]
        for name in here:
            groups += [self.edition.pages[name].marks, self.edition.pages[name].busy]
        seen = await glance(tab, [*groups, *others], self.edition, self._spoken.get(tab))
        self._spoken[tab] = seen.language
        return self._told(here, path, seen), seen.shown[len(groups) :]

    def _told(self, here: Sequence[str], path: str, seen: Glance) -> Sighting:
        """
        What was *seen* means.

        :param here: the pages that were looked for, the expected ones first.
        :param path: of the tab's address.
        """
        challenges, language = list(self.edition.challenges.values()), seen.language
        for challenge, shown in zip(challenges, seen.shown, strict=False):
            # A check is told by its address before anything is drawn, or by a mark on or over the page.
            own = challenge.path is not None and path.startswith(challenge.path)
            if shown or own:
                return Sighting(means="challenge", challenge=challenge.what, is_check_page=own, language=language)
        pairs = seen.shown[len(challenges) :]
        for position, name in enumerate(here):
            marked, busy = pairs[2 * position], pairs[2 * position + 1]
            if marked and not busy:
                page = self.edition.pages[name]
                layout = name if page.layout_of else None
                return Sighting(page.layout_of or name, layout, page.means, page.what or "", language=language)
        return Sighting(language=language)

    def sought(self, expected: Sequence[str], shown: str | None) -> list[tuple[list[Candidate], list[Candidate]]]:
        """
        Whatever may tell that there is something to look at: marks of the pages in *expected*, and what can stand in their way.

        :param shown: the page that is in the tab already; its marks tell nothing unless it is expected.
        :returns: each with what must not be there beside it.
        """
        checks = [challenge.see for challenge in self.edition.challenges.values() if challenge.see is not None]
        found: list[tuple[list[Candidate], list[Candidate]]] = [(checks, [])]
        for name, page in self.edition.pages.items():
            is_shown = shown is not None and shown in (name, page.layout_of)
            if self._is_wanted(name, expected) or (page.means != "page" and not is_shown):
                found.append((page.marks, page.busy))
        return found

    def _is_wanted(self, name: str, expected: Sequence[str]) -> bool:
        return name in expected or self.edition.pages[name].layout_of in expected

    def _ordered(self, expected: Sequence[str]) -> list[str]:
        """The portal's own error comes first: it is shown in the frame of the page that was wanted."""

        def rank(name: str) -> int:
            if self.edition.pages[name].means == "unavailable":
                return 0
            return 1 if self._is_wanted(name, expected) else 2

        return sorted(self.edition.pages, key=rank)
