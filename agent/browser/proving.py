"""
Proving which order a page is about, by what the edition names for that page (design 4.4).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from playwright.async_api import Page as Tab

from agent.browser.edition import Edition, Proof
from agent.browser.finding import Finder
from agent.browser.reading import numbers_in, same_text
from agent.browser.tabs import Tabs
from agent.errors import UnknownPage
from agent.model import OrderId

_LOOK = "Look at the picture in the report before anything else."


@dataclass(frozen=True)
class Held:
    """The tab in which an order's details were proved, and its goods: what a page without a number is held against."""

    tab: Tab
    order: OrderId
    goods: list[str]


class Prover:
    """Reads order numbers from pages, and remembers where an order was proved."""

    def __init__(self, edition: Edition, finder: Finder, tabs: Tabs) -> None:
        self.edition = edition
        self._finder = finder
        self._tabs = tabs
        self._held: Held | None = None

    async def shows(self, order: OrderId) -> bool:
        """
        Whether the page at hand shows the number of *order*; ``False`` if it shows none.

        :raises UnknownPage: it shows another one.
        """
        shown, goods = await asyncio.gather(self._numbers(), self._goods())
        if shown == {order}:
            if goods is not None:
                self._held = Held(self._tabs.current, order, goods)
            return True
        if shown:
            others = ", ".join(sorted(shown - {order}))
            raise self._unknown(f"the page is about another order: it shows {others}, not {order}")
        return False

    async def holds(self, order: OrderId) -> Proof | None:
        """
        The proof by which a page without a number may be *held*: the same tab in which this order's details were proved,
        showing the same goods. Whether that suffices on this host is for a person to have confirmed.

        :returns: ``None`` if the edition knows no such proof, or the tab is another one.
        :raises UnknownPage: it shows other goods.
        """
        proof = next((proof for proof in self._proofs if proof.held), None)
        held = self._held
        if proof is None or proof.held is None or held is None or held.order != order or not held.goods:
            return None
        if held.tab is not self._tabs.current:
            return None
        goods = await self._finder.texts(proof.held[1])
        if len(goods) != len(held.goods) or not all(map(same_text, goods, held.goods)):
            raise self._unknown(f"the page shows other goods than order {order} has")
        return proof

    def none_shown(self, order: OrderId) -> UnknownPage:
        """The page does not say which order it is about."""
        return self._unknown(f"the page does not show the number of order {order}")

    @property
    def _proofs(self) -> list[Proof]:
        page = self._tabs.at.page
        return self.edition.pages[page].proof if page else []

    async def _numbers(self) -> set[str]:
        """Every number by which the page at hand says which order it is about."""
        return set[str]().union(*await asyncio.gather(*(self._numbers_by(proof) for proof in self._proofs)))

    async def _numbers_by(self, proof: Proof) -> set[str]:
        if proof.url is not None:
            return numbers_in(self._tabs.current.url, proof.url)
        if proof.text is not None:
            return numbers_in(await self._finder.text(proof.text))
        if proof.link is not None:
            found = await self._finder.all(proof.link)
            return numbers_in((await found.first.get_attribute("href")) or "" if await found.count() else "")
        return set()

    async def _goods(self) -> list[str] | None:
        """The goods on the page at hand, if pages without a number are held against it; ``None`` elsewhere."""
        pages = self.edition.pages.values()
        goods = next((proof.held[0] for page in pages for proof in page.proof if proof.held), None)
        if goods is None or goods.split(".")[0] != self._tabs.at.page:
            return None
        return await self._finder.texts(goods)

    def _unknown(self, what: str) -> UnknownPage:
        return UnknownPage(what, next=_LOOK, edition=self.edition.edition, page=self._tabs.at.page)
