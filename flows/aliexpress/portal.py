"""AliExpress as a portal: found through the entry point group ``countermand.portals``."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from agent.errors import BadInput, CountermandError
from agent.model import OrderId, Reading, ReasonChoice, Submission
from agent.portal import Credentials, SupplierPortal
from agent.walk import Walk
from flows.aliexpress import cancel, decision, orders, sign_in, sweep

_ORDER = re.compile(r"\d{15,19}")


class AliExpress:
    """AliExpress, for the merchant's own buyer accounts."""

    name: str = "aliexpress"
    title: str = "AliExpress"
    editions: Path = Path(__file__).parents[2] / "selectors" / "aliexpress"

    def order_id(self, typed: str) -> OrderId:
        """An order number has 16 digits in practice; 15 to 19 are taken. Spaces from copying are dropped."""
        number = re.sub(r"\s", "", typed)
        if not _ORDER.fullmatch(number) or not number.isascii():
            raise BadInput(
                f"“{typed}” is no AliExpress order number",
                next="Copy it from My Orders: it has 16 digits, e.g. 8190123456789012.",
            )
        return OrderId(number)

    async def sign_in(self, walk: Walk, credentials: Credentials) -> None:
        """See ``SupplierPortal.sign_in``."""
        await sign_in.sign_in(walk, credentials)

    async def prove_signed_in(self, walk: Walk) -> None:
        """See ``SupplierPortal.prove_signed_in``."""
        await sign_in.prove_signed_in(walk)

    async def newest_order(self, walk: Walk) -> OrderId | None:
        """See ``SupplierPortal.newest_order``."""
        return await orders.newest_order(walk)

    async def request_cancellation(self, walk: Walk, order: OrderId, reason: ReasonChoice) -> Submission:
        """See ``SupplierPortal.request_cancellation``."""
        return await cancel.request_cancellation(walk, order, reason)

    async def read_decision(self, walk: Walk, order: OrderId) -> Reading:
        """See ``SupplierPortal.read_decision``."""
        return await decision.read_decision(walk, order)

    def read_decisions(
        self, walk: Walk, orders: Sequence[OrderId]
    ) -> AsyncIterator[tuple[OrderId, Reading | CountermandError]]:
        """See ``SupplierPortal.read_decisions``."""
        return sweep.read_decisions(walk, orders)


PORTAL: Final[SupplierPortal] = AliExpress()
