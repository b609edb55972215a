"""
Reading the supplier's answers to many requests in one session, by as few page loads as it takes.

My Orders shows ten orders, and more when asked. Where it says of an order that the request still waits, that is the answer; about
everything else its details are read, for a card tells neither a shipment nor a seller's no. An order that the list does not show
soon is searched for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence

from agent.errors import CountermandError, OrderNotFound, UnknownPage
from agent.model import Answer, OrderId, Reading
from agent.walk import Card, Walk
from flows.aliexpress.decision import read_decision, read_details
from flows.aliexpress.orders import find, list_shown, number_in, open_details

Told = tuple[OrderId, Reading | CountermandError]


async def read_decisions(walk: Walk, orders: Sequence[OrderId]) -> AsyncIterator[Told]:
    """See ``SupplierPortal.read_decisions``."""
    if len(orders) == 1:
        yield orders[0], await _or_what_is_wrong(read_decision(walk, orders[0]))
        return
    async with walk.step("open My Orders"):
        await walk.open("orders")
        shown = await list_shown(walk)
    listed: dict[OrderId, Card] = {}
    if shown == "listed":
        async with walk.step("read the orders in the list"):
            listed = await _read_list(walk, orders)
    left = []
    for order in orders:
        if order in listed and _waits(listed[order]):
            yield order, _reading(walk, listed[order])
        else:
            left.append(order)
    async for told in _read_each(walk, sorted(left, key=lambda order: order not in listed), listed):
        yield told


async def _read_list(walk: Walk, orders: Sequence[OrderId]) -> dict[OrderId, Card]:
    """The cards of *orders*, as far as paging to them pays."""
    wanted, found, pages, rows = set(orders), dict[OrderId, Card](), 0, 0
    while True:
        cards = await walk.cards("orders.row", "orders.status", after=rows)
        pages, rows = pages + 1, rows + len(cards)
        found |= {number: card for number, card in _by_number(cards).items() if number in wanted}
        if not _pays(pages, len(found), len(wanted) - len(found)) or await walk.outcome("orders.rest") != "more":
            return found
        await walk.click("orders.more")


def _by_number(cards: Sequence[Card]) -> dict[OrderId, Card]:
    return {number: card for card in cards if (number := number_in(card.text)) is not None}


def _pays(pages: int, found: int, left: int) -> bool:
    """
    Whether to ask for a further page of the list: as long as the pages have not cost more than searching for what they showed
    would have, but for a tenth of what is left. So it is never much dearer than searching, and far cheaper where orders lie together.
    """
    return left > 0 and pages - found <= left // 10


async def _read_each(walk: Walk, orders: Sequence[OrderId], listed: dict[OrderId, Card]) -> AsyncIterator[Told]:
    """Each of *orders*: its details, from its card while the whole list is there, else what a search for it shows."""
    list_is_whole, at_list = True, True
    for order in orders:
        if not at_list:
            async with walk.step("back to My Orders"):
                list_is_whole &= await walk.back("orders")
                await list_shown(walk)
        list_is_whole &= order in listed
        at_list = True
        try:
            card = None if list_is_whole else await _search(walk, order)
        except OrderNotFound as error:
            at_list = False  # a list that says "none" could be taken for the next search's answer
            yield order, error
            continue
        if card is not None and _waits(card):
            yield order, _reading(walk, card)
        else:
            at_list = False
            yield order, await _or_what_is_wrong(_details(walk, order))


async def _search(walk: Walk, order: OrderId) -> Card | None:
    """The order's card."""
    await find(walk, order)
    async with walk.step("read its card"):
        return _by_number(await walk.cards("orders.row", "orders.status")).get(order)


async def _details(walk: Walk, order: OrderId) -> Reading:
    return await read_details(walk, await open_details(walk, order))


async def _or_what_is_wrong(reading: Awaitable[Reading]) -> Reading | CountermandError:
    """What is wrong with one order alone."""
    try:
        return await reading
    except (OrderNotFound, UnknownPage) as error:
        return error


def _waits(card: Card) -> bool:
    """The card says all there is to say."""
    return card.state == "cancel_requested"


def _reading(walk: Walk, card: Card) -> Reading:
    return Reading(
        answer=Answer.WAITING,
        state="cancel_requested",
        text=card.words,
        clear=walk.trusts("cancel_requested", "seller_refused", "placed"),
    )
