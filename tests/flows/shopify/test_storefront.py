"""
Shopify as the engine sees it.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from agent.errors import BadInput, Retryable
from agent.model import KeptToken, Refund
from agent.storefront import ShopOrder
from fixtures.shopify import FakeShop
from flows.shopify.settings import ShopifySettings
from flows.shopify.storefront import STOREFRONT
from tests.flows.shopify.bench import CHOICES


class _NoTokens:
    """A lasting token is never kept."""

    def load(self, key: str) -> KeptToken | None:
        raise AssertionError(f"nobody needs the token {key}")

    def save(self, key: str, kept: KeptToken) -> None:
        raise AssertionError(f"nobody keeps the token {key}")


def _settings(shop: FakeShop) -> ShopifySettings:
    given = {"domain": shop.domain, "token": shop.token, "base_url": shop.url, "confirm_within": "5s"}
    return ShopifySettings.model_validate(given)


async def test_a_shop_is_opened_read_and_settled(tmp_path: Path) -> None:
    """
    Over a real connection, with real waiting: found, guarded, cancelled once, read back.
    """
    with FakeShop(record=tmp_path / "shop.jsonl") as shop:
        shop.switches.cancel_delay = 0.05
        async with STOREFRONT.open("main", _settings(shop), _NoTokens()) as opened:
            found = await opened.find("1001")
            settlement = await opened.cancel(found.gid, CHOICES)
            after = await opened.read(found.gid)

        assert ShopOrder(gid=shop.orders["#1001"].gid, name="#1001") == found
        assert Refund.NOW == settlement.refund
        assert settlement.cancelled_at == after.cancelled_at
        assert ["orderCancel"] == [line.operation for line in shop.received]


async def test_an_obstacle_comes_with_advice(tmp_path: Path) -> None:
    """
    The engine is told why an order may not be cancelled, and what a person can do.
    """
    with FakeShop(record=tmp_path / "shop.jsonl") as shop:
        async with STOREFRONT.open("main", _settings(shop), _NoTokens()) as opened:
            sent, on_hold, cancelled = [await opened.find(name) for name in ("#1020", "#1023", "#1024")]
            nothing = await opened.take_back(on_hold.gid)

    assert "the shop order #1020 is fulfilled: its goods were sent" == sent.obstacle
    assert "Agree on a return" in (sent.advice or "")
    assert (None, None, None) == (on_hold.obstacle, on_hold.advice, nothing)
    assert (None, None) == (cancelled.obstacle, cancelled.advice)
    assert cancelled.cancelled_at is not None


async def test_a_shop_that_is_down_is_retryable(tmp_path: Path) -> None:
    """
    Opening speaks to nobody; the first question does.
    """
    shop = FakeShop(record=tmp_path / "shop.jsonl")
    shop.stop()

    async with STOREFRONT.open("main", _settings(shop), _NoTokens()) as opened:
        with pytest.raises(Retryable):
            await opened.find("#1001")


async def test_unknown_orders_are_bad_input(tmp_path: Path) -> None:
    """
    Found or not is decided by the shop's answer.
    """
    with FakeShop(record=tmp_path / "shop.jsonl") as shop:
        async with STOREFRONT.open("main", _settings(shop), _NoTokens()) as opened:
            with pytest.raises(BadInput):
                await opened.find("#4711")


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"domain": "shop.example.com"}, "my-shop.myshopify.com"),
        ({"token": " "}, "access token"),
        ({"token": "with\nbreak in it"}, "access token"),
        ({"base_url": "http://shop.example.com"}, "https://"),
        ({"base_url": "http://127.0.0.1:8804/admin"}, "only the address"),
        ({"api_version": "latest"}, "api_version"),
        ({"colour": "red"}, "colour"),
        ({"token": None}, "give token, or client_id and client_secret: how"),
        ({"client_id": "app", "client_secret": "shpss_x"}, "not both"),
        ({"client_id": "app"}, "not both"),
        ({"token": None, "client_id": "app"}, "client_secret is missing"),
        ({"token": None, "client_secret": "shpss_x"}, "client_id is missing"),
        ({"token": None, "client_id": "app", "client_secret": "two words"}, "the client secret is empty or has"),
        ({"token": None, "client_id": " ", "client_secret": "shpss_x"}, "the client id is empty or has"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, str | None], words: str) -> None:
    """
    Every mistake is named, and what was written is never shown, as it may be a secret.
    """
    given = {"domain": "my-shop.myshopify.com", "token": "shpat_secret_value"}

    with pytest.raises(ValidationError) as caught:
        ShopifySettings.model_validate(given | changes)

    assert words in str(caught.value)
    assert "shpat_secret_value" not in str(caught.value)


def test_settings_are_read_as_people_write_them() -> None:
    """
    The address may be pasted from a browser, and times are written with their unit.
    """
    written = {
        "domain": "https://My-Shop.myshopify.com/",
        "token": "abc\n",
        "confirm_within": "2m",
        "answer_within": "500ms",
    }

    settings = ShopifySettings.model_validate(written)

    assert "https://my-shop.myshopify.com/admin/api/2026-10/graphql.json" == settings.endpoint
    assert SecretStr("abc") == settings.token
    assert (timedelta(minutes=2), timedelta(milliseconds=500)) == (settings.confirm_within, settings.answer_within)
