"""
Flows, as the engine has them done: whoever looks on is told what was asked for and how it ended, so that a replay can ask the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from agent.browser.onlooker import Call
from agent.browser.walk import BrowserWalk
from agent.errors import CountermandError
from agent.model import OrderId, Reading, ReasonChoice, Submission
from agent.portal import SupplierPortal


async def request_cancellation(
    portal: SupplierPortal, walk: BrowserWalk, order: OrderId, reason: ReasonChoice, *, dry_run: bool = False
) -> Submission:
    """See ``SupplierPortal.request_cancellation``."""
    async with walk.call(Call(flow="request_cancellation", orders=(order,), reason=reason, dry_run=dry_run)) as ending:
        submission = await portal.request_cancellation(walk, order, reason)
        ending.result(submission.value)
        return submission


async def read_decision(portal: SupplierPortal, walk: BrowserWalk, order: OrderId) -> Reading:
    """See ``SupplierPortal.read_decision``."""
    async with walk.call(Call(flow="read_decision", orders=(order,))) as ending:
        reading = await portal.read_decision(walk, order)
        ending.said(order, reading)
        return reading


async def read_decisions(
    portal: SupplierPortal, walk: BrowserWalk, orders: Sequence[OrderId]
) -> AsyncIterator[tuple[OrderId, Reading | CountermandError]]:
    """See ``SupplierPortal.read_decisions``."""
    async with walk.call(Call(flow="read_decisions", orders=tuple(orders))) as ending:
        async for order, told in portal.read_decisions(walk, orders):
            ending.said(order, told)
            yield order, told


async def prove_signed_in(portal: SupplierPortal, walk: BrowserWalk) -> None:
    """See ``SupplierPortal.prove_signed_in``."""
    async with walk.call(Call(flow="prove_signed_in")):
        await portal.prove_signed_in(walk)


async def newest_order(portal: SupplierPortal, walk: BrowserWalk) -> OrderId | None:
    """See ``SupplierPortal.newest_order``."""
    async with walk.call(Call(flow="newest_order")) as ending:
        order = await portal.newest_order(walk)
        ending.result(order)
        return order


async def perform(portal: SupplierPortal, walk: BrowserWalk, call: Call) -> None:
    """
    Do again what *call* asked for.

    :raises ValueError: no flow is called so.
    """
    orders = [OrderId(order) for order in call.orders]
    match call.flow:
        case "request_cancellation" if call.reason is not None:
            await request_cancellation(portal, walk, orders[0], call.reason, dry_run=call.dry_run)
        case "read_decision":
            await read_decision(portal, walk, orders[0])
        case "read_decisions":
            async for _ in read_decisions(portal, walk, orders):
                pass
        case "prove_signed_in":
            await prove_signed_in(portal, walk)
        case "newest_order":
            await newest_order(portal, walk)
        case flow:
            raise ValueError(f"there is no flow {flow}")
