"""TinyMart as a portal: what the entry point leads to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from agent.errors import BadInput, CountermandError
from agent.model import OrderId, Reading, ReasonChoice, Submission
from agent.portal import Credentials, SupplierPortal, one_by_one
from agent.walk import Walk

from . import walks

_ORDER = re.compile(r"[0-9]{12}")


class TinyMart:
    """TinyMart knows its buyers by their address: there is no sign-in."""

    name: str = "tinymart"
    title: str = "TinyMart"
    editions: Path = Path(__file__).parent / "editions"

    def order_id(self, typed: str) -> OrderId:
        """An order number has 12 digits."""
        if not _ORDER.fullmatch(typed.strip()):
            raise BadInput(f"“{typed}” is no TinyMart order number", next="It has 12 digits.")
        return OrderId(typed.strip())

    async def sign_in(self, walk: Walk, credentials: Credentials) -> None:
        """Nothing is asked for."""
        await self.prove_signed_in(walk)

    async def prove_signed_in(self, walk: Walk) -> None:
        """My orders is there."""
        async with walk.step("see that My orders is there"):
            await walk.open("orders")

    async def newest_order(self, walk: Walk) -> OrderId | None:
        """The first order of My orders."""
        await self.prove_signed_in(walk)
        await walk.outcome("orders.found")
        numbers = (_ORDER.search(row) for row in await walk.rows("orders.row"))
        return next((OrderId(found.group()) for found in numbers if found), None)

    async def request_cancellation(self, walk: Walk, order: OrderId, reason: ReasonChoice) -> Submission:
        """See ``walks``."""
        return await walks.request_cancellation(walk, order, reason)

    async def read_decision(self, walk: Walk, order: OrderId) -> Reading:
        """See ``walks``."""
        return await walks.read_decision(walk, order)

    def read_decisions(
        self, walk: Walk, orders: Sequence[OrderId]
    ) -> AsyncIterator[tuple[OrderId, Reading | CountermandError]]:
        """One after the other; a list that tells which requests wait would need fewer pages."""
        return one_by_one(self, walk, orders)


PORTAL: Final[SupplierPortal] = TinyMart()
