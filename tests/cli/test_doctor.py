"""``countermand doctor``: is this machine ready? And the vault's key, which it looks at."""

from __future__ import annotations

import os

import pytest

from agent.vault import Vault
from fixtures.aliexpress import texts
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.conftest import needs_browser

CHECKS = ["settings", "ledger", "vault", "accounts", "shops", "notify", "editions", "browser"]


@needs_browser
def test_a_machine_that_is_ready(within: Within, playground: Playground) -> None:
    """
    Everything is looked at and found well, without touching portal or shop.
    """
    ran = within("doctor", "--json")

    found = {finding["what"]: finding for finding in ran.json["findings"]}
    assert (0, True, CHECKS) == (ran.code, ran.json["ok"], list(found))
    assert ["what", "ok", "found", "next"] == list(found["ledger"])
    assert "main at aliexpress" in found["accounts"]["found"]
    assert "main (shopify)" == found["shops"]["found"]
    assert ("sandbox off" in found["browser"]["found"]) == (os.geteuid() == 0)
    assert ({}, []) == (playground.portal.world.counts, playground.shop.received)


@pytest.fixture
def no_browser(within: Within, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last check fails at once, so that no browser is started."""
    monkeypatch.setenv("COUNTERMAND_BROWSER__PATH", "/nowhere/chrome")


@pytest.mark.usefixtures("no_browser")
def test_what_is_wrong_has_a_next_step(within: Within, playground: Playground) -> None:
    """
    Each thing that is wrong is found by itself, with what to do, and exit 2.
    """
    (playground.folder / "password").unlink()
    (playground.folder / "shop-token").write_text("")

    ran = within("doctor", "--json")

    wrong = {finding["what"]: finding for finding in ran.json["findings"] if not finding["ok"]}
    assert (2, False, ["accounts", "shops", "browser"]) == (ran.code, ran.json["ok"], list(wrong))
    assert "the password of account main comes from the file" in wrong["accounts"]["found"]
    assert "which is empty" in wrong["shops"]["found"]
    assert "/nowhere/chrome, is not there" in wrong["browser"]["found"]
    assert all(finding["next"] for finding in wrong.values())


@pytest.mark.usefixtures("no_browser")
def test_a_vault_that_gives_back_something_else(within: Within, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is sealed is opened again, and held against what it was: a disk may lie.
    """
    monkeypatch.setattr(Vault, "load", lambda vault, name: b"something else")

    ran = within("doctor", "--json")

    (found,) = (finding for finding in ran.json["findings"] if finding["what"] == "vault")
    assert (2, False) == (ran.code, found["ok"])
    assert "does not give back what was sealed" in found["found"]
    assert found["next"]


@pytest.mark.usefixtures("no_browser")
@pytest.mark.parametrize(
    "given, says",
    [
        (None, "the environment variable BOX, which is not set"),
        ("postcard://aunt", "the notification address env BOX is no address that Apprise knows"),
    ],
)
def test_people_who_could_not_be_told(
    given: str | None, says: str, within: Within, playground: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An address that is missing or is none is found before anything has to be told. It is not repeated: it is a secret.
    """
    if given is not None:
        monkeypatch.setenv("BOX", given)
    playground.config.write_text(f'{playground.config.read_text()}\n[notify]\nto = [{{ env = "BOX" }}]\n')

    ran = within("doctor", "--json")

    (found,) = (finding for finding in ran.json["findings"] if finding["what"] == "notify")
    assert (2, False) == (ran.code, found["ok"])
    assert says in found["found"]
    assert "aunt" not in ran.out + ran.err


@pytest.mark.usefixtures("no_browser")
def test_people_see_the_same(within: Within) -> None:
    """
    A row per check, and the next step below what is wrong.
    """
    ran = within("doctor")

    assert 2 == ran.code
    for words in (*CHECKS, "next: Correct path in [browser]", "/nowhere/chrome"):
        assert words in ran.out


@pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")
@pytest.mark.usefixtures("no_browser")
def test_a_key_that_others_can_read_is_found(within: Within, playground: Playground) -> None:
    """
    A vault key with loose permissions is not used, and the next step is the command that mends it.
    """
    key = playground.home / "vault.key"
    key.write_bytes(b"x" * 44)
    key.chmod(0o644)

    ran = within("doctor", "--json")

    vault = next(finding for finding in ran.json["findings"] if finding["what"] == "vault")
    assert (2, False, f"Run: chmod 600 {key}") == (ran.code, vault["ok"], vault["next"])


@pytest.mark.usefixtures("no_browser")
@pytest.mark.parametrize(
    "change, what",
    [
        (('kind = "shopify"', 'kind = "etsy"'), "shops"),
        (('portal = "aliexpress"', 'portal = "temu"'), "accounts"),
        (('quiet = "5s"', 'edition = "1999-01-01"'), "editions"),
    ],
)
def test_a_wrong_name_is_found(within: Within, playground: Playground, change: tuple[str, str], what: str) -> None:
    """
    A kind of shop, a portal or an edition that is not there is found by its own check.
    """
    text = playground.config.read_text()
    assert change[0] in text
    playground.config.write_text(text.replace(*change))

    ran = within("doctor", "--json")

    assert what in [finding["what"] for finding in ran.json["findings"] if not finding["ok"]]


# -- live

LIVE = ["sign-in", "My Orders", "one order", "selectors"]


def _reads_only(playground: Playground) -> None:
    """The portal received no submit, and nobody came near a form that sends one; the shop heard nothing at all."""
    assert [] == playground.portal.submitted
    counts = playground.portal.world.counts
    assert not [what for counted in counts.values() for what in counted if "refund-cancel" in what]
    assert [what for counted in counts.values() for what in counted if "/p/order/" in what]
    assert [] == playground.shop.received


@needs_browser
@pytest.mark.slow
def test_an_account_that_is_ready(within: Within, playground: Playground) -> None:
    """
    The first safe use: signed in, My Orders, one order read, the edition's targets found; and nothing that commits was touched.
    """
    ran = within("doctor", "--live", "main", "--json")

    found = {finding["what"]: finding for finding in ran.json["findings"]}
    assert (0, True, CHECKS + LIVE) == (ran.code, ran.json["ok"], list(found)), ran.err
    assert "819" in found["My Orders"]["found"]
    assert "reads “" in found["one order"]["found"]
    assert "found" in found["selectors"]["found"]
    _reads_only(playground)


@needs_browser
@pytest.mark.slow
def test_a_sign_in_that_has_expired(within: Within, playground: Playground) -> None:
    """
    Without stored credentials a person must sign in: exit 20, which command does it, and what was not looked at for that.
    """
    assert 0 == within("doctor", "--live", "main").code
    playground.portal.world.sessions.expire()
    text = playground.config.read_text()
    playground.config.write_text(text.replace('password = { file = "password" }\n', ""))

    ran = within("doctor", "--live", "main", "--json")

    found = {finding["what"]: finding for finding in ran.json["findings"]}
    assert (20, False) == (ran.code, ran.json["ok"])
    assert [True] * len(CHECKS) == [found[what]["ok"] for what in CHECKS]
    assert "nobody is signed in" in found["sign-in"]["found"]
    assert "countermand sign-in" in found["sign-in"]["next"]
    assert {"not looked at: first sign-in"} == {found[what]["found"] for what in LIVE[1:]}
    _reads_only(playground)


@needs_browser
def test_a_paused_account_is_not_visited(within: Within, playground: Playground) -> None:
    """
    What a person has paused is left alone by this, too.
    """
    assert 0 == within("accounts", "pause", "main", "--because", "a holiday").code

    ran = within("doctor", "--live", "main", "--json")

    found = {finding["what"]: finding for finding in ran.json["findings"]}
    assert 20 == ran.code
    assert "a holiday" in found["sign-in"]["found"]
    assert "countermand accounts resume main" in found["sign-in"]["next"]
    assert {} == playground.portal.world.counts


@needs_browser
@pytest.mark.slow
def test_a_portal_that_has_changed(within: Within, playground: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A heading in words that the edition does not know: exit 30, and the targets are listed all the same.
    """
    for state in list(texts.STATUS["en"]):
        monkeypatch.setitem(texts.STATUS["en"], state, "Something quite new")

    ran = within("doctor", "--live", "main", "--json")

    found = {finding["what"]: finding for finding in ran.json["findings"]}
    assert (30, False, CHECKS + LIVE) == (ran.code, ran.json["ok"], list(found))
    assert [True, True, False] == [found[what]["ok"] for what in LIVE[:3]]
    assert "Something quite new" in found["one order"]["found"]
    assert "found" in found["selectors"]["found"]
    _reads_only(playground)


@pytest.mark.usefixtures("no_browser")
def test_what_is_wrong_here_comes_first(within: Within, playground: Playground) -> None:
    """
    Without a browser the portal is not asked for: exit 2.
    """
    ran = within("doctor", "--live", "main", "--json")

    rest = [finding for finding in ran.json["findings"] if finding["what"] in LIVE]
    assert (2, LIVE) == (ran.code, [finding["what"] for finding in rest])
    assert {(False, "not looked at: first browser")} == {(finding["ok"], finding["found"]) for finding in rest}
    assert {} == playground.portal.world.counts


def test_an_account_that_the_settings_do_not_have(within: Within) -> None:
    """
    A slip of the pen is found before anything is looked at.
    """
    ran = within("doctor", "--live", "mian", "--json")

    assert (2, "bad_input") == (ran.code, ran.json["error"]["kind"])
    assert "Did you mean main?" in ran.err
