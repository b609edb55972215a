"""``countermand link``: say which shop order a supplier order belongs to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.asked import Asked, wanted_orders
from agent.cli.context import Globals
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.engine.linking import Linked

_NOTED = {
    "written": " It is noted in the shop, too.",
    "already": " The shop has it noted already.",
    "off": "",
}


def link(
    context: typer.Context,
    supplier_order: Annotated[str, typer.Argument(metavar="SUPPLIER_ORDER", help="The number at the supplier.")],
    shop_order: Annotated[str, typer.Argument(metavar="SHOP_ORDER", help="The shop order, e.g. '#1001'.")],
    account: Annotated[str | None, typer.Option(help="The account the supplier order belongs to.")] = None,
    shop: Annotated[str | None, typer.Option(help="The shop of the shop order.")] = None,
) -> None:
    """Say which shop order a supplier order belongs to, so that cancel finds one by the other."""
    from agent.cli.person import TerminalPerson
    from agent.engine.linking import link
    from agent.engine.workshop import Manner

    state: Globals = context.obj
    (wanted,) = wanted_orders(state.settings, Asked(order=(supplier_order,), account=account))
    if not shop_order.strip():
        raise BadInput("the shop order is empty", next="Give its name, e.g. '#1001'.")
    name, _ = state.settings.shop(shop)
    workshop = state.workshop(Manner(), TerminalPerson(state.people))
    linked = asyncio.run(link(workshop, wanted, name, shop_order))
    _show(state, linked)


def _show(state: Globals, linked: Linked) -> None:
    link = linked.link
    if state.json:
        state.print_json(
            {
                "portal": link.wanted.portal,
                "account": link.wanted.account,
                "order_id": link.wanted.order_id,
                "shop": link.shop,
                "order": link.shop_order,
                "gid": link.gid,
                "linked_at": link.at,
                "was_linked": linked.was_linked,
                "noted_in_shop": linked.noted.value,
            }
        )
        return
    already = " already" if linked.was_linked else ""
    state.out.print(
        f"Supplier order {link.wanted.order_id} belongs to shop order {link.shop_order} of {link.shop}{already}."
        f"{_NOTED[linked.noted.value]}",
        markup=False,
    )
