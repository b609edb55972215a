"""What a command leaves out and the shop knows: the supplier orders behind a shop order, or the shop order of a supplier order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.cli.asked import Asked, check_shop_order, chosen_reason, requests_for, shop_answers, wanted_orders

if TYPE_CHECKING:
    from agent.engine.asking import Request
    from agent.engine.workshop import Workshop
    from agent.settings import Settings


def is_incomplete(asked: Asked) -> bool:
    """A shop order without supplier orders, or supplier orders with a shop and no shop order."""
    return (not asked.order) if asked.shop_order is not None else asked.shop is not None


def check_before_finding(settings: Settings, asked: Asked) -> None:
    """
    What is wrong with the command is said before anybody is asked anything.

    :raises BadInput: something is missing, unknown or malformed.
    """
    check_shop_order(asked)
    chosen_reason(asked.reason, asked.reason_text)
    if asked.account is not None or asked.order:
        wanted_orders(settings, asked)
    shop_answers(settings, asked)


async def find_and_request(workshop: Workshop, asked: Asked, *, queued: bool) -> list[Request]:
    """
    The requests that *asked* makes, once what it leaves out was found and agreed to.

    :raises BadInput: it is not clear what is meant; the message lists what was found.
    :raises Retryable, SignInNeeded: the shop could not be read; nothing was claimed.
    """
    from agent.engine.finding import find_shop_order, find_supplier_orders

    settings = workshop.settings
    shop, _ = shop_answers(settings, asked)
    if asked.shop_order is None:
        gid = await find_shop_order(workshop, shop, wanted_orders(settings, asked))
        return requests_for(settings, asked.model_copy(update={"shop_order": gid}), queued=queued)
    order, wanted = await find_supplier_orders(workshop, shop, asked.shop_order, asked.account)
    return requests_for(settings, asked.model_copy(update={"shop_order": order.gid}), found=wanted, queued=queued)
