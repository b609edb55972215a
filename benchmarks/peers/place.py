"""
Where every peer works: one mock portal, one account, one browser program.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from agent.browser.launch import find_browser
from agent.settings import BrowserSettings
from benchmarks.pretend import Pretend
from fixtures.aliexpress.seed import MAIN, PASSWORD

REASON = "I don't need this order anymore"
"""In the portal's words; all peers choose it."""
WIDTH, HEIGHT = BrowserSettings().width, BrowserSettings().height

Withdraw = Callable[[str], Awaitable[None]]
"""Withdraws one order. It returns when everything is done that belongs to it, evidence too."""

_FIRST = 8300_0000_0000_4512
_APART = 10**6
_OLD = timedelta(days=60)


class NotSubmitted(RuntimeError):
    """A peer that does not submit once is wrong, and its time is worth nothing."""


@dataclass(frozen=True)
class Place:
    """A mock portal with an account."""

    sites: Pretend
    user: str = MAIN
    password: str = PASSWORD
    account: str = "main"
    """What the settings call it."""
    _numbers: count[int] = field(default_factory=count)

    @property
    def www(self) -> str:
        """The portal's address."""
        return self.sites.places["portal"].rstrip("/")

    @property
    def my_orders(self) -> str:
        """The page that every walk begins with."""
        return f"{self.www}/p/order/index.html"

    @property
    def browser(self) -> Path | None:
        """The program that all peers start; ``None``: Playwright's own."""
        return find_browser(BrowserSettings())

    def order(self) -> str:
        """A further order that can be withdrawn; old enough that it has to be searched for."""
        number = str(_FIRST + next(self._numbers) * _APART)
        placed = (datetime.now(UTC) - _OLD).isoformat()
        self.sites.control("/orders", {"number": number, "account": self.user, "seller": "silent", "placed_at": placed})
        return number

    def check(self, peer: str, order: str) -> None:
        """
        By the portal's own record, whatever the peer believes.

        :raises NotSubmitted: it did not receive exactly one request.
        """
        times = sum(line["order"] == order for line in self.sites.record("portal"))
        if times != 1:
            raise NotSubmitted(f"{peer} submitted order {order} {times} times")


@dataclass(frozen=True)
class Peer:
    """One way to withdraw orders."""

    name: str
    what: str
    """For people."""
    open: Callable[[Place], AbstractAsyncContextManager[Withdraw]]
    """Starts whatever is started once, and ends it."""
    why_not: Callable[[], str | None] = lambda: None
    """Why it cannot be used here; ``None``: it can."""
    is_optional: bool = False
    """Whether the others are measured without it where it does not start."""
