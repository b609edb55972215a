"""
What is asked for, by the command line or by a row of a file: the options by their names, and the requests they make.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import BadInput
from agent.model import Frozen, Reason, ReasonChoice, Refund, Settle, ShopChoices, ShopReason

if TYPE_CHECKING:
    from agent.engine.asking import Request
    from agent.engine.records import Wanted
    from agent.settings import Settings, ShopPolicy

NOTE_LIMIT = 255
"""The shop takes a staff note of at most this many characters."""


class Asked(Frozen):
    """One command's answers, or one row's. What is ``None`` was left out."""

    order: tuple[str, ...] = ()
    """Supplier order numbers as typed."""
    account: str | None = None
    reason: Reason | None = None
    reason_text: str | None = None
    shop: str | None = None
    shop_order: str | None = None
    refund: Refund | None = None
    shop_reason: ShopReason | None = None
    note: str | None = None
    restock: bool | None = None
    notify: bool | None = None
    settle: Settle | None = None
    only_these: bool | None = None


FOR_THE_SHOP = ("shop", "refund", "shop_reason", "note", "restock", "notify", "only_these")
"""What means nothing without a shop order."""

_OPTIONS = {
    "refund": "--refund now|later",
    "shop_reason": "--shop-reason",
    "restock": "--restock or --no-restock",
    "notify": "--notify or --no-notify",
}
"""The answers that have no default where money moves, and how they are given."""


def requests_for(
    settings: Settings, asked: Asked, *, found: tuple[Wanted, ...] | None = None, queued: bool = False
) -> list[Request]:
    """
    The requests that *asked* makes: its orders together with a shop order, one each without.

    :param found: the orders, where the shop order named them.
    :param queued: nobody is there who could be asked.
    :raises BadInput: something is missing, unknown or malformed.
    """
    from agent.engine.asking import Request

    why = chosen_reason(asked.reason, asked.reason_text)
    wanted = wanted_orders(settings, asked) if found is None else list(found)
    shop, shop_choices = _shop(settings, asked)
    together = [tuple(wanted)] if asked.shop_order is not None else [(one,) for one in wanted]
    return [
        Request(
            wanted=group,
            reason=why,
            settle=asked.settle or Settle.ON_APPROVAL,
            shop=shop,
            shop_order=asked.shop_order,
            shop_choices=shop_choices,
            only_these=bool(asked.only_these),
            queued=queued,
        )
        for group in together
    ]


def chosen_reason(key: Reason | None, text: str | None) -> ReasonChoice:
    """The reason that was given by one of the two options; giving none or both is bad input."""
    if (key is None) == (text is None or not text.strip()):
        raise BadInput(
            "give the reason for the supplier, once: --reason or --reason-text", next=f"Reasons: {', '.join(Reason)}."
        )
    return ReasonChoice(key=key, text=text.strip() if text else None)


def wanted_orders(settings: Settings, asked: Asked) -> list[Wanted]:
    """
    The supplier orders that were typed, each once.

    :raises BadInput: one is no order number, or the account is unknown.
    """
    from agent.engine.records import Wanted
    from agent.portal import portal_named

    name, account = settings.account(asked.account)
    portal = portal_named(account.portal)
    numbers = dict.fromkeys(portal.order_id(order) for order in asked.order)
    return [Wanted(portal.name, name, number) for number in numbers]


def _shop(settings: Settings, asked: Asked) -> tuple[str | None, ShopChoices | None]:
    if asked.shop_order is None:
        stray = [f"--{name.replace('_', '-')}" for name in FOR_THE_SHOP if getattr(asked, name) is not None]
        if stray:
            raise BadInput(
                f"{', '.join(stray)} only goes with --shop-order", next="Add --shop-order, e.g. --shop-order '#1001'."
            )
        return None, None
    check_shop_order(asked)
    return shop_answers(settings, asked)


def check_shop_order(asked: Asked) -> None:
    """An empty shop order is none that anybody means: it is refused."""
    if asked.shop_order is not None and not asked.shop_order.strip():
        raise BadInput("--shop-order is empty", next="Give the shop order's name, e.g. --shop-order '#1001'.")


def shop_answers(settings: Settings, asked: Asked) -> tuple[str, ShopChoices]:
    """
    The shop that is meant, and the answers to its form.

    :raises BadInput: the shop is unknown, or an answer is missing.
    """
    note = checked_note(asked.note)
    name, shop = settings.shop(asked.shop)
    refund, reason, restock, notify = _answers(shop.policy, asked)
    missing = [
        option
        for option, value in zip(_OPTIONS.values(), (refund, reason, restock, notify), strict=True)
        if value is None
    ]
    if missing or refund is None or reason is None or restock is None or notify is None:
        raise BadInput(
            f"the shop order's cancellation needs {', '.join(missing)}",
            next=f"Give it here, or once for all in policy of [shops.{name}]. Nothing is assumed where money moves.",
        )
    return name, ShopChoices(refund=refund, reason=reason, note=note, restock=restock, notify=notify)


def left_out(settings: Settings, asked: Asked) -> list[str]:
    """
    The answers that neither *asked* nor the shop's policy gives, by their names in ``Asked``.

    :raises BadInput: the account, a number or the shop cannot be used: nobody is asked for the rest in vain.
    """
    if asked.order or asked.account is not None:
        wanted_orders(settings, asked)
    has_shop_order = asked.shop_order is not None or asked.shop is not None  # with a shop alone it is looked for
    if not has_shop_order:
        _shop(settings, asked)  # says what has no use without one
    check_shop_order(asked)
    missing = ["reason"] if asked.reason is None and asked.reason_text is None else []
    if has_shop_order:
        checked_note(asked.note)
        _, shop = settings.shop(asked.shop)
        missing += [name for name, value in zip(_OPTIONS, _answers(shop.policy, asked), strict=True) if value is None]
    return missing


def checked_note(note: str | None) -> str | None:
    """
    *note*, if the shop takes it.

    :raises BadInput: it is too long.
    """
    if note is not None and len(note) > NOTE_LIMIT:
        raise BadInput(f"the note has {len(note)} characters; the shop takes at most {NOTE_LIMIT}", next="Shorten it.")
    return note


def _answers(policy: ShopPolicy, asked: Asked) -> tuple[Refund | None, ShopReason | None, bool | None, bool | None]:
    """What is to happen in the shop: what was given, else what the policy says, else nothing."""
    return (
        asked.refund or policy.refund,
        asked.shop_reason or policy.reason,
        policy.restock if asked.restock is None else asked.restock,
        policy.notify if asked.notify is None else asked.notify,
    )
