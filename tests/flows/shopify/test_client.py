"""
The Admin API on a bad day, while nothing is changed.
"""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from agent.errors import BadInput, NeedsOperator, Retryable, SignInNeeded
from fixtures.shopify.switches import DEFAULT_SCOPES, Failure
from flows.shopify.lookup import find_order, read_order
from tests.flows.shopify.bench import Bench, client_of


@pytest.mark.parametrize("failure", list(Failure))
async def test_a_read_is_tried_again(bench: Bench, far_bench: Bench, failure: Failure) -> None:
    """
    Two failures, and then the answer.
    """
    where = far_bench if failure is Failure.CUT else bench  # a connection is needed to cut one
    where.shop.switches.fail_next, where.shop.switches.fail_with = 2, failure

    order = await read_order(where.client, where.gid("#1001"))

    assert "#1001" == order.name
    assert 2 == len(where.clock.waited)


@pytest.mark.parametrize(
    "failure, words",
    [
        (Failure.STATUS_502, "answered with HTTP 502"),
        (Failure.STATUS_500, "answered with HTTP 500"),
        (Failure.HTML, "no GraphQL answer"),
        (Failure.TRUNCATED, "no GraphQL answer"),
        (Failure.INTERNAL, "internal error"),
        (Failure.STATUS_429, "too busy"),
    ],
)
async def test_a_shop_that_stays_down_is_retryable(bench: Bench, failure: Failure, words: str) -> None:
    """
    After a few tries and seconds the work is put off.
    """
    bench.shop.switches.fail_next, bench.shop.switches.fail_with = 100, failure

    with pytest.raises(Retryable) as caught:
        await read_order(bench.client, bench.gid("#1001"))

    assert words in caught.value.message
    assert "(shop main)" in caught.value.message
    assert sum(bench.clock.waited) < 60


async def test_a_shop_that_is_not_there_is_retryable(bench: Bench) -> None:
    """
    Nobody listens at the address.
    """
    async with httpx.AsyncClient(trust_env=False) as http:
        client = client_of(bench.shop, bench.clock, http)
        bench.shop.stop()
        with pytest.raises(Retryable) as caught:
            await read_order(client, "gid://shopify/Order/1")

    assert "cannot be reached" in caught.value.message


async def test_a_slow_shop_is_retryable(far_bench: Bench) -> None:
    """
    No answer in time, again and again.
    """
    far_bench.shop.switches.hold_next, far_bench.shop.switches.hold_seconds = 100, 600

    with pytest.raises(Retryable) as caught:
        await read_order(far_bench.client, far_bench.gid("#1001"))

    assert "did not answer within" in caught.value.message


async def test_a_busy_shop_is_waited_for(bench: Bench) -> None:
    """
    The wait is what the missing points take to come back, and a little more.
    """
    bench.shop.switches.throttle_next, bench.shop.switches.throttle_available = 3, 8

    await read_order(bench.client, bench.gid("#1001"))

    assert 3 == len(bench.clock.waited)
    assert all(0.3 <= seconds < 3 for seconds in bench.clock.waited)


async def test_a_busy_shop_is_not_waited_for_forever(bench: Bench) -> None:
    """
    A storm ends as something for later.
    """
    bench.shop.switches.throttle_next = 100

    with pytest.raises(Retryable) as caught:
        await read_order(bench.client, bench.gid("#1001"))

    assert "too busy" in caught.value.message
    assert 11 == len(bench.clock.waited)


async def test_what_cannot_be_afforded_is_waited_for(bench: Bench) -> None:
    """
    The last answer said what is left: so the next call waits first, and is not turned away.
    """
    switches = bench.shop.switches
    switches.points_left = 45
    await read_order(bench.client, bench.gid("#1001"))
    before = list(bench.clock.waited)

    await read_order(bench.client, bench.gid("#1002"))

    assert [] == before
    assert [pytest.approx(0.05)] == bench.clock.waited


async def test_what_comes_back_meanwhile_is_counted(bench: Bench) -> None:
    """
    Time that passed between two calls needs no waiting.
    """
    bench.shop.switches.points_left = 45
    await read_order(bench.client, bench.gid("#1001"))

    bench.clock.at += timedelta(seconds=1)
    await read_order(bench.client, bench.gid("#1002"))

    assert [] == bench.clock.waited


async def test_others_may_have_spent_the_points(bench: Bench) -> None:
    """
    What we counted on is gone: turned away, waited for, and answered.
    """
    await read_order(bench.client, bench.gid("#1001"))
    bench.shop.switches.points_left = -162

    order = await read_order(bench.client, bench.gid("#1002"))

    assert "#1002" == order.name
    assert 1 == len(bench.clock.waited)
    assert 2 <= bench.clock.waited[0] < 4.5


async def test_a_storm_of_reads_is_never_turned_away_for_long(bench: Bench) -> None:
    """
    A hundred reads with a hundred points: all are answered, in about the time that the points need.
    """
    bench.shop.switches.points_left = 100

    for _ in range(100):
        await read_order(bench.client, bench.gid("#1001"))

    assert 8 <= sum(bench.clock.waited) <= 16


def _with_error(path: list[str | int], code: str, **emptied: object) -> httpx.AsyncClient:
    order: dict[str, object] = {
        "id": "gid://shopify/Order/1",
        "legacyResourceId": "1",
        "name": "#1",
        "cancelledAt": None,
        "displayFulfillmentStatus": "UNFULFILLED",
        "displayFinancialStatus": "PAID",
        "returnStatus": "NO_RETURN",
        "totalRefundedSet": {"shopMoney": {"amount": "0.00", "currencyCode": "USD"}},
        "fulfillments": [],
        "fulfillmentOrders": {"nodes": []},
    }
    scopes = [{"handle": scope} for scope in DEFAULT_SCOPES]
    data = {"order": order | emptied, "currentAppInstallation": {"accessScopes": scopes}}
    if emptied.get("order", order) is None:
        data["order"] = None
    needed = "Required access: `read_fulfillments` access scope."
    error = {"message": "gone", "path": path, "extensions": {"code": code, "requiredAccess": needed}}
    answer = {"data": data, "errors": [error]}
    return httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=answer)))


@pytest.mark.parametrize(
    "path, emptied",
    [
        (["order", "cancelledAt"], {"cancelledAt": None}),
        (["order", "displayFinancialStatus"], {"displayFinancialStatus": None}),
        (["order", "totalRefundedSet", "shopMoney", "amount"], {"totalRefundedSet": None}),
        (["order", "fulfillments", 0, "status"], {"fulfillments": None}),
        (["order", "fulfillmentOrders", "nodes", 3, "status"], {}),
        (["order"], {"order": None}),
        ([], {}),
    ],
)
async def test_a_part_that_an_error_took_away_is_no_answer(
    bench: Bench, path: list[str | int], emptied: dict[str, object]
) -> None:
    """
    "Not cancelled" and "could not be read" look the same in an answer with errors: asked again, then put off.
    """
    async with _with_error(path, "INTERNAL_SERVER_ERROR", **emptied) as http:
        with pytest.raises(Retryable, match="without what was needed"):
            await read_order(client_of(bench.shop, bench.clock, http), "gid://shopify/Order/1")

    assert 3 == len(bench.clock.waited)


async def test_a_part_that_is_denied_names_the_scope(bench: Bench) -> None:
    """
    That is for a person at once.
    """
    async with _with_error(["order", "fulfillments"], "ACCESS_DENIED", fulfillments=None) as http:
        with pytest.raises(SignInNeeded, match="lacks the scope read_fulfillments"):
            await read_order(client_of(bench.shop, bench.clock, http), "gid://shopify/Order/1")

    assert [] == bench.clock.waited


async def test_an_error_about_something_on_the_side_does_not_matter(bench: Bench) -> None:
    """
    Nothing that we go by is missing.
    """
    async with _with_error(["order", "legacyResourceId"], "INTERNAL_SERVER_ERROR", legacyResourceId=None) as http:
        order = await read_order(client_of(bench.shop, bench.clock, http), "gid://shopify/Order/1")

    assert "#1" == order.name


@pytest.mark.parametrize("hidden", DEFAULT_SCOPES[1:])
async def test_none_seen_is_not_none_there(bench: Bench, hidden: str) -> None:
    """
    Without the right to see all fulfillment orders an order is not judged, however untouched it looks.
    """
    bench.shop.switches.scopes = tuple(scope for scope in DEFAULT_SCOPES if scope != hidden)

    with pytest.raises(SignInNeeded, match="cannot see all fulfillment orders of #1001") as caught:
        await read_order(bench.client, bench.gid("#1001"))
    cancelled = await read_order(bench.client, bench.gid("#1024"))

    assert hidden in caught.value.message
    assert f"Give the app the scope {hidden}" in caught.value.next
    assert cancelled.cancelled_at is not None


async def test_seeing_is_enough_to_judge(bench: Bench) -> None:
    """
    The right to read is all that reading needs.
    """
    bench.shop.switches.scopes = tuple(scope.replace("write_", "read_") for scope in DEFAULT_SCOPES)

    assert "#1001" == (await read_order(bench.client, bench.gid("#1001"))).name


async def test_a_wrong_token_is_for_a_person(bench: Bench) -> None:
    """
    One call, no second try, and the token is not in the message.
    """
    client = bench.changed(token="shpat_wrong_1234567890")

    with pytest.raises(SignInNeeded) as caught:
        await read_order(client, bench.gid("#1001"))

    assert "does not accept the access token (HTTP 401)" in caught.value.message
    assert "shpat_" not in caught.value.message + caught.value.next
    assert [] == bench.clock.waited


async def test_a_missing_scope_is_named(bench: Bench) -> None:
    """
    A person reads which right the app needs.
    """
    bench.shop.switches.scopes = ()

    with pytest.raises(SignInNeeded) as caught:
        await find_order(bench.client, "#1001")

    assert "read_orders" in caught.value.message
    assert "read_orders" in caught.value.next


async def test_another_version_is_refused(bench: Bench) -> None:
    """
    A version that is no longer served falls forward silently; we do not.
    """
    with pytest.raises(BadInput) as caught:
        await read_order(bench.changed(api_version="2025-07"), bench.gid("#1001"))

    assert "answers with version 2026-01" in caught.value.message
    assert "api_version" in caught.value.next


async def test_an_older_version_that_is_served_works(bench: Bench) -> None:
    """
    The pin may be any version that the shop still serves.
    """
    order = await read_order(bench.changed(api_version="2026-04"), bench.gid("#1001"))

    assert "#1001" == order.name


@pytest.mark.parametrize(
    "status, family, words",
    [
        (403, SignInNeeded, "does not accept the access token"),
        (402, NeedsOperator, "closed the shop"),
        (423, NeedsOperator, "closed the shop"),
        (404, BadInput, "no Admin API"),
        (302, BadInput, "no Admin API"),
    ],
)
async def test_a_closed_door_says_who_opens_it(bench: Bench, status: int, family: type[Exception], words: str) -> None:
    """
    Each status is sorted by who acts next; a redirect is never followed, as the token would go along.
    """

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"Location": "https://elsewhere.example/"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(family, match=words):
            await read_order(client_of(bench.shop, bench.clock, http), bench.gid("#1001"))
