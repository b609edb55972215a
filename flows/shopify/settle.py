"""
Cancelling a shop order: guard it, send ``orderCancel`` once, and believe only what is read back.

::

    read ── cancelled ──────────────────────────────► reported, nothing sent
      │
      └─ Unfulfilled ── orderCancel ── accepted ────► read until cancelledAt is there   (else Uncertain)
             │               ├─ refused ────────────► read again: cancelled, or ShopGuarded
             │               ├─ not executed ───────► Retryable, SignInNeeded …
             │               └─ no answer ──────────► read until cancelledAt is there
             └─ not any more ─► ShopGuarded                 (never, for the whole time: Retryable)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pydantic import JsonValue
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    retry_if_result,
    wait_exponential_jitter,
)

from agent.errors import BadInput, CountermandError, Retryable, ShopGuarded, Uncertain
from agent.model import Refund, ShopChoices
from agent.storefront import ShopSettlement
from flows.shopify.client import ShopifyClient
from flows.shopify.guard import NOT_CANCELLED, find_obstacle_now, refuse
from flows.shopify.lookup import read_order
from flows.shopify.operations import CANCEL_ORDER, CANCEL_ORDER_BEFORE_2026_10, READ_CANCELLATION
from flows.shopify.replies import CancelAnswer, CancellationRead, CancelSent, OrderState, UserError, words_of

LONGEST_NOTE = 255
_READS_TAKE = 30.0
_STILL_RUNNING = "already in progress"
_LOOK_IN_ADMIN = (
    "Look at the order in the shop's admin, then give the same command again: it reads the order before anything."
)

Read = Callable[[], Awaitable[OrderState]]


class _Failed(Exception):
    """The shop accepted the cancellation and then could not carry it out."""

    def __init__(self, errors: tuple[UserError, ...]) -> None:
        super().__init__(words_of(errors))


async def cancel_order(client: ShopifyClient, gid: str, choices: ShopChoices) -> ShopSettlement:
    """
    Cancel the order, and return once it was read back as cancelled. Safe to call again: it looks first.

    :raises BadInput: the note is too long, or there is no such order.
    :raises ShopGuarded: it may not be cancelled any more, or the shop refuses.
    :raises Retryable: the shop did not answer, and the order was not cancelled.
    :raises Uncertain: it was sent, and how it ended cannot be read.
    """
    if len(choices.note or "") > LONGEST_NOTE:
        raise BadInput(
            f"the staff note has {len(choices.note or '')} characters, and the shop takes {LONGEST_NOTE}",
            next="Shorten --note.",
        )
    before = await read_order(client, gid)
    if before.cancelled_at is not None:
        return _settlement(before, None)
    refuse(before, find_obstacle_now(before))
    try:
        answer = await _send(client, gid, choices)
    except Uncertain as lost:
        return await _after_no_answer(client, before, choices, lost)
    if answer.refusals:
        return await _after_refusal(client, before, choices, answer.refusals)
    return await _after_acceptance(client, before, choices, answer)


def cancel_variables(gid: str, choices: ShopChoices) -> dict[str, JsonValue]:
    """
    The merchant's answers as ``orderCancel`` takes them. Refunding later means sending no refund argument at all.
    """
    variables: dict[str, JsonValue] = {
        "orderId": gid,
        "reason": choices.reason.value.upper(),
        "restock": choices.restock,
        "notifyCustomer": choices.notify,
    }
    if choices.note:
        variables["staffNote"] = choices.note
    if choices.refund is Refund.NOW:
        variables["refundMethod"] = {"originalPaymentMethodsRefund": True}
    return variables


async def _send(client: ShopifyClient, gid: str, choices: ShopChoices) -> CancelAnswer:
    operation = CANCEL_ORDER if client.settings.tells_job_results else CANCEL_ORDER_BEFORE_2026_10
    sent = await client.change(operation, cancel_variables(gid, choices), CancelSent)
    return sent.order_cancel


async def _after_acceptance(
    client: ShopifyClient, before: OrderState, choices: ShopChoices, answer: CancelAnswer
) -> ShopSettlement:
    result = answer.job_result.id if answer.job_result else None
    try:
        order = await _read_until_cancelled(client, lambda: _read_with_result(client, before.id, result))
    except _Failed as failed:
        return await _after_failure(client, before, str(failed))
    except CountermandError as error:
        raise _unclear(before, "was accepted by the shop, and then the order could not be read", error) from error
    if order.cancelled_at is None:
        raise _unclear(before, "was accepted by the shop, but the order does not read as cancelled")
    return _settlement(order, choices.refund)


async def _after_failure(client: ShopifyClient, before: OrderState, words: str) -> ShopSettlement:
    order = await _read_back(client, before)
    if order.cancelled_at is not None:
        return _settlement(order, None)
    if _refunded(order) != _refunded(before):
        raise _unclear(before, f"failed in the shop ({words}), but money was given back")
    raise ShopGuarded(
        f"the shop accepted the cancellation of {before.name} and then could not carry it out ({words})",
        next="Look at the order in the shop's admin and mend what it says, or cancel it there.",
    )


async def _after_refusal(
    client: ShopifyClient, before: OrderState, choices: ShopChoices, refusals: tuple[UserError, ...]
) -> ShopSettlement:
    """
    The code says nothing and the words may change, so the order itself is asked. Only "one is running already" is
    waited for, as it may be the one that an interrupted run had sent.
    """
    words = words_of(refusals)
    if _STILL_RUNNING in words:
        try:
            order = await _read_until_cancelled(client, lambda: read_order(client, before.id))
        except CountermandError as error:
            raise _unclear(before, "is being carried out already, and the order could not be read", error) from error
        if order.cancelled_at is None:
            raise _unclear(before, "is being carried out already, but the order does not read as cancelled")
        return _settlement(order, None)
    order = await read_order(client, before.id)
    if order.cancelled_at is not None:
        return _settlement(order, None)
    refuse(order, find_obstacle_now(order))
    guarded = ShopGuarded(
        f"the shop refuses to cancel {before.name}: {words}",
        next="Look at the order in the shop's admin and mend what it says, or cancel it there.",
    )
    guarded.done_so_far = NOT_CANCELLED
    raise guarded


async def _after_no_answer(
    client: ShopifyClient, before: OrderState, choices: ShopChoices, lost: Uncertain
) -> ShopSettlement:
    """
    It may have been carried out, or be about to be. Sending it again is for a later run, once a whole wait has
    shown that it was not.
    """
    try:
        order = await _read_until_cancelled(client, lambda: read_order(client, before.id))
    except CountermandError as error:
        raise _unclear(before, f"was sent, but {lost.what}, and the order could not be read", error) from lost
    if order.cancelled_at is not None:
        return _settlement(order, choices.refund)
    if find_obstacle_now(order) or _refunded(order) != _refunded(before):
        raise _unclear(before, f"was sent, but {lost.what}, and the order has changed since") from lost
    seconds = client.patience.confirm_seconds
    raise Retryable(
        f"{lost.what} when it was told to cancel {before.name}; after {seconds:g} more seconds it is not cancelled",
        next="Give the same command again in a few minutes: it reads the order, and may send the cancellation again.",
    ) from lost


async def _read_with_result(client: ShopifyClient, gid: str, result: str | None) -> OrderState:
    if result is None:
        return await read_order(client, gid)
    answered = await client.read(READ_CANCELLATION, {"id": gid, "resultId": result}, CancellationRead)
    order, outcome = answered.data.order, answered.data.node
    if order is None:
        raise BadInput(f"the order {gid} is gone from the shop")
    if order.cancelled_at is None and outcome and outcome.status == "FAILED":
        raise _Failed(outcome.errors)
    return order


async def _read_back(client: ShopifyClient, before: OrderState) -> OrderState:
    try:
        return await read_order(client, before.id)
    except CountermandError as error:
        raise _unclear(before, "was sent, and then the order could not be read", error) from error


async def _read_until_cancelled(client: ShopifyClient, read: Read) -> OrderState:
    """
    The order once it reads as cancelled, or as it reads when patience is over. Whether a job calls itself done does not
    matter.
    """
    longest = client.patience.confirm_seconds

    async def look() -> OrderState:
        return await read()

    def is_over(state: RetryCallState) -> bool:
        return state.idle_for >= longest or (state.seconds_since_start or 0.0) >= 2 * longest + _READS_TAKE

    def last(state: RetryCallState) -> OrderState:
        assert state.outcome is not None
        order: OrderState = state.outcome.result()
        return order

    retrying = AsyncRetrying(
        retry=retry_if_result(lambda order: order.cancelled_at is None) | retry_if_exception_type(Retryable),
        stop=is_over,
        wait=wait_exponential_jitter(multiplier=0.25, max=8, jitter=0.25),
        sleep=client.sleep,
        retry_error_callback=last,
    )
    return await retrying(look)


def _settlement(order: OrderState, refund: Refund | None) -> ShopSettlement:
    assert order.cancelled_at is not None
    money = order.total_refunded_set.shop_money
    return ShopSettlement(
        cancelled_at=order.cancelled_at, refund=refund, amount=money.amount, currency=money.currency_code
    )


def _refunded(order: OrderState) -> object:
    return order.total_refunded_set.shop_money


def _unclear(order: OrderState, how: str, because: CountermandError | None = None) -> Uncertain:
    reason = f": {because.what}" if because else ""
    return Uncertain(f"the cancellation of {order.name} {how}{reason}", next=_LOOK_IN_ADMIN, order=order.name)
