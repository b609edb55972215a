"""
Whatever is wrong with what was asked, set or found: a sentence with a next step, the exit code of its family, no
traceback, and nothing submitted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.aliexpress.seed import MAIN, ORDERS, SECOND_ORDERS, UNKNOWN
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.conftest import MORE, CommandLine, Ran, needs_browser

PLACED = ORDERS["placed"]
REASON = ["--reason", "no_longer_needed"]
SHOP = ["--shop-order", "#1001", "--refund", "now"]


@pytest.fixture(autouse=True)
def swift(playground: Playground) -> None:
    """The portal answers at once."""
    playground.portal.world.set(delay_ms=0)


def refuses(ran: Ran, code: int, kind: str, *words: str) -> None:
    """One JSON document on stdout, the same sentence with a next step on stderr, no traceback."""
    error = ran.json["error"]
    said = " ".join(ran.err.split())
    assert (code, kind) == (ran.code, error["kind"]), said
    for word in words:
        assert word in error["message"]
    assert error["next"]
    assert error["message"].endswith((".", "!", "?"))
    assert f"{kind.replace('_', ' ')}: {' '.join(error['message'].split())}" in said
    assert f"next: {' '.join(error['next'].split())}" in said
    assert "Traceback" not in ran.err
    assert '", line ' not in ran.err


def untouched(playground: Playground) -> None:
    """Neither the portal nor the shop has received anything, and nobody has signed in."""
    assert [] == playground.portal.submitted
    assert [] == playground.shop.received
    assert {} == playground.portal.world.counts


def claims(within: Within) -> int:
    """How many cancellations there are."""
    return len(within("list", "--json").json["results"])


@dataclass(frozen=True)
class Case:
    """A command that cannot be carried out as it stands."""

    arguments: Sequence[str]
    words: Sequence[str]
    next: str


BEFORE_ANYTHING = {
    "malformed number": Case(["12AB", *REASON], ["“12AB” is no AliExpress order number"], "Copy it from My Orders"),
    "too short": Case(["123456789", *REASON], ["“123456789” is no AliExpress order number"], "16 digits"),
    "other digits": Case(["８１９０１０１０００００４５１２", *REASON], ["is no AliExpress order number"], "Copy it"),
    "no order": Case([*REASON], ["Missing argument"], "countermand cancel --help"),
    "unknown reason": Case([PLACED, "--reason", "changed_mind"], ["'changed_mind'", "no_longer_needed"], "--help"),
    "no reason": Case([PLACED], ["give the reason for the supplier"], "no_longer_needed"),
    "two reasons": Case([PLACED, *REASON, "--reason-text", "x"], ["give the reason for the supplier, once"], "Reasons"),
    "empty reason": Case([PLACED, "--reason-text", "  "], ["give the reason for the supplier"], "Reasons"),
    "note too long": Case([PLACED, *REASON, *SHOP, "--note", "x" * 256], ["256 characters", "at most 255"], "Shorten"),
    "missing refund": Case([PLACED, *REASON, "--shop-order", "#1001"], ["needs --refund now|later"], "policy of"),
    "unknown refund": Case([PLACED, *REASON, "--shop-order", "#1", "--refund", "maybe"], ["'maybe'"], "--help"),
    "unknown shop": Case([PLACED, *REASON, *SHOP, "--shop", "mian"], ["no shop called mian"], "Did you mean main?"),
    "unknown account": Case(
        [PLACED, *REASON, "--account", "nobody"], ["no account called nobody"], "[accounts.nobody]"
    ),
    "near account": Case(
        [PLACED, *REASON, "--account", "secnod"], ["no account called secnod"], "Did you mean second?"
    ),
    "refund without shop order": Case(
        [PLACED, *REASON, "--refund", "now"], ["--refund only goes with"], "--shop-order"
    ),
    "empty shop order": Case([PLACED, *REASON, "--shop-order", " ", "--refund", "now"], ["is empty"], "#1001"),
    "timeout without a unit": Case([PLACED, *REASON, "--timeout", "5"], ["“5” is no length of time"], "--timeout 30s"),
    "unknown option": Case([PLACED, *REASON, "--refnud", "now"], ["No such option: --refnud"], "--help"),
    "unknown wait": Case([PLACED, *REASON, "--wait", "forever"], ["'forever'"], "--help"),
    "unknown shop order": Case(
        [PLACED, *REASON, "--shop-order", "#9999", "--refund", "now"], ["no order called #9999"], "exactly as the shop"
    ),
    "two shop orders of one name": Case(
        [PLACED, *REASON, "--shop-order", "#1027", "--refund", "now"], ["means several orders"], "gid://shopify/Order"
    ),
}


@pytest.mark.parametrize("case", BEFORE_ANYTHING.values(), ids=BEFORE_ANYTHING.keys())
def test_a_request_that_cannot_be_is_refused_before_anything(
    playground: Playground, within: Within, case: Case
) -> None:
    """
    What is wrong with the request itself is said before the portal is touched, with exit 2, and nothing is claimed.
    """
    ran = within("cancel", "--json", *case.arguments)

    refuses(ran, 2, "bad_input", *case.words)
    assert case.next in ran.json["error"]["next"]
    assert None is ran.json["id"]
    untouched(playground)
    with sqlite3.connect(playground.home / "countermand.db") as connection:
        asked = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'cancellations'").fetchone()[0]
        assert 0 == (connection.execute("SELECT count(*) FROM cancellations").fetchone()[0] if asked else 0)
    connection.close()


def test_without_json_people_get_the_same_sentence(playground: Playground, countermand: CommandLine) -> None:
    """
    For a person the sentence and its next step are on stderr, and stdout stays empty.
    """
    ran = countermand("cancel", "12AB", *REASON)

    assert (2, "") == (ran.code, ran.out)
    assert "bad input: “12AB” is no AliExpress order number." in ran.err
    assert "next: Copy it from My Orders" in ran.err
    untouched(playground)


# -- the settings


def replaced(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


SETTINGS = {
    "bad TOML": (lambda text: text + "\n[shops.main\n", "is no valid TOML", "Correct that place in the file."),
    "unknown key": (replaced("quiet =", "quite ="), "quite: no such setting, did you mean quiet?", "Correct them"),
    "unknown table": (replaced("[shops.main]", "[shop.main]"), "shop: no such setting, did you mean shops?", "Correct"),
    "password in clear": (
        replaced('password = { file = "password" }', 'password = "hunter2hunter2"'),
        "accounts.main.password: a secret is not written here",
        "Correct them",
    ),
    "token in clear": (
        replaced('token = { file = "shop-token" }', 'token = "shpat_hunter2hunter2"'),
        "a secret is not written here",
        "Correct",
    ),
    "secret in two places": (
        replaced('password = { file = "password" }', 'password = { file = "password", env = "X" }'),
        "name exactly one of env, file, keyring",
        "Correct them",
    ),
    "missing environment variable": (
        replaced('token = { file = "shop-token" }', 'token = { env = "COUNTERMAND_TEST_NO_SUCH_TOKEN" }'),
        "the token of shop main comes from the environment variable COUNTERMAND_TEST_NO_SUCH_TOKEN, which is not set",
        "Set COUNTERMAND_TEST_NO_SUCH_TOKEN",
    ),
    "missing secret file": (replaced('"shop-token"', '"no-such-file"'), "which cannot be read", "Put the secret into"),
    "a length of time that is none": (
        replaced('quiet = "5s"', 'quiet = "soon"'),
        "“soon” is no length of time",
        "Correct",
    ),
    "unknown kind of shop": (
        replaced('kind = "shopify"', 'kind = "etsy"'),
        "there is no storefront etsy",
        "Correct kind",
    ),
    "unknown portal": (
        replaced('portal = "aliexpress"', 'portal = "temu"'),
        "there is no portal temu",
        "Correct portal",
    ),
    "a shop address that is none": (
        replaced('domain = "mock-shop.myshopify.com"', 'domain = "shop.example.com"'),
        "domain: write the shop's own address",
        "Correct [shops.main].",
    ),
}


@pytest.mark.parametrize("change, words, then", SETTINGS.values(), ids=SETTINGS.keys())
def test_settings_that_cannot_be_used_are_a_sentence(
    playground: Playground, within: Within, change: Callable[[str], str], words: str, then: str
) -> None:
    """
    What is wrong in the settings is named with its place, exit 2, and no secret is repeated.
    """
    playground.config.write_text(change(playground.config.read_text()))

    ran = within("cancel", PLACED, *REASON, *SHOP, "--json")

    refuses(ran, 2, "bad_input", words)
    assert then in ran.json["error"]["next"]
    assert "hunter2" not in ran.out + ran.err
    untouched(playground)


def test_a_settings_file_that_is_not_there_is_a_sentence(within: Within, tmp_path: Path) -> None:
    """
    A wrong name after ``--config`` is said with the name.
    """
    ran = within("list", "--json", config=tmp_path / "nowhere.toml")

    refuses(ran, 2, "bad_input", f"there is no settings file {tmp_path / 'nowhere.toml'}")


def test_a_home_that_cannot_be_written_is_a_sentence(
    playground: Playground, within: Within, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where state cannot be kept, nothing is begun.
    """
    blocked = playground.folder / "in-the-way"
    blocked.write_text("a file, not a folder")
    monkeypatch.setenv("COUNTERMAND_HOME", str(blocked / "home"))

    ran = within("cancel", PLACED, *REASON, "--json")

    refuses(ran, 2, "bad_input", f"the folder {blocked / 'home'} cannot be used")
    assert "COUNTERMAND_HOME" in ran.json["error"]["next"]
    untouched(playground)


def test_a_damaged_ledger_is_a_sentence(playground: Playground, within: Within) -> None:
    """
    A ledger that cannot be opened is named, and nothing is begun without one.
    """
    (playground.home / "countermand.db").write_bytes(b"not a database at all " * 500)

    ran = within("cancel", PLACED, *REASON, "--json")

    refuses(ran, 2, "bad_input", "countermand.db cannot be opened")
    untouched(playground)


# -- sites that do not answer


def test_a_shop_that_is_down_is_tried_later(playground: Playground, within: Within) -> None:
    """
    Without the shop nothing is claimed and the supplier is not asked: exit 10.
    """
    playground.shop.stop()

    ran = within("cancel", PLACED, *REASON, *SHOP, "--json")

    refuses(ran, 10, "retryable")
    assert (None, 0) == (ran.json["id"], claims(within))
    untouched(playground)


@pytest.mark.parametrize("what", ["wrong", "without scopes"])
def test_a_token_that_may_not_is_for_a_person(playground: Playground, within: Within, what: str) -> None:
    """
    A token that the shop refuses, or that lacks a scope: exit 20, nothing claimed, and the token is not repeated.
    """
    if what == "wrong":
        (playground.folder / "shop-token").write_text("shpat_wrong_wrong_wrong_wrong")
    else:
        playground.shop.switches.scopes = ("read_products",)

    ran = within("cancel", PLACED, *REASON, *SHOP, "--json")

    refuses(ran, 20, "sign_in_needed", "token")
    assert "shpat_" not in ran.out + ran.err
    assert (None, 0) == (ran.json["id"], claims(within))
    untouched(playground)


def test_a_browser_that_is_not_there_is_a_sentence(playground: Playground, countermand: CommandLine) -> None:
    """
    A wrong path to the browser: exit 2, and the same command goes on once it is corrected.
    """
    nowhere = str(playground.folder / "no-browser")

    ran = countermand("cancel", PLACED, *REASON, "--json", env={"COUNTERMAND_BROWSER__PATH": nowhere})

    refuses(ran, 2, "bad_input", nowhere, "is not there or cannot be run", "Nothing was submitted.")
    assert "path in [browser]" in ran.json["error"]["next"]
    untouched(playground)


@pytest.mark.slow
@needs_browser
def test_a_portal_that_is_down_is_tried_later(playground: Playground, countermand: CommandLine) -> None:
    """
    The portal does not answer: exit 10 and nothing submitted. Once it is back, the same command goes on.
    """
    playground.portal.stop()
    down = countermand("cancel", PLACED, *REASON, "--json")
    playground.portal.start()

    back = countermand("cancel", PLACED, *REASON, "--json")

    refuses(down, 10, "retryable", "www.aliexpress.localhost", "Nothing was submitted.")
    assert (0, down.json["id"]) == (back.code, back.json["id"])
    assert [PLACED] == [order for order, _ in playground.portal.submitted]


@needs_browser
def test_a_wrong_password_is_tried_once(playground: Playground, countermand: CommandLine) -> None:
    """
    A password that the portal refuses: exit 20 in the portal's words, after one attempt, also for several orders.
    """
    (playground.folder / "password").write_text("wrong-password-wrong")

    ran = countermand("cancel", PLACED, *REASON, *SHOP, "--json")

    refuses(ran, 20, "sign_in_needed", "did not accept the sign-in", "Your account name or password is incorrect.")
    assert 1 == playground.portal.world.account(MAIN).wrong_passwords
    assert 1 == playground.portal.world.counted("sign_in attempt")
    assert "wrong-password" not in ran.out + ran.err
    assert [] == playground.portal.submitted


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize(
    "order",
    [
        pytest.param(UNKNOWN, id="unknown order"),
        pytest.param(SECOND_ORDERS["foreign"], id="order of another account", marks=MORE),
    ],
)
def test_an_order_that_the_account_does_not_have(playground: Playground, countermand: CommandLine, order: str) -> None:
    """
    A number that the account does not have: exit 40, with the advice to check number and account, nothing submitted.
    """
    ran = countermand("cancel", order, *REASON, *SHOP, "--json")

    refuses(ran, 40, "order_not_found", f"this account has no order {order}", "Nothing was submitted.")
    assert "ordered with this account" in ran.json["error"]["next"]
    assert ("refused", "not_cancellable") == (ran.json["stage"], ran.json["orders"][0]["stage"])
    assert ([], []) == (playground.portal.submitted, playground.shop.received)


@needs_browser
@pytest.mark.slow
def test_a_reason_that_is_not_offered_is_listed_and_may_be_changed(
    playground: Playground, countermand: CommandLine
) -> None:
    """
    The page does not offer the reason: exit 2, what it offers is listed, nothing is submitted, and another may be given.
    """
    ran = countermand("cancel", PLACED, "--reason", "payment_problem", *SHOP, "--json")
    refused_portal = list(playground.portal.submitted)

    other = countermand("cancel", PLACED, *REASON, *SHOP, "--json")

    refuses(ran, 2, "bad_input", "does not offer the reason payment_problem", "I don't need this order anymore")
    assert "--reason-text" in ran.json["error"]["next"]
    assert [] == refused_portal
    assert 0 == other.code
    assert [(PLACED, "I don't need this order anymore")] == playground.portal.submitted


@pytest.mark.parametrize("command", ["show", "events", "report"])
def test_an_id_that_is_not_there_is_a_sentence(within: Within, command: str) -> None:
    """
    Looking at a cancellation that does not exist says how to find those that do.
    """
    ran = within(command, "c-nothere", "--json")

    refuses(ran, 2, "bad_input", "there is no cancellation c-nothere")
    assert "countermand list" in ran.json["error"]["next"]
