"""
Which shop order a person means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.errors import BadInput
from flows.shopify.client import ShopifyClient
from flows.shopify.operations import FIND_ORDERS, READ_ORDER
from flows.shopify.replies import FoundOrder, OrderRead, OrdersFound, OrderState
from flows.shopify.scopes import refuse_if_blind

_GID = re.compile(r"gid://shopify/Order/[1-9]\d*")
_LEGACY_ID = re.compile(r"[1-9]\d{9,}")
"""Shopify's own order numbers are long; a shop that counts that far has other worries."""
_UNSAFE = re.compile(r"[\"\\\x00-\x1f]")
_LONGEST = 100
_SHOWN = 5
_WINDOW = "Orders older than 60 days can be seen only with the scope read_all_orders."


async def read_order(client: ShopifyClient, gid: str) -> OrderState:
    """
    The order with that gid, as it stands now.

    :raises BadInput: there is none.
    :raises SignInNeeded: the token cannot see enough of it to judge it.
    """
    order = await _order_or_none(client, gid)
    if order is None:
        raise gone(client, gid)
    return order


def gone(client: ShopifyClient, gid: str) -> BadInput:
    """What is said of an order that the shop does not have, or that the token may not see."""
    return BadInput(
        f"the shop {client.settings.domain} has no order {gid}",
        next=f"Check the number, and that it is this shop's. {_WINDOW}",
    )


async def find_order(client: ShopifyClient, typed: str) -> OrderState:
    """
    The one order that *typed* means: a gid, a legacy id, or a name with or without its ``#``.

    Names are compared here, letter by letter but for case: the shop's own search also finds names that only contain
    the number.

    :raises BadInput: none, or several; the message lists what came near.
    """
    wanted = typed.strip()
    if not wanted or len(wanted) > _LONGEST or _UNSAFE.search(wanted):
        raise BadInput(
            "that is no name of a shop order", next="Give it as the shop shows it, e.g. --shop-order '#1001'."
        )
    if wanted.startswith("gid:"):
        if not _GID.fullmatch(wanted):
            raise BadInput(
                f"{wanted} is no id of an order", next="An order's id looks like gid://shopify/Order/5600000001001."
            )
        return await read_order(client, wanted)
    by_id = await _order_or_none(client, f"gid://shopify/Order/{wanted}") if _LEGACY_ID.fullmatch(wanted) else None
    near = await search_orders(client, f'name:"{_bare(wanted)}"', wanted)
    same = {order.id: order for order in near if _bare(order.name) == _bare(wanted)}
    ids = set(same) | ({by_id.id} if by_id else set())
    if len(ids) == 1:
        return by_id or await read_order(client, ids.pop())
    if not ids:
        listed = f" It found {_listed(near)}." if near else ""
        raise BadInput(
            f"the shop {client.settings.domain} has no order called {wanted}.{listed}",
            next=f"Give the order's name exactly as the shop shows it. {_WINDOW}",
        )
    also = [f"{by_id.name} ({by_id.id})"] if by_id and by_id.id not in same else []
    raise BadInput(
        f"{wanted} means several orders of the shop {client.settings.domain}: {_listed(same.values(), also)}",
        next="Give the id of the one that is meant, e.g. --shop-order gid://shopify/Order/….",
    )


async def _order_or_none(client: ShopifyClient, gid: str) -> OrderState | None:
    answered = await client.read(READ_ORDER, {"id": gid}, OrderRead)
    order = answered.data.order
    if order is not None and order.cancelled_at is None:
        refuse_if_blind(answered.data.current_app_installation, order.name, client.settings)
    return order


async def search_orders(client: ShopifyClient, query: str, wanted: str) -> tuple[FoundOrder, ...]:
    """
    The orders that the shop's own search finds; whoever asks compares them.

    :param wanted: what is looked for, for messages.
    :raises BadInput: the shop did not understand the search, or finds too many.
    """
    answered = await client.read(FIND_ORDERS, {"query": query}, OrdersFound)
    if answered.warnings:
        words = "; ".join(warning.message for warning in answered.warnings)
        raise BadInput(
            f"the shop did not understand the search for {wanted} ({words}), so what it found proves nothing",
            next="Give the order's id instead, e.g. --shop-order gid://shopify/Order/….",
        )
    found = answered.data.orders
    if found.page_info.has_next_page:
        raise BadInput(
            f"too many orders of the shop {client.settings.domain} are found by {wanted}",
            next="Give the order's id instead, e.g. --shop-order gid://shopify/Order/….",
        )
    return found.nodes


def _bare(name: str) -> str:
    return name.strip().removeprefix("#").casefold()


def _listed(orders: Iterable[FoundOrder], also: Iterable[str] = ()) -> str:
    shown = [*(f"{order.name} of {order.created_at:%Y-%m-%d} ({order.id})" for order in orders), *also]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
