"""
A shop that is ready, and everything that may be wrong with one.
"""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from agent.errors import BadInput, CountermandError, Retryable, SignInNeeded
from agent.storefront import ShopFinding
from fixtures.shopify.switches import DEFAULT_SCOPES, Failure
from flows.shopify.auth import access_for
from flows.shopify.check import LOOKED_AT, check_shop
from flows.shopify.client import ShopifyClient
from flows.shopify.settings import Patience, ShopifySettings
from flows.shopify.transport import Transport
from tests.flows.shopify.bench import BY_APP, Bench, Tokens


async def _check(
    bench: Bench, http: httpx.AsyncClient | None = None, *, tokens: Tokens | None = None, **settings: object
) -> dict[str, ShopFinding]:
    given = {"domain": bench.shop.domain, "token": bench.shop.token, "base_url": bench.shop.url} | settings
    typed = ShopifySettings.model_validate(given)
    transport = Transport(
        "main", typed, http or bench.http, patience=Patience(), sleep=bench.clock.sleep, now=bench.clock
    )
    access = access_for(transport, tokens or Tokens())
    found = await check_shop(ShopifyClient(transport, access), access, "main", bench.clock)
    assert list(LOOKED_AT) == [finding.what for finding in found]
    assert [] == bench.shop.received
    return {finding.what: finding for finding in found}


def _wrong(found: dict[str, ShopFinding]) -> dict[str, CountermandError]:
    return {what: finding.error for what, finding in found.items() if finding.error is not None}


async def test_a_shop_that_is_ready(bench: Bench) -> None:
    """
    Every line says what was found, and nothing is changed.
    """
    found = await _check(bench)

    assert {} == _wrong(found)
    assert "Pretend shop (mock-shop.myshopify.com) answers" == found["address"].found
    assert "a lasting one" in found["token"].found
    assert "2026-10 answers; Shopify serves it until about 2027-10-16; the newest is 2026-10" == found["version"].found
    assert "not granted: orders older than 60 days cannot be seen" == found["read_all_orders"].found
    assert "read_all_orders" in found["read_all_orders"].advice
    assert "the shop says so when it does not understand a search" == found["search"].found
    assert "within 120 s of the shop's" == found["clock"].found


async def test_the_end_of_a_token_is_told(bench: Bench) -> None:
    """
    An app's token has an end; a person need not do anything about it.
    """
    found = await _check(bench, **BY_APP)

    assert "good until 2026-11-21 11:59 UTC" in found["token"].found


async def test_an_app_gets_a_new_token(bench: Bench) -> None:
    """
    The one that is kept has the rights of the day it was given: a right that was given since must be found.
    """
    tokens = Tokens()
    bench.shop.switches.scopes = DEFAULT_SCOPES[:1]

    wrong = _wrong(await _check(bench, tokens=tokens, **BY_APP))
    bench.shop.switches.scopes = DEFAULT_SCOPES
    after = _wrong(await _check(bench, tokens=tokens, **BY_APP))

    assert [True, True] == ["shop check, which asks for a new token" in error.next for error in wrong.values()]
    assert ({}, 2) == (after, bench.shop.tokens_given)


@pytest.mark.parametrize("missing", DEFAULT_SCOPES)
async def test_each_missing_scope_is_named(bench: Bench, missing: str) -> None:
    """
    With what it is needed for, what happens without it, and where to give it.
    """
    bench.shop.switches.scopes = tuple(scope for scope in DEFAULT_SCOPES if scope != missing)

    wrong = _wrong(await _check(bench))

    assert [missing] == list(wrong)
    assert isinstance(wrong[missing], SignInNeeded)
    assert f"lacks the scope {missing} (for " in wrong[missing].message
    assert missing in wrong[missing].next


@pytest.mark.parametrize("only", [scope.replace("write_", "read_") for scope in DEFAULT_SCOPES])
async def test_reading_is_not_enough(bench: Bench, only: str) -> None:
    """
    Writing includes reading; reading does not include writing.
    """
    needed = only.replace("read_", "write_")
    bench.shop.switches.scopes = (only, *(scope for scope in DEFAULT_SCOPES if scope != needed))

    assert [needed] == list(_wrong(await _check(bench)))


async def test_without_any_scope_all_are_named(bench: Bench) -> None:
    """
    The search waits for the right to read orders.
    """
    bench.shop.switches.scopes = ()

    found = await _check(bench)

    assert list(DEFAULT_SCOPES) == list(_wrong(found))
    assert "write_orders" == found["search"].waits_for


async def test_old_orders_may_be_seen(bench: Bench) -> None:
    """
    The optional right is granted.
    """
    bench.shop.switches.scopes = (*DEFAULT_SCOPES, "read_all_orders")

    finding = (await _check(bench))["read_all_orders"]

    assert ("granted: orders older than 60 days", "") == (finding.found, finding.advice)


@pytest.mark.parametrize(
    "pin, gone, words",
    [
        ("2025-07", (), "the shop answers with version 2026-01 of its API, but the settings pin 2025-07"),
        ("2026-01", ("2026-01",), "the shop answers with version 2026-04"),
    ],
)
async def test_a_version_that_fell_forward(bench: Bench, pin: str, gone: tuple[str, ...], words: str) -> None:
    """
    The rest is looked at all the same.
    """
    bench.shop.switches.versions_gone = gone

    wrong = _wrong(await _check(bench, api_version=pin))

    assert ["version"] == list(wrong)
    assert isinstance(wrong["version"], BadInput)
    assert words in wrong["version"].message
    assert "the newest, 2026-10" in wrong["version"].next


async def test_a_version_that_is_no_longer_listed(bench: Bench) -> None:
    """
    The header still claims it, the shop's own list does not.
    """
    bench.shop.switches.versions_gone, bench.shop.switches.answered_version = ("2026-01",), "2026-01"

    wrong = _wrong(await _check(bench, api_version="2026-01"))

    assert "does not list version 2026-01 of its API any more; it lists 2026-04, 2026-07" in wrong["version"].message


@pytest.mark.parametrize(
    "pin, found, advice",
    [
        ("2026-01", "2026-01 answers, but Shopify serves it only until about 2027-01-16", "the newest is 2026-10"),
        ("2026-04", "2026-04 answers; Shopify serves it until about 2027-04-16; the newest is 2026-10", ""),
        ("2027-01", "2027-01 answers; it is no stable version", "2026-10, the newest stable one"),
        ("unstable", "unstable answers; it is no stable version", "2026-10, the newest stable one"),
    ],
)
async def test_a_version_that_ends_soon_or_may_change(bench: Bench, pin: str, found: str, advice: str) -> None:
    """
    Nothing is wrong yet, and a person is told what to do in time.
    """
    finding = (await _check(bench, api_version=pin))["version"]

    assert (found, None) == (finding.found, finding.error)
    assert advice in finding.advice
    assert bool(advice) == bool(finding.advice)


@pytest.mark.parametrize(
    "ahead, words", [(119, None), (-119, None), (121, "121 s behind the shop's"), (-600, "600 s ahead of the shop's")]
)
async def test_a_clock_that_is_wrong(bench: Bench, ahead: float, words: str | None) -> None:
    """
    Two minutes are nothing.
    """
    bench.shop.switches.clock_ahead = ahead

    error = (await _check(bench))["clock"].error

    assert (words is None) == (error is None)
    if words is not None and error is not None:
        assert words in error.message
        assert isinstance(error, BadInput)


async def test_a_search_that_is_ignored_without_a_word(bench: Bench) -> None:
    """
    The trap is named; names are compared one by one, so it is no error.
    """
    bench.shop.switches.search_silent = True

    finding = (await _check(bench))["search"]

    assert "finds everything without a word" in finding.found
    assert "give an order's id" in finding.advice


async def test_a_wrong_token_stops_the_rest(bench: Bench) -> None:
    """
    The address is right; everything else waits.
    """
    found = await _check(bench, token="shpat_wrong_1234567890")

    assert {"token": SignInNeeded} == {what: type(error) for what, error in _wrong(found).items()}
    assert "answers" in found["address"].found
    assert {"token"} == {finding.waits_for for finding in found.values() if finding.waits_for}


async def test_a_shop_that_is_down(bench: Bench) -> None:
    """
    Try later.
    """
    bench.shop.switches.fail_next, bench.shop.switches.fail_with = 100, Failure.STATUS_503

    found = await _check(bench)

    assert {"address": Retryable} == {what: _family(error) for what, error in _wrong(found).items()}


def _family(error: CountermandError) -> type[CountermandError]:
    return next(kind for kind in (Retryable, SignInNeeded, BadInput) if isinstance(error, kind))


async def test_another_shop_at_the_address(bench: Bench) -> None:
    """
    Orders would be looked for in the wrong shop.
    """
    wrong = _wrong(await _check(bench, domain="my-shop.myshopify.com"))

    assert ["address"] == list(wrong)
    assert "is mock-shop.myshopify.com, but the settings say my-shop.myshopify.com" in wrong["address"].message


async def test_a_shop_that_does_not_tell_its_time(bench: Bench) -> None:
    """
    Then there is nothing to compare with, and nothing wrong.
    """

    class Timeless(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await httpx.ASGITransport(bench.shop.app).handle_async_request(request)
            del response.headers["Date"]
            return response

    async with httpx.AsyncClient(transport=Timeless()) as http:
        finding = (await _check(bench, http))["clock"]

    assert ("the shop does not tell its time", None) == (finding.found, finding.error)
    assert datetime(2026, 11, 20, 12, 0, tzinfo=UTC) == bench.clock()
