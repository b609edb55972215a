"""
An app that asks for its tokens by itself.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from agent.errors import BadInput, NeedsOperator, Retryable, SignInNeeded
from agent.redact import redactor
from agent.vault import Vault, VaultTokens
from fixtures.shopify.access import CLIENT_SECRET
from fixtures.shopify.switches import Failure
from flows.shopify.lookup import read_order
from tests.flows.shopify.bench import BY_APP, Bench, Tokens, client_of

DAY = 86399


async def test_a_token_is_asked_for_once_and_kept(bench: Bench) -> None:
    """
    Several calls and several runs use one token.
    """
    tokens = Tokens()

    for _ in range(2):
        client = bench.changed(tokens=tokens, **BY_APP)
        await read_order(client, bench.gid("#1001"))
        await read_order(client, bench.gid("#1002"))

    assert (1, 1) == (bench.shop.tokens_given, tokens.saves)


@pytest.mark.parametrize("left, asked", [(301, 1), (299, 2), (-10, 2)])
async def test_a_token_is_replaced_a_little_before_its_end(bench: Bench, left: int, asked: int) -> None:
    """
    Five minutes early: a call that is on its way must still arrive.
    """
    tokens = Tokens()
    client = bench.changed(tokens=tokens, **BY_APP)
    await read_order(client, bench.gid("#1001"))

    await bench.clock.sleep(DAY - left)
    await read_order(client, bench.gid("#1001"))
    await read_order(bench.changed(tokens=tokens, **BY_APP), bench.gid("#1001"))

    assert asked == bench.shop.tokens_given


async def test_a_refused_token_is_replaced_once(bench: Bench) -> None:
    """
    The shop has revoked it before its end: another one is asked for, and kept.
    """
    tokens = Tokens()
    await read_order(bench.changed(tokens=tokens, **BY_APP), bench.gid("#1001"))
    bench.shop.revoke_tokens()

    order = await read_order(bench.changed(tokens=tokens, **BY_APP), bench.gid("#1001"))

    assert ("#1001", 2, 2) == (order.name, bench.shop.tokens_given, tokens.saves)


async def test_a_shop_that_refuses_every_token_is_for_a_person(bench: Bench) -> None:
    """
    One more try, and no third.
    """

    def revoke(request: httpx.Request) -> httpx.Response | None:
        return None if request.url.path.endswith("access_token") else httpx.Response(401)

    class Refusing(httpx.AsyncBaseTransport):
        def __init__(self) -> None:
            self.calls = 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.calls += 1
            return revoke(request) or await httpx.ASGITransport(bench.shop.app).handle_async_request(request)

    refusing = Refusing()
    async with httpx.AsyncClient(transport=refusing) as http:
        with pytest.raises(SignInNeeded, match="does not accept the access token"):
            await read_order(client_of(bench.shop, bench.clock, http, **BY_APP), bench.gid("#1001"))

    assert (4, 2) == (refusing.calls, bench.shop.tokens_given)


async def test_a_refused_lasting_token_is_not_tried_again(bench: Bench) -> None:
    """
    There is no other.
    """
    with pytest.raises(SignInNeeded):
        await read_order(bench.changed(token="shpat_wrong_1234567890"), bench.gid("#1001"))

    assert 0 == bench.shop.tokens_given


@pytest.mark.parametrize(
    "why, advice", [("shop_not_permitted", "one organisation"), ("app_not_installed", "Install it")]
)
async def test_why_there_is_no_token_is_told(bench: Bench, why: str, advice: str) -> None:
    """
    The real shop names its reason on a page for people; each has a sentence and something to do.
    """
    bench.shop.switches.no_token = "shop_not_permitted" if why == "shop_not_permitted" else "app_not_installed"

    with pytest.raises(SignInNeeded) as caught:
        await read_order(bench.changed(**BY_APP), bench.gid("#1001"))

    assert f"({why})" in caught.value.message
    assert advice in caught.value.next
    assert [] == bench.clock.waited


async def test_a_wrong_secret_is_for_a_person_and_not_shown(bench: Bench) -> None:
    """
    Neither the secret nor the answer's own words are repeated.
    """
    with pytest.raises(SignInNeeded) as caught:
        await read_order(bench.changed(**BY_APP | {"client_secret": "shpss_wrong_secret"}), bench.gid("#1001"))

    assert "does not accept the app's client_id and client_secret (HTTP 400)" in caught.value.message
    assert "shpss_wrong_secret" not in caught.value.message + caught.value.next


@pytest.mark.parametrize(
    "status, family", [(404, BadInput), (302, BadInput), (402, NeedsOperator), (423, NeedsOperator)]
)
async def test_a_closed_door_says_who_opens_it(bench: Bench, status: int, family: type[Exception]) -> None:
    """
    As for every other call; a redirect is not followed, as the secret would go along.
    """
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(status))) as http:
        with pytest.raises(family):
            await read_order(client_of(bench.shop, bench.clock, http, **BY_APP), bench.gid("#1001"))


@pytest.mark.parametrize("failure", [failure for failure in Failure if failure is not Failure.CUT])
async def test_a_shop_that_gives_no_answer_is_asked_again(bench: Bench, failure: Failure) -> None:
    """
    Two failures, and then the token.
    """
    switches = bench.shop.switches
    switches.only, switches.fail_next, switches.fail_with = "token", 2, failure

    assert "#1001" == (await read_order(bench.changed(**BY_APP), bench.gid("#1001"))).name
    assert 2 == len(bench.clock.waited)


async def test_a_shop_that_stays_down_is_retryable(bench: Bench) -> None:
    """
    Asked a few times, not a few times for each try of the call itself.
    """
    bench.shop.switches.only, bench.shop.switches.fail_next = "token", 100

    with pytest.raises(Retryable, match="when it was asked for a token"):
        await read_order(bench.changed(**BY_APP), bench.gid("#1001"))

    assert 96 == bench.shop.switches.fail_next


async def test_two_at_once_do_no_harm(bench: Bench) -> None:
    """
    Both find the token gone and ask for one: both go on, and a third uses what was kept last.
    """
    tokens = Tokens()
    together = asyncio.Barrier(2)

    class AtOnce(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("access_token"):
                await together.wait()
            return await httpx.ASGITransport(bench.shop.app).handle_async_request(request)

    async with httpx.AsyncClient(transport=AtOnce()) as http:
        both = [client_of(bench.shop, bench.clock, http, tokens=tokens, **BY_APP) for _ in range(2)]
        read = await asyncio.gather(*(read_order(client, bench.gid("#1001")) for client in both))
    await read_order(bench.changed(tokens=tokens, **BY_APP), bench.gid("#1001"))

    assert ["#1001", "#1001"] == [order.name for order in read]
    assert (2, 2) == (bench.shop.tokens_given, tokens.saves)


async def test_a_token_that_cannot_be_kept_still_serves(bench: Bench) -> None:
    """
    The disk is full: this run goes on.
    """

    class Full(Tokens):
        def save(self, key: str, kept: object) -> None:
            raise OSError(28, "no space left on device")

    client = bench.changed(tokens=Full(), **BY_APP)
    await read_order(client, bench.gid("#1001"))
    await read_order(client, bench.gid("#1001"))

    assert 1 == bench.shop.tokens_given


async def test_the_token_is_sealed_and_never_shown(bench: Bench, tmp_path: Path) -> None:
    """
    It lies in the vault, unreadable, and is blotted out of whatever would show it. The secret is nowhere.
    """
    vault = VaultTokens(Vault(tmp_path / "home"))
    seen: list[str] = []

    class Listening(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(request.headers.get("X-Shopify-Access-Token", ""))
            return await httpx.ASGITransport(bench.shop.app).handle_async_request(request)

    async with httpx.AsyncClient(transport=Listening()) as http:
        await read_order(client_of(bench.shop, bench.clock, http, tokens=vault, **BY_APP), bench.gid("#1001"))

    token = seen[-1]
    on_disk = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert token.startswith("shpat_pretend")
    assert token.encode() not in on_disk
    assert CLIENT_SECRET.encode() not in on_disk
    assert token not in redactor.clean(f"token={token}")
    assert SecretStr(token) == next(kept.token for kept in [vault.load(_key(tmp_path))] if kept)


def _key(folder: Path) -> str:
    (sealed,) = (folder / "home" / "vault").glob("token-*.sealed")
    return sealed.name.removeprefix("token-").removesuffix(".sealed")


@pytest.mark.parametrize(
    "changes",
    [{"client_id": "another-app"}, {"base_url": "https://elsewhere.example"}, {"domain": "other-shop.myshopify.com"}],
)
async def test_each_app_and_shop_has_a_token_of_its_own(bench: Bench, changes: dict[str, str]) -> None:
    """
    A token is never sent to another shop than the one that gave it.
    """
    tokens = Tokens()
    await read_order(bench.changed(tokens=tokens, **BY_APP), bench.gid("#1001"))
    before = bench.shop.tokens_given

    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(400))) as http:
        client = client_of(bench.shop, bench.clock, http, tokens=tokens, **BY_APP | changes)
        with pytest.raises(SignInNeeded, match="client_secret"):
            await read_order(client, bench.gid("#1001"))

    assert 1 == before
