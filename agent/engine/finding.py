"""
Both ways between shop orders and supplier orders: which numbers a shop order names, and which shop order a number belongs to.

What a person or a system wrote down to say just this (``link``, mapping file, metafield) is taken without a question. What
was found in a text (note, custom attribute, tag) may mean something else: only a person's yes turns it into a request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from agent.engine.mapping import Row, read_mapping
from agent.engine.records import Wanted
from agent.engine.workshop import Workshop
from agent.errors import BadInput
from agent.model import OrderId
from agent.portal import portal_named
from agent.storefront import Shop, ShopOrder, Source

_TYPE_NUMBERS = (
    "Give the numbers: countermand cancel NUMBER… --shop-order '#1001' …, with the other options as they are."
)
_TYPE_SHOP_ORDER = "Name the shop order: add --shop-order '#1001'."


@dataclass(frozen=True)
class Named:
    """A supplier order that a shop order names."""

    portal: str
    number: OrderId
    source: Source
    account: str | None = None
    """Where the source says so."""


@dataclass(frozen=True)
class _Naming:
    """A shop order that belongs to a supplier order, says *source*."""

    gid: str
    name: str
    source: Source


async def named_by(
    workshop: Workshop, shop_name: str, shop: Shop, order: ShopOrder, portals: Collection[str]
) -> list[Named]:
    """
    Every supplier order that *order* names, once for each source that does, the most trusted source first.

    :param portals: whose numbers are looked for in texts; each portal says what is a number of its own.
    :raises BadInput: the mapping file cannot be used.
    """
    found = [
        Named(link.wanted.portal, link.wanted.order_id, Source.LINK, link.wanted.account)
        for link in workshop.links.of_shop_order(shop_name, order.gid)
    ]
    for row in read_mapping(workshop.settings, shop_name):
        if await _means(shop, row, order):
            found.append(Named(row.wanted.portal, row.wanted.order_id, Source.FILE, row.wanted.account))
    for one in await shop.supplier_numbers(order.gid):
        for portal in portals:
            number = _number_of(portal, one.number)
            if number is not None:
                found.append(Named(portal, number, one.source))
    ranks = list(Source)
    return sorted(dict.fromkeys(found), key=lambda one: ranks.index(one.source))


async def find_supplier_orders(
    workshop: Workshop, shop_name: str, typed: str, account: str | None
) -> tuple[ShopOrder, tuple[Wanted, ...]]:
    """
    The shop order that a person means by *typed*, and the supplier orders behind it: shown, and agreed to.

    A cancellation that has the shop order already is gone on with, without a question.

    :param account: the account given with the command.
    :raises BadInput: none is named, the sources disagree, or nobody said yes; the message lists what was found.
    """
    async with workshop.shop(shop_name) as shop:
        order = await shop.find(typed)
        present = workshop.ledger.holding_shop_order(shop_name, order.gid)
        if present is not None:
            return order, tuple(Wanted(one.portal, one.account, one.order_id) for one in present.orders)
        default, settings = workshop.settings.account(account)
        named = await named_by(workshop, shop_name, shop, order, [settings.portal])
    if not named:
        raise BadInput(
            f"no source names a supplier order behind shop order {order.name}: no link, mapping file, metafield, note, custom attribute or tag",
            next=f"{_TYPE_NUMBERS} Or say it once: countermand link NUMBER '{order.name}'.",
        )
    listed = _listed((one.source, one.number) for one in named)
    chosen = _chosen(named)
    if chosen is None:
        raise BadInput(
            f"it is not clear which supplier orders are behind shop order {order.name}: {listed}", next=_TYPE_NUMBERS
        )
    wanted = tuple(_wanted(one, default, account) for one in chosen)
    numbers = ", ".join(one.order_id for one in wanted)
    if workshop.person.is_here:
        if not await workshop.person.agrees(f"Behind shop order {order.name}: {listed}. Withdraw {numbers}?"):
            raise BadInput(f"nobody said yes to withdrawing {numbers} for shop order {order.name}", next=_TYPE_NUMBERS)
    elif not chosen[0].source.is_certain:
        raise BadInput(
            f"what shop order {order.name} names was only found in texts, and nobody is at a terminal to say yes: {listed}",
            next=f"{_TYPE_NUMBERS} Or say it once: countermand link NUMBER '{order.name}'.",
        )
    else:
        workshop.person.says(f"behind shop order {order.name}: {listed}")
    return order, wanted


async def find_shop_order(workshop: Workshop, shop_name: str, wanted: Sequence[Wanted]) -> str:
    """
    The gid of the one shop order that all of *wanted* belong to: shown, and agreed to.

    :raises BadInput: none is named, the sources disagree, or nobody said yes; the message lists what was found.
    """
    found: dict[Wanted, list[_Naming]] = {}
    is_known = True  # they were asked for with that shop order before
    async with workshop.shop(shop_name) as shop:
        for one in wanted:
            present = workshop.ledger.holding([one]).get(one)
            if present is not None and present.choices.shop == shop_name and present.choices.shop_gid is not None:
                found[one] = [_Naming(present.choices.shop_gid, present.choices.shop_order or "", Source.LINK)]
                continue
            is_known = False
            found[one] = await _naming(workshop, shop_name, shop, one)
    for one, orders in found.items():
        if not orders:
            raise BadInput(
                f"no source says which order of shop {shop_name} supplier order {one.order_id} belongs to: no link, mapping file, metafield or tag",
                next=f"{_TYPE_SHOP_ORDER} Or say it once: countermand link {one.order_id} '#1001'.",
            )
    everything = [order for orders in found.values() for order in orders]
    listed = "; ".join(
        f"{one.order_id}: {_listed((o.source, o.name) for o in orders)}" for one, orders in found.items()
    )
    if len({order.gid for order in everything}) > 1:
        raise BadInput(f"it is not clear which shop order is meant: {listed}", next=_TYPE_SHOP_ORDER)
    certain = all(any(order.source.is_certain for order in orders) for orders in found.values())
    first = everything[0]
    if is_known:
        return first.gid
    if workshop.person.is_here:
        if not await workshop.person.agrees(f"{listed}. Is shop order {first.name} the one to cancel?"):
            raise BadInput(f"nobody said yes to shop order {first.name}", next=_TYPE_SHOP_ORDER)
    elif not certain:
        raise BadInput(
            f"the shop order was only found by a tag, and nobody is at a terminal to say yes: {listed}",
            next=_TYPE_SHOP_ORDER,
        )
    else:
        workshop.person.says(f"the shop order: {listed}")
    return first.gid


async def _naming(workshop: Workshop, shop_name: str, shop: Shop, wanted: Wanted) -> list[_Naming]:
    found: list[_Naming] = []
    link = workshop.links.of_supplier_order(wanted)
    if link is not None and link.shop != shop_name:
        raise BadInput(
            f"supplier order {wanted.order_id} is linked to {link.shop_order} of shop {link.shop}, not of {shop_name}",
            next=f"Give --shop {link.shop}, or link it anew.",
        )
    if link is not None:
        found.append(_Naming(link.gid, link.shop_order, Source.LINK))
    for row in read_mapping(workshop.settings, shop_name):
        if row.wanted.claim == wanted.claim:
            order = await shop.find(row.shop_order)
            found.append(_Naming(order.gid, order.name, Source.FILE))
    for one in await shop.orders_naming(wanted.order_id):
        found.append(_Naming(one.gid, one.name, one.source))
    return list(dict.fromkeys(found))


async def _means(shop: Shop, row: Row, order: ShopOrder) -> bool:
    """A name in the file counts only if the shop has one order of that name."""
    if not row.may_mean(order):
        return False
    return row.names_id_of(order) or (await shop.find(row.shop_order)).gid == order.gid


def _chosen(named: Sequence[Named]) -> list[Named] | None:
    """
    What the most trusted source names, if no other source names anything beside it; ``None``: they disagree.

    Texts are of one trust: the one that names most is taken.
    """
    by_source: dict[Source, list[Named]] = {}
    for one in named:
        by_source.setdefault(one.source, []).append(one)
    certain = [found for source, found in by_source.items() if source.is_certain]
    chosen = certain[0] if certain else max(by_source.values(), key=len)
    numbers = {(one.portal, one.number) for one in chosen}
    return chosen if all((one.portal, one.number) in numbers for one in named) else None


def _wanted(one: Named, default: str, given: str | None) -> Wanted:
    if given is not None and one.account not in (None, given):
        raise BadInput(
            f"supplier order {one.number} belongs to account {one.account} ({one.source}), not to {given}",
            next=f"Leave out --account, or give --account {one.account}.",
        )
    return Wanted(one.portal, one.account or default, one.number)


def _number_of(portal: str, text: str) -> OrderId | None:
    try:
        return portal_named(portal).order_id(text)
    except BadInput:
        return None


def _listed(found: Iterable[tuple[Source, str]]) -> str:
    """What each source names, e.g. ``the link names 8190…; the note names 8190…, 8191…``."""
    by_source: dict[Source, list[str]] = {}
    for source, what in found:
        by_source.setdefault(source, []).append(what)
    return "; ".join(f"the {source} names {', '.join(dict.fromkeys(names))}" for source, names in by_source.items())
