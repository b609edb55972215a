"""
Saying which shop order a supplier order belongs to: noted in the ledger, and in the shop where its settings allow that.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.engine.deciding import OPERATOR
from agent.engine.links import Link, is_the_same
from agent.engine.records import Wanted
from agent.engine.workshop import Workshop
from agent.errors import BadInput, CountermandError
from agent.storefront import Noted


@dataclass(frozen=True)
class Linked:
    """What came of it."""

    link: Link
    was_linked: bool
    """The ledger knew it already."""
    noted: Noted
    """In the shop."""


async def link(workshop: Workshop, wanted: Wanted, shop_name: str, typed: str) -> Linked:
    """
    Note that *wanted* belongs to the shop order that a person means by *typed*. Safe to call again.

    :raises BadInput: the shop order is not exactly one, or *wanted* is linked to another and nobody said yes.
    :raises Retryable, SignInNeeded: the shop could not be read, or not be written to; the message says which.
    """
    async with workshop.shop(shop_name) as shop:
        order = await shop.find(typed)
        present = workshop.links.of_supplier_order(wanted)
        was_linked = present is not None and is_the_same(present, wanted, shop_name, order)
        if present is not None and not was_linked:
            await _agree_to_replace(workshop, present, f"{order.name} of shop {shop_name}, account {wanted.account}")
        made = workshop.links.link(wanted, shop_name, order, OPERATOR, instead_of=present)
        try:
            noted = await shop.note_number(order.gid, wanted.order_id)
        except CountermandError as error:
            error.done_so_far = f"The link of {wanted.order_id} to {order.name} is kept here all the same."
            raise
    return Linked(made, was_linked, noted)


async def _agree_to_replace(workshop: Workshop, present: Link, other: str) -> None:
    """A shop may have the old one noted, too; nobody's value is taken away there."""
    number = present.wanted.order_id
    now = (
        f"supplier order {number} is linked to {present.shop_order} of shop {present.shop}, account "
        f"{present.wanted.account}, since {present.at:%Y-%m-%d}"
    )
    if workshop.person.is_here and await workshop.person.agrees(f"{now}. Link it to {other} instead?"):
        return
    raise BadInput(
        f"{now}; it was not linked to {other}",
        next="Give the command again at a terminal and say yes, if that is wrong.",
    )
