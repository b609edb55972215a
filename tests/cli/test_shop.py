"""``countermand shop check``: a shop that is ready, and what a person is told about one that is not."""

from __future__ import annotations

import pytest

from fixtures.playground import Playground
from fixtures.shopify.access import CLIENT_ID, CLIENT_SECRET
from fixtures.shopify.switches import DEFAULT_SCOPES, Failure
from tests.cli.conftest import Within
from tests.conftest import Ran

LOOKED_AT = ["address", "token", "version", *DEFAULT_SCOPES, "read_all_orders", "search", "clock"]


def _wrong(ran: Ran) -> dict[str, dict[str, str]]:
    return {one["what"]: one for one in ran.json["findings"] if not one["ok"]}


@pytest.mark.parametrize("named", [[], ["main"]])
def test_a_shop_that_is_ready(within: Within, playground: Playground, named: list[str]) -> None:
    """
    The only shop need not be named. Nothing is changed there.
    """
    ran = within("shop", "check", *named, "--json")

    assert (0, True, LOOKED_AT) == (ran.code, ran.json["ok"], [one["what"] for one in ran.json["findings"]])
    assert ["what", "ok", "found", "next"] == list(ran.json["findings"][0])
    assert [] == playground.shop.received


@pytest.mark.parametrize("missing", DEFAULT_SCOPES)
def test_each_missing_scope_is_named(within: Within, playground: Playground, missing: str) -> None:
    """
    Exit 20: a person gives the app that right. The table says the same.
    """
    playground.shop.switches.scopes = tuple(scope for scope in DEFAULT_SCOPES if scope != missing)

    ran = within("shop", "check", "--json")
    shown = within("shop", "check")

    waiting = ["search"] if missing == "write_orders" else []
    assert (20, [missing, *waiting]) == (ran.code, list(_wrong(ran)))
    assert f"lacks the scope {missing}" in _wrong(ran)[missing]["found"]
    assert f"Give the app the scope {missing}" in _wrong(ran)[missing]["next"]
    assert (20, True) == (shown.code, f"✗  {missing}" in shown.out)
    assert f"next: Give the app the scope {missing}" in shown.out


def test_a_shop_that_is_down(within: Within, playground: Playground) -> None:
    """
    Exit 10: try later; nothing else could be looked at.
    """
    playground.shop.stop()

    ran = within("shop", "check", "--json")

    assert (10, LOOKED_AT) == (ran.code, list(_wrong(ran)))
    assert "cannot be reached" in _wrong(ran)["address"]["found"]
    assert "not looked at: first address" == _wrong(ran)["clock"]["found"]


def test_a_version_that_fell_forward(within: Within, playground: Playground) -> None:
    """
    Exit 2: the settings pin a version that is gone.
    """
    playground.shop.switches.answered_version = "2026-07"

    ran = within("shop", "check", "--json")

    assert (2, ["version"]) == (ran.code, list(_wrong(ran)))


def test_the_worst_finding_gives_the_exit_code(within: Within, playground: Playground) -> None:
    """
    A wrong version and a missing right: a person is needed.
    """
    playground.shop.switches.answered_version = "2026-07"
    playground.shop.switches.scopes = DEFAULT_SCOPES[:2]

    ran = within("shop", "check", "--json")

    assert (20, ["version", DEFAULT_SCOPES[2]]) == (ran.code, list(_wrong(ran)))


def test_a_wrong_token(within: Within, playground: Playground) -> None:
    """
    Exit 20, and the token is not shown.
    """
    (playground.folder / "shop-token").write_text("shpat_wrong_and_secret")

    ran = within("shop", "check", "--json")

    assert 20 == ran.code
    assert "does not accept the access token (HTTP 401)" in _wrong(ran)["token"]["found"]
    assert "wrong_and_secret" not in ran.out + ran.err


def test_an_app_that_asks_for_its_token(
    within: Within, playground: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Asked for with each check, as an older one lacks the rights that the app was given since; kept in the vault for
    other commands, and found nowhere in clear.
    """
    _by_app(playground)
    monkeypatch.setenv("APP_SECRET", CLIENT_SECRET)

    ran = [within("shop", "check", "--json") for _ in range(2)]

    assert [0, 0] == [one.code for one in ran]
    assert "asked for by the app, good until" in ran[0].json["findings"][1]["found"]
    assert 2 == playground.shop.tokens_given
    assert ["token-mock-shop.myshopify.com"] == [
        path.name.rsplit(".", 2)[0] for path in (playground.home / "vault").glob("token-*.sealed")
    ]
    on_disk = b"".join(path.read_bytes() for path in playground.home.rglob("*") if path.is_file())
    assert CLIENT_SECRET.encode() not in on_disk
    assert b"shpat_" not in on_disk


@pytest.mark.parametrize(
    "changes, words",
    [
        ('token = { file = "shop-token" }', "give token, or client_id and client_secret, but not both"),
        ("", "client_secret: a secret is not written here"),
    ],
)
def test_settings_that_cannot_be_right(within: Within, playground: Playground, changes: str, words: str) -> None:
    """
    Exit 2, a sentence, and nobody is asked.
    """
    _by_app(playground, secret='{ file = "shop-token" }' if changes else '"shpss_in_clear_0000"', besides=changes)

    ran = within("shop", "check", "--json")

    assert 2 == ran.code
    assert words in ran.json["error"]["message"]
    assert "shpss_in_clear" not in ran.out + ran.err
    assert ": :" not in ran.json["error"]["message"]


def test_a_shop_that_is_not_in_the_settings(within: Within) -> None:
    """
    Exit 2, and the nearest name.
    """
    ran = within("shop", "check", "mian", "--json")

    assert (2, "Did you mean main?") == (ran.code, ran.json["error"]["next"])


def test_a_shop_in_a_storm(within: Within, playground: Playground) -> None:
    """
    A few failures are nothing that a person need hear of.
    """
    playground.shop.switches.fail_next, playground.shop.switches.fail_with = 1, Failure.HTML

    assert 0 == within("shop", "check").code


def _by_app(playground: Playground, secret: str = '{ env = "APP_SECRET" }', besides: str = "") -> None:
    text = playground.config.read_text()
    stored = 'token = { file = "shop-token" }'
    assert stored in text
    other = f'client_id = "{CLIENT_ID}"\nclient_secret = {secret}\n{besides}'
    playground.config.write_text(text.replace(stored, other, 1))
