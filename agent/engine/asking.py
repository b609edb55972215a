"""
Asking for a cancellation: the same request twice is one cancellation, another request for the same order is refused.

A further supplier order for a shop order joins the cancellation that the shop order belongs to, until that one settles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from agent.engine.before_settling import check_may_join
from agent.engine.ledger import Ledger
from agent.engine.records import Cancellation, SupplierOrder, Wanted
from agent.engine.workshop import Workshop
from agent.errors import ApprovalNeeded, BadInput
from agent.model import Choices, ErrorKind, OrderStage, ReasonChoice, Settle, ShopChoices

_CLAIM_TRIES = 5
_LOST_DAYS_MATTER = timedelta(days=60)
"""Portals decide long before: what was asked in the days that a restore lost is over by then."""


@dataclass(frozen=True)
class Request:
    """What a person asks for, checked as far as it can be without the portal or the shop."""

    wanted: tuple[Wanted, ...]
    reason: ReasonChoice
    settle: Settle = Settle.ON_APPROVAL
    shop: str | None = None
    shop_order: str | None = None
    """As typed."""
    shop_choices: ShopChoices | None = None
    only_these: bool = False
    """These supplier orders and no other, whatever the shop order names."""
    queued: bool = False
    """Nobody is there who could be asked: a row of a file, a script that waits for nothing."""


async def ask(workshop: Workshop, request: Request) -> Cancellation:
    """
    The cancellation for *request*: the one there is, joined by what is new and woken up, or a new one.

    :raises BadInput: the order belongs to a cancellation with other choices, the shop order to one that is settled or over,
        or the shop order is not exactly one.
    :raises Retryable, SignInNeeded: the shop could not be read; nothing was claimed.
    :raises ApprovalNeeded: the ledger was restored not long ago, and nobody said yes; nothing was claimed.
    """
    ledger = workshop.ledger
    agreed: dict[str, str] | None = None
    for _ in range(_CLAIM_TRIES):
        choices = await _choices(workshop, request)
        existing = _existing(ledger, request.wanted)
        if existing is None:
            existing = _holder(ledger, choices)
        if existing is not None and not _may_be_asked_afresh(existing, request, choices):
            new = _new(existing, request)
            if new and existing.choices.shop_gid == choices.shop_gid:
                check_may_join(existing)
            _is_the_same(_with_only_these(existing, request, choices), request, choices)
            if new:
                if agreed is None:
                    agreed = await _agreed_after_restore(workshop, request)
                if ledger.join(existing, new, agreed, queued=request.queued) is None:
                    continue
            # A person answers what it stopped for: these are all, or the others are left be.
            leaves_others_be = _leaves_others_be(existing, request, choices)
            if leaves_others_be or not request.queued:
                ledger.vouch(existing.id, only_these=leaves_others_be)
            ledger.wake(existing.id)
            existing = ledger.get(existing.id)
            for order in existing.orders:
                if order.is_unresolved:  # finding out whether we asked is worth a knock at a paused account
                    workshop.accounts.resume(order.portal, order.account, automatic_only=True)
            return ledger.get(existing.id)
        if agreed is None:
            agreed = await _agreed_after_restore(workshop, request)
        if existing is None:
            claimed = ledger.claim(request.wanted, choices, agreed, queued=request.queued)
            if claimed is not None:
                return claimed
        else:
            if not existing.stage.is_final:
                ledger.abandon(existing.id, "asked again with other choices before anything was submitted")
            ledger.free(existing.id)
    raise BadInput("several processes ask for these orders at the same time", next="Give the command again.")


async def _agreed_after_restore(workshop: Workshop, request: Request) -> dict[str, str]:
    """
    After a restore a new request needs a person's yes: the days that were lost may have held one for the same order.

    The ledger does not know when an order was placed, so every new request asks, as long as those days matter.

    :returns: the yes, for the first event; empty where none was needed.
    """
    restore = workshop.ledger.last_restore()
    if restore is None or workshop.clock.now() - restore.at >= _LOST_DAYS_MATTER:
        return {}
    numbers = ", ".join(order.order_id for order in request.wanted)
    lost = f"from {restore.backup_made_at:%Y-%m-%d %H:%M} to {restore.at:%Y-%m-%d %H:%M} UTC"
    question = (
        f"The ledger was restored from a backup and knows nothing of what was asked {lost}. "
        f"Was no request made for order {numbers} then (look in My Orders), and is it to be cancelled now?"
    )
    if workshop.person.is_here and await workshop.person.agrees(question):
        return {"restored": f"nothing was asked {lost}: yes at the terminal"}
    raise ApprovalNeeded(
        f"the ledger was restored from a backup: what was asked {lost} is not in it, perhaps a request for order {numbers}. Nothing was claimed or submitted",
        next=f"Look at order {numbers} in My Orders; if no request shows, give the same command at a terminal and say yes.",
    )


async def _choices(workshop: Workshop, request: Request) -> Choices:
    choices = Choices(
        reason=request.reason,
        settle=request.settle,
        shop=request.shop,
        shop_choices=request.shop_choices,
        only_these=request.only_these,
    )
    if request.shop is None or request.shop_order is None:
        return choices
    known = _known_shop_order(workshop.ledger, request)
    if known is not None:
        return choices.model_copy(update={"shop_order": known.choices.shop_order, "shop_gid": known.choices.shop_gid})
    async with workshop.shop(request.shop) as shop:
        found = await shop.find(request.shop_order)
    return choices.model_copy(update={"shop_order": found.name, "shop_gid": found.gid})


def _known_shop_order(ledger: Ledger, request: Request) -> Cancellation | None:
    """The same words for the same shop order need no second look-up, so that asking again works while the shop is down."""
    for cancellation in ledger.holding(request.wanted).values():
        typed = request.shop_order or ""
        if cancellation.choices.shop == request.shop and typed in (
            cancellation.choices.shop_order,
            cancellation.choices.shop_gid,
        ):
            return cancellation
    return None


def _existing(ledger: Ledger, wanted: Sequence[Wanted]) -> Cancellation | None:
    found = ledger.holding(wanted)
    ids = {cancellation.id for cancellation in found.values()}
    if len(ids) > 1:
        raise BadInput(
            f"these orders belong to several cancellations already: {', '.join(sorted(ids))}",
            next="Ask for them one cancellation at a time.",
        )
    return next(iter(found.values()), None)


def _holder(ledger: Ledger, choices: Choices) -> Cancellation | None:
    """The cancellation that the shop order belongs to already, by other supplier orders."""
    if choices.shop is None or choices.shop_gid is None:
        return None
    return ledger.holding_shop_order(choices.shop, choices.shop_gid)


def _new(existing: Cancellation, request: Request) -> list[Wanted]:
    """What *request* names beside the orders that *existing* has; naming fewer of them is the same request."""
    known = {(order.portal, order.order_id) for order in existing.orders}
    return [order for order in request.wanted if (order.portal, order.order_id) not in known]


def _anything_out(cancellation: Cancellation) -> bool:
    return any(
        order.was_stamped or order.stage.is_withdrawn or order.stage is OrderStage.AWAITING_DECISION
        for order in cancellation.orders
    )


def _may_be_asked_afresh(existing: Cancellation, request: Request, choices: Choices) -> bool:
    """It is over and submitted nothing; or it stopped because the request itself could not be carried out as it was."""
    if _anything_out(existing):
        return False
    left_out = _left_out(existing, request)
    if existing.stage.is_final:
        return not any(order.stage.is_denied for order in left_out) or _was_not_found(existing)
    if left_out or not (
        _stopped_for(existing, ErrorKind.BAD_INPUT) or _stopped_for(existing, ErrorKind.MORE_ORDERS_BEHIND)
    ):
        return False
    return any(_differences(_with_only_these(existing, request, choices), request, choices))


def _left_out(existing: Cancellation, request: Request) -> list[SupplierOrder]:
    """
    The orders of *existing* that *request* does not name. One that will be delivered is not forgotten: the shop order
    would be cancelled, and paid back, by the others alone.
    """
    asked = {(order.portal, order.order_id) for order in request.wanted}
    return [order for order in existing.orders if (order.portal, order.order_id) not in asked]


def _was_not_found(existing: Cancellation) -> bool:
    """Its only number was no order of the account: nothing will be delivered by it."""
    return len(existing.orders) == 1 and _stopped_for(existing, ErrorKind.ORDER_NOT_FOUND)


def _stopped_for(existing: Cancellation, kind: ErrorKind) -> bool:
    return existing.error is not None and existing.error.kind is kind


def _leaves_others_be(existing: Cancellation, request: Request, choices: Choices) -> bool:
    """``--only-these`` answers what *existing* stopped for; but not if that means to leave out what *existing* has itself."""
    stopped_for_it = _stopped_for(existing, ErrorKind.MORE_ORDERS_BEHIND)
    return choices.only_these and stopped_for_it and not _left_out(existing, request)


def _with_only_these(existing: Cancellation, request: Request, choices: Choices) -> Cancellation:
    """*existing*, if ``--only-these`` is what goes on with it."""
    if not _leaves_others_be(existing, request, choices):
        return existing
    return replace(existing, choices=existing.choices.model_copy(update={"only_these": True}))


def _is_the_same(existing: Cancellation, request: Request, choices: Choices) -> None:
    differences = list(_differences(existing, request, choices))
    if differences:
        raise BadInput(
            f"cancellation {existing.id} was asked for with other choices: {'; '.join(differences)}",
            next=f"Give the same choices to go on with it, or run countermand show {existing.id}.",
        )


def _differences(existing: Cancellation, request: Request, choices: Choices) -> Iterator[str]:
    accounts = {(order.portal, order.order_id): order.account for order in existing.orders}
    again = [order for order in request.wanted if (order.portal, order.order_id) in accounts]
    before, after = {accounts[order.portal, order.order_id] for order in again}, {order.account for order in again}
    if before != after:
        yield f"account {_listed(before)}, not {_listed(after)}"
    pairs = {
        "reason": (existing.choices.reason, choices.reason),
        "settle": (existing.choices.settle, choices.settle),
        "shop": (existing.choices.shop, choices.shop),
        "shop order": (existing.choices.shop_order, choices.shop_order),
        "only these": (_yes_or_no(existing.choices.only_these), _yes_or_no(choices.only_these)),
    }
    old, new = existing.choices.shop_choices, choices.shop_choices
    if old is not None and new is not None:
        pairs |= {
            "refund": (old.refund, new.refund),
            "shop reason": (old.reason, new.reason),
            "note": (old.note or "none", new.note or "none"),
            "restock": (_yes_or_no(old.restock), _yes_or_no(new.restock)),
            "notify": (_yes_or_no(old.notify), _yes_or_no(new.notify)),
        }
    for name, (one, other) in pairs.items():
        if one != other:
            yield f"{name} {one if one is not None else 'none'}, not {other if other is not None else 'none'}"


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"
