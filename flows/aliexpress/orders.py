"""Finding one order in My Orders, and reading what it says about itself."""

from __future__ import annotations

import re

from agent.errors import OrderNotFound, UnknownPage
from agent.model import OrderId
from agent.walk import Walk


async def open_order(walk: Walk, order: OrderId) -> str:
    """
    My Orders → the order → its details, as a customer goes.

    :returns: the state its details show, as the edition names it.
    :raises OrderNotFound: the account has no order of that number.
    """
    async with walk.step("open My Orders"):
        await walk.open("orders")
        await list_shown(walk)
    await find(walk, order)
    return await open_details(walk, order)


async def list_shown(walk: Walk) -> str:
    """Wait until My Orders lists orders (``listed``) or says that there are none (``empty``)."""
    shown = await walk.outcome("orders.list")
    if shown == "not_listed_yet":  # now and then the list stays bare until asked for more
        await walk.click("orders.more")
        shown = await walk.outcome("orders.list_after_more")
    return shown


async def find(walk: Walk, order: OrderId) -> None:
    """
    Search My Orders for *order*.

    :raises OrderNotFound: the account has no order of that number.
    """
    async with walk.step("find the order"):
        await walk.fill("orders.search", order)
        await walk.click("orders.search_go")
        found = await walk.outcome("orders.found", row=order)
        if found == "not_listed_yet":
            await walk.click("orders.more")
            found = await walk.outcome("orders.found_after_more", row=order)
        if found != "found":
            raise _not_found(order)


async def open_details(walk: Walk, order: OrderId) -> str:
    """
    From its row in the list to its details.

    :returns: the state they show, as the edition names it.
    :raises OrderNotFound: there are none after all.
    """
    async with walk.step("open its details"):
        await walk.click("orders.details_link", row=order)
        state = await walk.outcome("details.state")
        if state == "not_found":
            raise _not_found(order)
        await walk.prove(order)
        return state


async def newest_order(walk: Walk) -> OrderId | None:
    """
    The number of the order that My Orders shows first; ``None`` if it says that there is none.

    :raises UnknownPage: it lists orders, and none of them shows a number.
    """
    async with walk.step("open My Orders"):
        await walk.open("orders")
        if await list_shown(walk) == "empty":
            return None
        number = next((found for card in await walk.rows("orders.row") if (found := number_in(card))), None)
        if number is None:
            raise UnknownPage("the orders in My Orders show no number", target="orders.row", page="orders")
        return number


def number_in(card: str) -> OrderId | None:
    """The number in an order's card: its first long run of digits, whatever label stands before it (labels changed in mid-2026)."""
    found = re.search(r"(?<!\d)\d{15,19}(?!\d)", card)
    return OrderId(found.group()) if found else None


def _not_found(order: OrderId) -> OrderNotFound:
    return OrderNotFound(
        f"this account has no order {order} at AliExpress",
        next="Check the number, and that it was ordered with this account.",
        order=order,
    )
