"""Settings: the file, what overrides it, references to secrets, and a sentence for whatever cannot be."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.errors import KeyringError
from pydantic import BaseModel, SecretStr

from agent.errors import BadInput
from agent.model import Refund, ShopReason
from agent.settings import Above, ApprovalPolicy, SecretRef, Settings, find_file, load_settings, parse_duration
from agent.storefront import Storefront, typed_settings
from flows.shopify.storefront import STOREFRONT

FULL = """
home = "state"
[portals.aliexpress]
hosts = { www = "http://www.aliexpress.localhost:8801", m = ["http://m.aliexpress.localhost:8802"] }
edition = "2026-11-20"
pace = { between_visits = "20s", between_pages = "1.5s" }
resubmit = "when_clear"
quiet = "2m"
[accounts.main]
portal = "aliexpress"
username = "buyer@example.com"
password = { env = "ALI_PASSWORD" }
[shops.main]
kind = "shopify"
domain = "my-shop.myshopify.com"
token = { env = "SHOPIFY_TOKEN" }
policy = { refund = "later", reason = "customer", restock = true, unknown_siblings = "ask" }
[evidence]
pictures = "failure"
trace = "never"
"""

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of this machine play a part."""
    for name in [name for name in os.environ if name.startswith(("COUNTERMAND_", "ALI_", "SHOPIFY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "countermand.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def complaint(path: Path) -> BadInput:
    with pytest.raises(BadInput) as caught:
        load_settings(path)
    assert caught.value.next
    return caught.value


# -- the file


def test_every_setting_of_the_design_is_read(write: Write, tmp_path: Path) -> None:
    """
    The example of the design is valid, and every value arrives with its type.
    """
    settings = load_settings(write(FULL))

    portal, shop = settings.portal("aliexpress"), settings.shops["main"]
    assert tmp_path / "state" == settings.home
    assert (timedelta(minutes=2), "when_clear", "2026-11-20") == (portal.quiet, portal.resubmit, portal.edition)
    assert (timedelta(seconds=20), timedelta(seconds=1.5)) == (portal.pace.between_visits, portal.pace.between_pages)
    assert {"www": "http://www.aliexpress.localhost:8801", "m": ["http://m.aliexpress.localhost:8802"]} == portal.hosts
    assert ("buyer@example.com", SecretRef(env="ALI_PASSWORD")) == (
        settings.accounts["main"].username,
        settings.accounts["main"].password,
    )
    assert (Refund.LATER, ShopReason.CUSTOMER, True, None) == (
        shop.policy.refund,
        shop.policy.reason,
        shop.policy.restock,
        shop.policy.notify,
    )
    assert ("failure", "never") == (settings.evidence.pictures, settings.evidence.trace)


@pytest.mark.parametrize(
    "text, expected",
    [
        ('"always"', "always"),
        ('"never"', "never"),
        ('{ above = 50, currency = "USD" }', Above(above=Decimal(50), currency="USD")),
        ('{ above = 49.99, currency = "EUR" }', Above(above=Decimal("49.99"), currency="EUR")),
    ],
)
def test_what_waits_for_an_approval(write: Write, text: str, expected: ApprovalPolicy) -> None:
    """
    Everything, nothing, or what costs more than an amount, to the cent.
    """
    assert expected == load_settings(write(f"approval = {text}")).approval


@pytest.mark.parametrize(
    "text",
    [
        '"sometimes"',
        "true",
        "50",
        "{ above = 50 }",
        '{ above = 50, currency = "$" }',
        '{ above = -1, currency = "USD" }',
    ],
)
def test_an_approval_policy_that_cannot_be(write: Write, text: str) -> None:
    """
    A limit without its currency is none; no guess is made.
    """
    with pytest.raises(BadInput, match="approval"):
        load_settings(write(f"approval = {text}"))


@pytest.mark.parametrize("text", ["always", '{"above": 5, "currency": "USD"}'])
def test_an_approval_policy_in_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """
    As a word, or as a table in JSON.
    """
    monkeypatch.setenv("COUNTERMAND_APPROVAL", text)

    assert load_settings(write("")).approval != "never"


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    """
    Nothing has to be set: QUIET is two minutes, nothing is submitted again by itself, state lies in the data folder.
    """
    settings = load_settings()

    portal = settings.portal("aliexpress")
    assert (timedelta(seconds=120), "ask") == (portal.quiet, portal.resubmit)
    assert (timedelta(seconds=20), timedelta(seconds=1.5)) == (portal.pace.between_visits, portal.pace.between_pages)
    assert (tmp_path / "data" / "countermand", None) == (settings.home, settings.file)


def test_the_working_folder_comes_before_the_config_folder(tmp_path: Path) -> None:
    """
    ``countermand.toml`` is looked for here first, then in the platform's config folder.
    """
    there = tmp_path / "config" / "countermand" / "countermand.toml"
    there.parent.mkdir(parents=True)
    there.write_text('home = "there"')
    found_there = find_file()
    here = tmp_path / "here" / "countermand.toml"
    here.write_text('home = "here"')

    assert (there, here) == (found_there, find_file())
    assert tmp_path / "here" / "here" == load_settings().home


def test_relative_names_start_from_the_file(write: Write, tmp_path: Path) -> None:
    """
    Wherever the command is given, the state lies where the file says.
    """
    assert tmp_path / "a" / "b" == load_settings(write('home = "a/b"')).home


@pytest.mark.parametrize(
    "text, words",
    [
        ("[accounts.main\n", "is no valid TOML"),
        ('hme = "x"', "hme: no such setting, did you mean home?"),
        ('[portals.aliexpress]\nquite = "5s"', "portals.aliexpress.quite: no such setting, did you mean quiet?"),
        ('[portals.aliexpress]\nquiet = "soon"', "portals.aliexpress.quiet: “soon” is no length of time"),
        ('[portals.aliexpress]\nresubmit = "always"', "portals.aliexpress.resubmit: Input should be 'ask' or"),
        ('[accounts.main]\nusername = "x"', "accounts.main.portal: Field required"),
        ('[accounts.main]\nportal = "a"\nusername = "u"\npassword = "hunter2"', "a secret is not written here"),
        ('[accounts.main]\nportal = "a"\nusername = "u"\npassword = {}', "name exactly one of env, file, keyring"),
        ('[accounts.main]\nportal = "a"\nusername = "u"\npassword = {evn = "X"}', "did you mean env?"),
        ('[accounts.main]\nportal = "a"\npassword = {env = "X"}', "account main has a password and no username"),
        ('[shops.main]\ndomain = "x"', "shops.main.kind: Field required"),
        ('[shops.main]\nkind = "shopify"\npolicy = {refund = "maybe"}', "shops.main.policy.refund"),
        ("[browser]\nwidth = 10", "browser.width"),
        ('file = "x"', "has a key that cannot be used: file"),
        ("[evidence]\npictures = 7", "evidence.pictures"),
    ],
)
def test_what_cannot_be_is_named_with_its_place(write: Write, text: str, words: str) -> None:
    """
    A wrong key or value is a sentence with its place and, for a misspelt key, the nearest right one; never a secret.
    """
    error = complaint(write(text))

    assert words in error.message
    assert "hunter2" not in error.message + error.next


def test_all_complaints_come_at_once(write: Write) -> None:
    """
    Two mistakes are two complaints in one sentence.
    """
    message = complaint(write('hme = "x"\n[portals.aliexpress]\nquite = "5s"')).message

    assert "did you mean home?" in message
    assert "did you mean quiet?" in message


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    """
    Not there, a folder, not UTF-8: each is said.
    """
    (tmp_path / "latin.toml").write_bytes(b"home = '\xe9'")

    assert "there is no settings file" in complaint(tmp_path / "nowhere.toml").message
    assert "cannot be read (IsADirectoryError)" in complaint(tmp_path).message
    assert "cannot be read (UnicodeDecodeError)" in complaint(tmp_path / "latin.toml").message


# -- the environment


def test_the_environment_wins_over_the_file(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    ``COUNTERMAND_…`` overrides single values, nested with two underscores; what it does not name stays.
    """
    monkeypatch.setenv("COUNTERMAND_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("COUNTERMAND_PORTALS__ALIEXPRESS__QUIET", "7s")

    settings = load_settings(write(FULL))

    assert (tmp_path / "elsewhere", timedelta(seconds=7)) == (settings.home, settings.portal("aliexpress").quiet)
    assert "when_clear" == settings.portal("aliexpress").resubmit


def test_an_environment_variable_that_cannot_be_is_a_sentence(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A variable with a wrong value is said like a wrong value in the file.
    """
    monkeypatch.setenv("COUNTERMAND_PORTALS__ALIEXPRESS__QUIET", "soon")

    assert "“soon” is no length of time" in complaint(write(FULL)).message


# -- names


def test_a_name_may_be_left_out_where_there_is_one(write: Write) -> None:
    """
    The only account is meant, or ``main`` where there are several.
    """
    one = load_settings(write('[accounts.shop_a]\nportal = "p"'))
    two = load_settings(write('[accounts.a]\nportal = "p"\n[accounts.main]\nportal = "q"'))

    assert ("shop_a", "main") == (one.account(None)[0], two.account(None)[0])


@pytest.mark.parametrize(
    "name, words, then",
    [
        (None, "which account? The settings name one, two", "Add --account NAME."),
        ("tow", "there is no account called tow in the settings (there: one, two)", "Did you mean two?"),
        ("zzz", "there is no account called zzz", "Add a [accounts.zzz] table to countermand.toml"),
    ],
)
def test_an_unknown_name_says_which_there_are(write: Write, name: str | None, words: str, then: str) -> None:
    """
    An account that is not there, or that was left out among several, is a sentence with the names there are.
    """
    settings = load_settings(write('[accounts.one]\nportal = "p"\n[accounts.two]\nportal = "p"'))

    with pytest.raises(BadInput) as caught:
        settings.account(name)

    assert words in caught.value.message
    assert then in caught.value.next


def test_without_any_account_the_table_is_named() -> None:
    """
    Nothing set up yet: the sentence says what to add.
    """
    with pytest.raises(BadInput) as caught:
        load_settings().shop(None)

    assert "Add a [shops.NAME] table to countermand.toml." == caught.value.next


# -- secrets


def test_a_secret_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The secret is what the variable holds, and does not show when printed.
    """
    monkeypatch.setenv("ALI_PASSWORD", "correct horse")

    secret = SecretRef(env="ALI_PASSWORD").resolve("the password", Path())

    assert "correct horse" == secret.get_secret_value()
    assert "horse" not in repr(secret)


def test_a_secret_from_a_file(tmp_path: Path) -> None:
    """
    The secret is what the file holds, without the line's end; a relative name starts from the settings.
    """
    (tmp_path / "secret").write_text("correct horse\n")

    assert "correct horse" == SecretRef(file=Path("secret")).resolve("it", tmp_path).get_secret_value()


def test_a_secret_from_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The secret is what the OS keyring holds under countermand.
    """
    monkeypatch.setattr(keyring, "get_password", lambda service, name: f"{service}/{name}")

    assert "countermand/ali" == SecretRef(keyring="ali").resolve("it", Path()).get_secret_value()


def _locked(service: str, name: str) -> str:
    raise KeyringError("locked")


@pytest.mark.parametrize(
    "reference, in_keyring, words, then",
    [
        (SecretRef(env="ALI_NOT_SET"), None, "ALI_NOT_SET, which is not set", "Set ALI_NOT_SET"),
        (SecretRef(file=Path("nowhere")), None, "which cannot be read (FileNotFoundError)", "correct its name"),
        (SecretRef(file=Path("empty")), None, "which is empty", "Put the secret into that file."),
        (SecretRef(keyring="ali"), lambda *_: None, "countermand/ali, which is empty", "keyring set countermand ali"),
        (SecretRef(keyring="ali"), _locked, "cannot be used (locked)", "Unlock the keyring"),
    ],
)
def test_a_secret_that_is_not_there_is_a_sentence(
    reference: SecretRef,
    in_keyring: Callable[[str, str], str | None] | None,
    words: str,
    then: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    It says whose secret it is, where it should be, and what to do.
    """
    (tmp_path / "empty").write_text(" \n")
    if in_keyring is not None:
        monkeypatch.setattr(keyring, "get_password", in_keyring)

    with pytest.raises(BadInput) as caught:
        reference.resolve("the password of account main", tmp_path)

    assert caught.value.message.startswith("the password of account main comes from the ")
    assert words in caught.value.message
    assert then in caught.value.next


def test_a_shops_secrets_arrive_resolved(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The storefront gets its own part only, with the secret itself in place of where it is kept.
    """
    monkeypatch.setenv("SHOPIFY_TOKEN", "shpat_0123456789")
    settings = load_settings(write(FULL))

    own = settings.shops["main"].own("main", settings.base)

    assert {"domain": "my-shop.myshopify.com", "token": SecretStr("shpat_0123456789")} == own


class _Optional(BaseModel):
    client_secret: SecretStr | None = None


@pytest.mark.parametrize("key", ["token", "client_secret"])
def test_a_shops_secret_in_clear_is_refused(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A token that was written into the file itself is refused, and not repeated.
    """
    storefront: Storefront = STOREFRONT
    if key == "client_secret":
        monkeypatch.setattr(storefront, "settings_model", _Optional)

    with pytest.raises(BadInput) as caught:
        typed_settings(storefront, "main", {key: "shpat_hunter2hunter2"})

    assert f"the settings of shop main cannot be used: {key}: a secret is not written here" in caught.value.message
    assert "hunter2" not in caught.value.message + caught.value.next


# -- lengths of time


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("500ms", 0.5),
        ("1.5s", 1.5),
        ("2m", 120),
        ("1h 30m", 5400),
        ("1h30m", 5400),
        ("5d", 432000),
        ("0s", 0),
        ("20 s", 20),
    ],
)
def test_a_length_of_time_as_people_write_it(text: str, seconds: float) -> None:
    """
    Numbers with a unit, also several of them.
    """
    assert timedelta(seconds=seconds) == parse_duration(text)


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 weeks", "five minutes", "1h x", "1,5s"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    """
    A number without a unit is ambiguous, and refused like words.
    """
    with pytest.raises(ValueError, match="is no length of time"):
        parse_duration(text)


@given(st.integers(0, 10**6), st.sampled_from(["ms", "s", "m", "h"]))
def test_any_number_with_a_unit_is_a_length_of_time(number: int, unit: str) -> None:
    """
    Whatever the number, it is that many units.
    """
    assert parse_duration(f"1{unit}") * number == parse_duration(f"{number}{unit}")


def test_settings_do_not_change() -> None:
    """
    Settings are read once and stay as they were read.
    """
    with pytest.raises(ValueError, match="frozen"):
        Settings().home = Path("/elsewhere")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "days", "size"),
    [
        ("", 90, 2 * 10**9),
        ('keep = "none"\nkeep_size = "none"', None, None),
        ('keep = "36h"\nkeep_size = "500 MB"', 1.5, 500 * 10**6),
        ('keep_size = "1.5gb"', 90, 1_500_000_000),
        ("keep_size = 1000", 90, 1000),
    ],
)
def test_how_long_evidence_is_kept(tmp_path: Path, text: str, days: float | None, size: int | None) -> None:
    """
    A length of time and a size as people write them; "none" is no limit.
    """
    file = tmp_path / "countermand.toml"
    file.write_text(f"[evidence]\n{text}\n", encoding="utf-8")

    evidence = load_settings(file).evidence

    assert (None if days is None else timedelta(days=days), size) == (evidence.keep, evidence.keep_size)


@pytest.mark.parametrize(
    "text", ['keep_size = "2 XB"', 'keep_size = "many"', "keep_size = -1", 'keep = "90"', "keep_size = true"]
)
def test_what_is_no_size_or_age_is_refused(tmp_path: Path, text: str) -> None:
    """
    Named with its key, before anything is removed.
    """
    file = tmp_path / "countermand.toml"
    file.write_text(f"[evidence]\n{text}\n", encoding="utf-8")

    with pytest.raises(BadInput, match=f"evidence.{text.split(' ')[0]}"):
        load_settings(file)
