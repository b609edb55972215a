"""
A shop order is cancelled once, and never believed to be before it reads so.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest
from pydantic import JsonValue

from agent.errors import BadInput, CountermandError, Retryable, ShopGuarded, SignInNeeded, Uncertain
from agent.model import Refund, ShopChoices, ShopReason
from agent.storefront import ShopSettlement
from fixtures.shopify.orders import CancellationMade, CancelReason, ReturnState
from fixtures.shopify.switches import DEFAULT_SCOPES, Failure
from flows.shopify.client import ShopifyClient
from flows.shopify.settle import cancel_order
from tests.flows.shopify.bench import BY_APP, CHOICES, Bench, client_of

Spy = Callable[[httpx.Request], httpx.Response | None]


async def _cancel(bench: Bench, order: str = "#1001", choices: ShopChoices = CHOICES) -> ShopSettlement:
    return await cancel_order(bench.client, bench.gid(order), choices)


async def _stopped(bench: Bench, order: str = "#1001", choices: ShopChoices = CHOICES) -> CountermandError:
    with pytest.raises(CountermandError) as caught:
        await _cancel(bench, order, choices)
    return caught.value


class _Spied(httpx.AsyncBaseTransport):
    """The shop, with somebody in between who may do something first, or answer instead."""

    def __init__(self, bench: Bench, spy: Spy) -> None:
        self._shop = httpx.ASGITransport(bench.shop.app)
        self._spy = spy

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self._spy(request) or await self._shop.handle_async_request(request)


def _spied(bench: Bench, spy: Spy) -> ShopifyClient:
    return client_of(bench.shop, bench.clock, httpx.AsyncClient(transport=_Spied(bench, spy)))


async def _stopped_after(bench: Bench, spy: Spy) -> CountermandError:
    with pytest.raises(CountermandError) as caught:
        await cancel_order(_spied(bench, spy), bench.gid("#1001"), CHOICES)
    return caught.value


async def test_an_order_is_cancelled_and_read_back(bench: Bench) -> None:
    """
    The time, the amount and the currency are the shop's own.
    """
    bench.shop.switches.cancel_delay = 3

    settlement = await _cancel(bench)

    order = bench.shop.orders["#1001"]
    assert (
        ShopSettlement(
            cancelled_at=order.cancelled_at or bench.clock(), refund=Refund.NOW, amount=Decimal("20.90"), currency="USD"
        )
        == settlement
    )
    assert [("#1001", True)] == bench.sent
    assert (
        CancellationMade(
            reason=CancelReason.CUSTOMER, restock=True, notify_customer=False, staff_note="by phone", refund=True
        )
        == order.cancellation_made
    )


@pytest.mark.parametrize(
    "choices, sent",
    [
        (
            CHOICES,
            {
                "reason": "CUSTOMER",
                "restock": True,
                "notifyCustomer": False,
                "staffNote": "by phone",
                "refundMethod": {"originalPaymentMethodsRefund": True},
            },
        ),
        (
            ShopChoices(refund=Refund.LATER, reason=ShopReason.INVENTORY, restock=False, notify=True),
            {"reason": "INVENTORY", "restock": False, "notifyCustomer": True},
        ),
        (
            ShopChoices(refund=Refund.LATER, reason=ShopReason.FRAUD, restock=True, notify=True, note=""),
            {"reason": "FRAUD", "restock": True, "notifyCustomer": True},
        ),
        (
            ShopChoices(refund=Refund.NOW, reason=ShopReason.STAFF, restock=False, notify=False, note="x" * 255),
            {
                "reason": "STAFF",
                "restock": False,
                "notifyCustomer": False,
                "staffNote": "x" * 255,
                "refundMethod": {"originalPaymentMethodsRefund": True},
            },
        ),
        (
            ShopChoices(refund=Refund.LATER, reason=ShopReason.DECLINED, restock=False, notify=False),
            {"reason": "DECLINED", "restock": False, "notifyCustomer": False},
        ),
        (
            ShopChoices(refund=Refund.LATER, reason=ShopReason.OTHER, restock=False, notify=False),
            {"reason": "OTHER", "restock": False, "notifyCustomer": False},
        ),
    ],
)
async def test_exactly_the_choices_are_sent(bench: Bench, choices: ShopChoices, sent: dict[str, JsonValue]) -> None:
    """
    Refunding later sends neither of the two refund arguments; no note sends none.
    """
    await _cancel(bench, choices=choices)

    (line,) = bench.shop.received
    assert {"orderId": bench.gid("#1001")} | sent == line.variables


async def test_refunding_later_leaves_the_money(bench: Bench) -> None:
    """
    The order is cancelled, and nothing was given back.
    """
    choices = CHOICES.model_copy(update={"refund": Refund.LATER})

    settlement = await _cancel(bench, choices=choices)

    assert (Refund.LATER, Decimal("0.00"), "USD") == (settlement.refund, settlement.amount, settlement.currency)


async def test_an_older_version_has_no_result_to_follow(bench: Bench) -> None:
    """
    Before 2026-10 the order itself is all there is, and it is enough.
    """
    settlement = await cancel_order(bench.changed(api_version="2026-07"), bench.gid("#1001"), CHOICES)

    assert Refund.NOW == settlement.refund
    assert [("#1001", True)] == bench.sent


async def test_a_long_note_is_refused_before_anything(bench: Bench) -> None:
    """
    The shop takes 255 characters.
    """
    error = await _stopped(bench, choices=CHOICES.model_copy(update={"note": "x" * 256}))

    assert isinstance(error, BadInput)
    assert "256 characters" in error.message
    assert [] == bench.sent


async def test_an_order_that_is_cancelled_already_is_reported(bench: Bench) -> None:
    """
    Merchants often cancel in the shop first; nothing is sent.
    """
    settlement = await _cancel(bench, "#1024")

    assert (None, Decimal("43.90")) == (settlement.refund, settlement.amount)
    assert [] == bench.sent


async def test_asking_twice_cancels_once(bench: Bench) -> None:
    """
    The second call finds the order cancelled.
    """
    first = await _cancel(bench)
    second = await _cancel(bench)

    assert first.cancelled_at == second.cancelled_at
    assert [("#1001", True)] == bench.sent


@pytest.mark.parametrize("order", ["#1020", "#1021", "#1022", "#1025", "#1028"])
async def test_only_unfulfilled_is_cancelled(bench: Bench, order: str) -> None:
    """
    Sent, partly sent, with a return, somebody at work at that moment: a person decides, and the shop hears nothing.
    """
    error = await _stopped(bench, order)

    assert isinstance(error, ShopGuarded)
    assert order in error.message
    assert "The shop order was not cancelled." in error.message
    assert [] == bench.sent


async def test_a_return_opened_meanwhile_is_told_by_the_order_itself(bench: Bench) -> None:
    """
    The shop refuses with a code that says nothing; the order is read again and says it better.
    """
    order = bench.shop.orders["#1001"]

    def open_a_return(request: httpx.Request) -> None:
        if b"mutation" in request.content:
            order.return_status = ReturnState.RETURN_REQUESTED

    error = await _stopped_after(bench, open_a_return)

    assert isinstance(error, ShopGuarded)
    assert "has an open return" in error.message
    assert [("#1001", False)] == bench.sent


async def test_cancelled_by_somebody_else_in_the_same_moment_is_fine(bench: Bench) -> None:
    """
    The shop refuses because it is cancelled already: so it is reported as cancelled, by somebody else.
    """
    order = bench.shop.orders["#1001"]
    made = CancellationMade(
        reason=CancelReason.OTHER, restock=False, notify_customer=False, staff_note=None, refund=False
    )

    def cancel_first(request: httpx.Request) -> None:
        if b"mutation" in request.content and order.cancelled_at is None:
            order.cancel(made, bench.clock())

    settlement = await cancel_order(_spied(bench, cancel_first), bench.gid("#1001"), CHOICES)

    assert (None, Decimal("0.00")) == (settlement.refund, settlement.amount)
    assert [("#1001", False)] == bench.sent


async def test_a_refusal_nobody_can_explain_is_shown_in_the_shops_words(bench: Bench) -> None:
    """
    The order still reads Unfulfilled, so the shop's own sentence is all there is.
    """

    def refuse(request: httpx.Request) -> httpx.Response | None:
        if b"mutation" not in request.content:
            return None
        refusal = {"message": "The location was deactivated.", "field": None, "code": "INVALID"}
        return httpx.Response(200, json={"data": {"orderCancel": {"orderCancelUserErrors": [refusal]}}})

    error = await _stopped_after(bench, refuse)

    assert isinstance(error, ShopGuarded)
    assert "The location was deactivated." in error.message
    assert "The shop order was not cancelled." in error.message


async def test_a_done_job_is_not_believed(bench: Bench) -> None:
    """
    The job says done and succeeded, the order never reads as cancelled: not done.
    """
    bench.shop.switches.cancelled_at_never = True

    error = await _stopped(bench)

    assert isinstance(error, Uncertain)
    assert "does not read as cancelled" in error.message
    assert [("#1001", True)] == bench.sent
    assert 60 <= sum(bench.clock.waited) < 80


async def test_a_failed_job_is_a_refusal(bench: Bench) -> None:
    """
    The shop says that it could not carry it out, and the order reads so.
    """
    bench.shop.switches.cancel_fails = True

    error = await _stopped(bench)

    assert isinstance(error, ShopGuarded)
    assert "could not be canceled" in error.message


async def test_a_run_that_was_interrupted_goes_on(bench: Bench) -> None:
    """
    The cancellation sent by an earlier run is still being carried out: it is waited for, not refused.
    """
    bench.shop.switches.cancel_delay = 100
    assert isinstance(await _stopped(bench), Uncertain)

    settlement = await _cancel(bench)

    assert bench.shop.orders["#1001"].cancelled_at == settlement.cancelled_at
    assert [("#1001", True), ("#1001", False)] == bench.sent


@pytest.mark.parametrize("failure", [failure for failure in Failure if failure is not Failure.STATUS_429])
async def test_an_answer_lost_after_the_shop_acted_is_read_back(
    bench: Bench, far_bench: Bench, failure: Failure
) -> None:
    """
    The answer is gone, the order is cancelled a moment later: one cancellation, reported done.
    """
    where = far_bench if failure is Failure.CUT else bench
    where.shop.switches.only, where.shop.switches.cancel_delay = "mutation", 4
    where.shop.switches.fail_next, where.shop.switches.fail_with, where.shop.switches.fail_when = 1, failure, "after"

    settlement = await _cancel(where)

    assert (Refund.NOW, Decimal("20.90")) == (settlement.refund, settlement.amount)
    assert [("#1001", True)] == where.sent


@pytest.mark.parametrize("failure", [failure for failure in Failure if failure is not Failure.STATUS_429])
async def test_an_answer_lost_before_the_shop_acted_may_be_sent_later(
    bench: Bench, far_bench: Bench, failure: Failure
) -> None:
    """
    Nobody can tell at once. After a whole wait it still reads as not cancelled: put off, and the next run sends it.
    """
    where = far_bench if failure is Failure.CUT else bench
    where.shop.switches.only, where.shop.switches.fail_next, where.shop.switches.fail_with = "mutation", 1, failure

    error = await _stopped(where)
    first = where.sent
    waited = sum(where.clock.waited)
    settlement = await _cancel(where)

    assert isinstance(error, Retryable)
    assert "is not cancelled" in error.message
    assert waited >= 60
    assert [("#1001", False)] == first
    assert [("#1001", False), ("#1001", True)] == where.sent
    assert Refund.NOW == settlement.refund


@pytest.mark.parametrize("when, executed", [("after", True), ("instead", False)])
async def test_a_timeout_is_read_back(far_bench: Bench, when: str, executed: bool) -> None:
    """
    Out of time after the shop acted: done. Before: put off. Never sent twice in one run.
    """
    switches = far_bench.shop.switches
    switches.only, switches.hold_next, switches.hold_seconds = "mutation", 1, 600
    switches.hold_when = "after" if when == "after" else "instead"

    if executed:
        assert Refund.NOW == (await _cancel(far_bench)).refund
    else:
        assert isinstance(await _stopped(far_bench), Retryable)

    assert [("#1001", executed)] == far_bench.sent


async def test_a_lost_answer_and_an_unreadable_order_are_uncertain(bench: Bench) -> None:
    """
    Nothing proves that it was not cancelled, so nobody says so.
    """
    sent: list[bool] = []

    def go_down(request: httpx.Request) -> httpx.Response | None:
        sent.append(b"mutation" in request.content)
        return httpx.Response(502) if any(sent) else None

    error = await _stopped_after(bench, go_down)

    assert isinstance(error, Uncertain)
    assert "could not be read" in error.message
    assert 1 == sum(sent)


async def test_an_accepted_cancellation_that_cannot_be_read_is_uncertain(bench: Bench) -> None:
    """
    The token dies in the middle: it was sent, so it is not merely a matter of the token.
    """

    def die_after(request: httpx.Request) -> httpx.Response | None:
        if b"mutation" not in request.content and bench.shop.received:
            return httpx.Response(401)
        return None

    error = await _stopped_after(bench, die_after)

    assert isinstance(error, Uncertain)
    assert "was accepted by the shop" in error.message


async def test_a_busy_shop_gets_the_cancellation_again(bench: Bench) -> None:
    """
    Throttled means not executed: it is sent again after the wait, and carried out once.
    """
    bench.shop.switches.only, bench.shop.switches.throttle_next = "mutation", 3

    await _cancel(bench)

    assert [("#1001", False)] * 3 + [("#1001", True)] == bench.sent


async def test_another_version_in_the_middle_is_uncertain(bench: Bench) -> None:
    """
    The cancellation was accepted, and then another version answers: what it says is not believed.
    """

    def fall_forward(request: httpx.Request) -> None:
        if b"mutation" not in request.content and bench.shop.received:
            bench.shop.switches.answered_version = "2027-01"

    error = await _stopped_after(bench, fall_forward)

    assert isinstance(error, Uncertain)
    assert "answers with version 2027-01" in error.message
    assert [("#1001", True)] == bench.sent


@pytest.mark.parametrize("throttled", [True, False])
async def test_a_shop_that_stays_busy_is_retryable(bench: Bench, throttled: bool) -> None:
    """
    After a dozen tries the work is put off, and nothing was changed.
    """
    bench.shop.switches.only = "mutation"
    if throttled:
        bench.shop.switches.throttle_next = 100
    else:
        bench.shop.switches.fail_next, bench.shop.switches.fail_with = 100, Failure.STATUS_429

    error = await _stopped(bench)

    assert isinstance(error, Retryable)
    assert "That was not carried out in the shop." in error.message
    assert [("#1001", False)] * 12 == bench.sent


async def test_points_are_spent_only_where_there_are_enough(bench: Bench) -> None:
    """
    The shop counts: what cannot be afforded is waited for, and the shop hears the cancellation once.
    """
    bench.shop.switches.points_left = 40
    bench.shop.switches.cancel_delay = 30

    await _cancel(bench)

    assert [("#1001", True)] == bench.sent
    assert any(0.05 < seconds < 0.5 for seconds in bench.clock.waited)


async def test_a_token_that_ends_in_the_middle_is_replaced(bench: Bench) -> None:
    """
    The app's token is refused when the cancellation is sent, and again while it is read back: a new one each time, and
    the order is cancelled once.
    """
    seen: list[bool] = []

    def revoke(request: httpx.Request) -> None:
        if b"access_token" in request.url.raw_path:
            return
        seen.append(b"mutation" in request.content)
        if seen.count(True) == 1 and (seen[-1] or seen[-2:] == [True, False]):
            bench.shop.revoke_tokens()

    http = httpx.AsyncClient(transport=_Spied(bench, revoke))
    client = client_of(bench.shop, bench.clock, http, **BY_APP)

    settlement = await cancel_order(client, bench.gid("#1001"), CHOICES)

    assert Refund.NOW == settlement.refund
    assert [("#1001", False), ("#1001", True)] == bench.sent
    assert bench.shop.tokens_given >= 2


async def test_no_new_token_in_the_middle_is_uncertain(bench: Bench) -> None:
    """
    It was sent, and then neither token nor order can be had: nobody says that it was not cancelled.
    """

    def shut(request: httpx.Request) -> None:
        if b"mutation" not in request.content and bench.shop.received:
            bench.shop.revoke_tokens()
            bench.shop.switches.no_token = "app_not_installed"

    http = httpx.AsyncClient(transport=_Spied(bench, shut))
    with pytest.raises(Uncertain) as caught:
        await cancel_order(client_of(bench.shop, bench.clock, http, **BY_APP), bench.gid("#1001"), CHOICES)

    assert "app is not installed" in caught.value.message
    assert [("#1001", True)] == bench.sent


async def test_no_new_token_before_it_is_sent_changes_nothing(bench: Bench) -> None:
    """
    The token is refused with the cancellation itself, and the shop does not answer when it is asked for another.
    """

    def shut(request: httpx.Request) -> None:
        if b"mutation" in request.content:
            bench.shop.revoke_tokens()
            bench.shop.switches.only, bench.shop.switches.fail_next = "token", 100

    http = httpx.AsyncClient(transport=_Spied(bench, shut))
    with pytest.raises(Retryable) as caught:
        await cancel_order(client_of(bench.shop, bench.clock, http, **BY_APP), bench.gid("#1001"), CHOICES)

    assert "when it was asked for a token" in caught.value.message
    assert "That was not carried out in the shop." in caught.value.message
    assert [("#1001", False)] == bench.sent


async def test_a_missing_scope_stops_it_before_it_is_carried_out(bench: Bench) -> None:
    """
    Reading is allowed, cancelling is not: a person gives the app the right that is named.
    """
    bench.shop.switches.scopes = ("read_orders", *DEFAULT_SCOPES[1:])

    error = await _stopped(bench)

    assert isinstance(error, SignInNeeded)
    assert "write_orders" in error.message
    assert "That was not carried out in the shop." in error.message
    assert [("#1001", False)] == bench.sent


async def test_a_wrong_version_stops_it_before_anything_is_sent(bench: Bench) -> None:
    """
    The read before the cancellation notices.
    """
    bench.shop.switches.answered_version = "2027-01"

    error = await _stopped(bench)

    assert isinstance(error, BadInput)
    assert [] == bench.sent


async def test_an_answer_that_lacks_a_part_still_counts(bench: Bench) -> None:
    """
    The mutation ran, only a field of its answer was denied: that is a cancellation, not a refusal.
    """

    def deny_the_result(request: httpx.Request) -> httpx.Response | None:
        if b"mutation" not in request.content:
            return None
        bench.shop.orders["#1001"].cancel(
            CancellationMade(
                reason=CancelReason.CUSTOMER, restock=True, notify_customer=False, staff_note=None, refund=True
            ),
            bench.clock(),
        )
        denied = {
            "message": "Access denied",
            "path": ["orderCancel", "jobResult"],
            "extensions": {"code": "ACCESS_DENIED"},
        }
        answer: JsonValue = {"job": {"id": "gid://shopify/Job/1"}, "jobResult": None, "orderCancelUserErrors": []}
        return httpx.Response(200, json={"data": {"orderCancel": answer}, "errors": [denied]})

    settlement = await cancel_order(_spied(bench, deny_the_result), bench.gid("#1001"), CHOICES)

    assert Refund.NOW == settlement.refund


async def test_nothing_was_sent_when_nobody_listens(bench: Bench) -> None:
    """
    The connection for the cancellation itself cannot be made.
    """

    def refuse(request: httpx.Request) -> None:
        if b"mutation" in request.content:
            raise httpx.ConnectError("refused")

    error = await _stopped_after(bench, refuse)

    assert isinstance(error, Retryable)
    assert "cannot be reached" in error.message
    assert "That was not carried out in the shop." in error.message
    assert [] == bench.sent
