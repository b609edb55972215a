"""
The other supplier orders behind a shop order: who is paid back for all of it must not still get a part of it sent.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from agent.engine.finding import Named, named_by
from agent.engine.records import Cancellation
from agent.engine.workshop import Workshop
from agent.errors import MoreOrdersBehind
from agent.model import ReasonChoice, Settle
from agent.storefront import Shop, ShopOrder


async def read_siblings(workshop: Workshop, cancellation: Cancellation, shop: Shop, order: ShopOrder) -> list[Named]:
    """What the shop order names, by every source; nothing is read where a person said that it does not matter."""
    choices = cancellation.choices
    if choices.only_these or choices.shop is None:
        return []
    portals = dict.fromkeys(one.portal for one in cancellation.orders)
    return await named_by(workshop, choices.shop, shop, order, list(portals))


def check_siblings(workshop: Workshop, cancellation: Cancellation, named: Sequence[Named]) -> None:
    """
    Stop before anything is submitted, if the shop order names supplier orders that nobody asked for; or if it names none
    at all, nobody was there who could have been asked, and the shop's policy does not trust that.

    :raises MoreOrdersBehind: a person must say which supplier orders are meant.
    """
    choices = cancellation.choices
    if choices.only_these or choices.shop is None:
        return
    ours = {(one.portal, one.order_id) for one in cancellation.orders}
    more = [one for one in named if (one.portal, one.number) not in ours]
    if more:
        numbers = list(dict.fromkeys(one.number for one in more))
        sources = ", ".join(dict.fromkeys(one.source.value for one in more))
        all_of_them = ", then ".join(_with(cancellation, more))
        raise MoreOrdersBehind(
            f"shop order {choices.shop_order} names further supplier orders that nobody asked for: {', '.join(numbers)} ({sources})",
            next=f"Withdraw them too: {all_of_them}. Or leave them be: {_only_these(cancellation)}.",
        )
    _, shop = workshop.settings.shop(choices.shop)
    if not named and cancellation.queued and shop.policy.unknown_siblings == "ask":
        numbers = [one.order_id for one in cancellation.orders]
        raise MoreOrdersBehind(
            f"nothing says which supplier orders are behind shop order {choices.shop_order}, and nobody was there to ask "
            f"whether there are others than {', '.join(numbers)}",
            next=f"If these are all: {_only_these(cancellation)}. "
            f'For all of a shop: unknown_siblings = "trust" in policy of [shops.{choices.shop}].',
        )


def command(cancellation: Cancellation, numbers: Sequence[str], *more: str, account: str | None = None) -> str:
    """
    The command that asks for *numbers* with the choices of *cancellation*; without numbers, for those it has.

    A staff note is not repeated: what is said here is told to people elsewhere, and a note may name a customer.
    """
    choices = cancellation.choices
    words = ["countermand", "cancel", *numbers]
    words += ["--account", account or cancellation.orders[0].account] if numbers else []
    words += [*_reason(choices.reason), "--shop", choices.shop or "", "--shop-order", choices.shop_gid or ""]
    if (shop := choices.shop_choices) is not None:
        words += ["--refund", shop.refund, "--shop-reason", shop.reason]
        words += ["--restock" if shop.restock else "--no-restock", "--notify" if shop.notify else "--no-notify"]
    words += ["--settle", choices.settle] if choices.settle is not Settle.ON_APPROVAL else []
    has_note = choices.shop_choices is not None and choices.shop_choices.note
    return shlex.join([*words, *more]) + (" --note … (the same note)" if has_note else "")


def _with(cancellation: Cancellation, more: Sequence[Named]) -> Iterator[str]:
    """The commands by which *more* joins it, one for each account: an order whose account nobody knows is taken for one of ours."""
    accounts = {one.number: one.account for one in more if one.account is not None}
    by_account: dict[str, list[str]] = {}
    for one in more:
        by_account.setdefault(accounts.get(one.number) or cancellation.orders[0].account, []).append(one.number)
    for account, numbers in by_account.items():
        ours = [one.order_id for one in cancellation.orders if one.account == account]
        yield command(cancellation, list(dict.fromkeys([*ours, *numbers])), account=account)


def _only_these(cancellation: Cancellation) -> str:
    """Orders of several accounts cannot be given in one command; the shop order finds them."""
    is_one_account = len(cancellation.accounts) == 1
    numbers = [one.order_id for one in cancellation.orders] if is_one_account else []
    return command(cancellation, numbers, "--only-these")


def _reason(reason: ReasonChoice) -> list[str]:
    return ["--reason", reason.key] if reason.key is not None else ["--reason-text", reason.text or ""]
