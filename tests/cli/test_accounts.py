"""Accounts on the command line: which there are, pausing, signing out, and a session that has ended."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from agent.browser.session import SignedInState, StateStore
from agent.cli.person import TerminalPerson
from agent.vault import Vault
from fixtures.aliexpress.seed import MAIN, ORDERS, SECOND_ORDERS
from fixtures.playground import Playground
from tests.cli.conftest import Within, without_credentials
from tests.conftest import CommandLine, needs_browser

REASON = ["--reason", "no_longer_needed"]


def count(playground: Playground, what: str) -> int:
    return playground.portal.world.counted(what)


def page_loads(playground: Playground) -> int:
    """How many pages the portal was asked for, whoever asked."""
    return playground.portal.world.counted("page")


# -- without a browser


def test_the_accounts_are_listed(within: Within) -> None:
    """
    Every account of the settings is there before anybody worked with it; a pause says since when and why.
    """
    before = within("accounts", "--json")
    within("accounts", "pause", "main", "--because", "the owner is on holiday")
    shown, after = within("accounts"), within("accounts", "--json")

    assert [("main", None), ("second", None)] == [
        (row["account"], row["paused_because"]) for row in before.json["accounts"]
    ]
    assert [0, 0, 0] == [before.code, shown.code, after.code]
    main, second = after.json["accounts"]
    assert ("the owner is on holiday", True, False) == (
        main["paused_because"],
        main["paused_by_a_person"],
        main["state_kept"],
    )
    assert main["paused_at"]
    assert second["paused_at"] is None
    assert "the owner is on holiday" in shown.out


def test_nothing_is_begun_for_a_paused_account(within: Within, playground: Playground) -> None:
    """
    What is asked for waits and says how it goes on; no page is loaded; ``accounts resume`` makes it due.
    """
    within("accounts", "pause", "main")
    asked = within("cancel", ORDERS["placed"], *REASON, "--account", "main", "--json")
    rehearsed = within("cancel", ORDERS["placed"], *REASON, "--account", "main", "--dry-run")
    swept = within("selectors", "check", "main")
    shown = within("show", asked.json["id"])
    resumed = within("accounts", "resume", "main")
    again = within("accounts", "resume", "main")

    error = asked.json["error"]
    assert [20, 20, 20, 0, 0, 0] == [one.code for one in (asked, rehearsed, swept, shown, resumed, again)]
    assert ("open", "sign_in_needed", "Run countermand accounts resume main") == (
        asked.json["stage"],
        error["kind"],
        error["next"],
    )
    assert "account main is paused since" in shown.err
    assert ("goes on", "was not paused") == (resumed.out.split("main ")[1][:7], again.out.split("main ")[1][:14])
    assert 0 == page_loads(playground)
    assert within("show", asked.json["id"], "--json").json["error"] is None


@pytest.mark.parametrize("command", [["accounts", "pause"], ["accounts", "resume"], ["sign-out"]])
def test_an_account_that_is_none(within: Within, command: list[str]) -> None:
    """
    A mistyped name exits with 2 and says what was meant.
    """
    ran = within(*command, "mian")

    assert 2 == ran.code
    assert "Did you mean main?" in ran.err


# -- with one


@pytest.mark.slow
@needs_browser
def test_a_session_that_has_ended(playground: Playground, countermand: CommandLine) -> None:
    """
    Signed out at the portal, and nothing stored to sign in with: exit 20, the other account's order is submitted, a second order
    waits without a page load; after signing in, retry ends it with exactly one submit.
    """
    signed_in = countermand("sign-in", "main", "--headless")
    stored = playground.config.read_text()
    without_credentials(playground)
    playground.portal.world.sessions.expire(MAIN)

    stopped = countermand("cancel", ORDERS["placed"], *REASON, "--account", "main", "--json")
    second = countermand("cancel", SECOND_ORDERS["foreign"], *REASON, "--account", "second", "--json")
    before = page_loads(playground)
    assert before
    waits = countermand("cancel", ORDERS["placed_2"], *REASON, "--account", "main", "--json")
    loaded = page_loads(playground) - before
    playground.config.write_text(stored)
    again = countermand("sign-in", "main", "--headless")
    retried = countermand("retry", stopped.json["id"], "--json")
    gone_on = countermand("retry", waits.json["id"], "--json")

    assert [0, 20, 0, 20, 0, 0, 0] == [
        one.code for one in (signed_in, stopped, second, waits, again, retried, gone_on)
    ], stopped.err + second.err + waits.err + again.err + retried.err
    assert ("needs_operator", "sign_in_needed") == (stopped.json["stage"], stopped.json["error"]["kind"])
    assert ("open", "sign_in_needed", 0) == (waits.json["stage"], waits.json["error"]["kind"], loaded)
    assert f"countermand retry {stopped.json['id']}" in again.err
    numbers = [order for order, _ in playground.portal.submitted]
    assert sorted([ORDERS["placed"], ORDERS["placed_2"], SECOND_ORDERS["foreign"]]) == sorted(numbers)


@pytest.mark.slow
@needs_browser
def test_the_stored_password_is_typed_once(playground: Playground, countermand: CommandLine) -> None:
    """
    A session that ends is signed in again once, silently; one that ends again within the hour is a person's matter, also for the
    next process.
    """
    first = countermand("cancel", ORDERS["placed"], *REASON, "--account", "main")
    attempts = [count(playground, "sign_in attempt")]
    for order in ("placed_2", "placed_2"):
        playground.portal.world.sessions.expire(MAIN)
        last = countermand("cancel", ORDERS[order], *REASON, "--account", "main", "--json")
        attempts.append(count(playground, "sign_in attempt"))

    assert (0, 20, [1, 1, 1]) == (first.code, last.code, attempts)


@pytest.mark.slow
@needs_browser
def test_a_wrong_password_is_typed_once(playground: Playground, countermand: CommandLine) -> None:
    """
    The portal says no: neither the same command nor retry types it again; corrected in the settings, it is typed and the order is
    submitted once.
    """
    password = playground.folder / "password"
    right = password.read_text()
    password.write_text("not-the-password")
    order = ["cancel", ORDERS["placed"], *REASON, "--account", "main", "--json"]
    wrong = countermand(*order)
    same = countermand(*order)
    retried = countermand("retry", wrong.json["id"])
    tried = count(playground, "sign_in attempt")
    password.write_text(right)
    corrected = countermand(*order)

    assert [20, 20, 20, 0] == [one.code for one in (wrong, same, retried, corrected)], corrected.err
    assert (1, 2) == (tried, count(playground, "sign_in attempt"))
    assert [ORDERS["placed"]] == [order for order, _ in playground.portal.submitted]


@pytest.mark.slow
@needs_browser
def test_signing_out_forgets(playground: Playground, countermand: CommandLine) -> None:
    """
    The sealed state is gone, nothing is asked at the portal, and the account counts as signed out.
    """
    countermand("sign-in", "main", "--headless")
    kept = countermand("accounts", "--json").json["accounts"][0]
    before = page_loads(playground)

    out = countermand("sign-out", "main")

    left = countermand("accounts", "--json").json["accounts"][0]
    assert (0, before) == (out.code, page_loads(playground))
    assert [True, False] == [kept["state_kept"], left["state_kept"]]
    assert kept["signed_in_at"]
    assert (None, None) == (left["signed_in_at"], left["proven_at"])
    assert not list((playground.home / "vault").glob("state-*"))


# -- from one machine to another

PASSPHRASE = {"COUNTERMAND_PASSPHRASE": "five words are quite enough"}


def another_home(playground: Playground) -> None:
    """Another machine: nothing of the first one's state, and nothing stored to sign in with."""
    without_credentials(playground)
    text = playground.config.read_text()
    assert 'home = "home"' in text
    playground.config.write_text(text.replace('home = "home"', 'home = "server"'))
    shutil.copytree(playground.home / "selectors", playground.folder / "server" / "selectors")


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("token_in", ["cookie", "session_storage"])
def test_a_sign_in_travels(playground: Playground, countermand: CommandLine, tmp_path: Path, token_in: str) -> None:
    """
    Exported on a laptop, imported on a server: no sign-in page is asked for there, and an order is withdrawn. Also where the portal
    keeps its token in sessionStorage only.
    """
    playground.portal.world.set(token_in=token_in, details_tab="same")
    playground.portal.world.change_order(ORDERS["placed"], cancel_does="at_once")
    file = tmp_path / "main.sealed"
    signed_in = countermand("sign-in", "main", "--headless")
    exported = countermand("accounts", "export", "main", "--to", str(file), env=PASSPHRASE)
    another_home(playground)
    stranger = countermand("cancel", ORDERS["placed_2"], *REASON, "--account", "main")
    before = count(playground, "page login")

    imported = countermand("accounts", "import", str(file), "--json", env=PASSPHRASE)
    done = countermand("cancel", ORDERS["placed"], *REASON, "--account", "main", "--json", "--wait", "decided")

    assert [0, 0, 20, 0, 0] == [one.code for one in (signed_in, exported, stranger, imported, done)], (
        stranger.err + imported.err + done.err
    )
    assert before >= 1, "the stranger was sent to the sign-in page, so that not being sent there says something"
    assert before == count(playground, "page login")
    assert imported.json["proved"]
    assert ("done", [ORDERS["placed"]]) == (
        done.json["stage"],
        [order for order, _ in playground.portal.submitted],
    )


@pytest.fixture
def signed_in(playground: Playground) -> bytes:
    """A state in the vault, as a sign-in leaves it; gives what must not be found in clear."""
    cookie = {"name": "xman_t", "value": "canary-token-in-a-cookie", "domain": "aliexpress.localhost", "path": "/"}
    state = SignedInState(storage={"cookies": [cookie], "origins": []}, session_storage={})
    StateStore(Vault(playground.home)).save("aliexpress", "main", state)
    return b"canary-token-in-a-cookie"


def test_an_export_is_sealed_and_overwrites_nothing(
    within: Within, signed_in: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The file is for its owner only, shows nothing, and a second export to it changes nothing.
    """
    file = tmp_path / "main.sealed"
    monkeypatch.setenv("COUNTERMAND_PASSPHRASE", "five words are quite enough")
    first = within("accounts", "export", "main", "--to", str(file))
    content = file.read_bytes()
    again = within("accounts", "export", "main", "--to", str(file))

    assert (0, 2) == (first.code, again.code)
    assert "never overwrites" in again.err
    assert (content, 0o600) == (file.read_bytes(), stat.S_IMODE(file.stat().st_mode))
    assert signed_in not in content
    assert b"cookies" not in content


@pytest.mark.parametrize(
    "passphrase, sentence", [(None, "there is no passphrase"), ("short", "the passphrase is too short")]
)
def test_an_export_wants_a_passphrase(
    within: Within,
    signed_in: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    passphrase: str | None,
    sentence: str,
) -> None:
    """
    Without one, or with one that is guessed at once, nothing is written.
    """
    if passphrase:
        monkeypatch.setenv("COUNTERMAND_PASSPHRASE", passphrase)

    ran = within("accounts", "export", "main", "--to", str(tmp_path / "main.sealed"))

    assert 2 == ran.code
    assert sentence in ran.err
    assert not (tmp_path / "main.sealed").exists()


@pytest.mark.parametrize(
    "typed, code, sentence",
    [
        (["five words are quite enough"] * 2, 0, ""),
        (["five words are quite enough", "six"], 2, "the two passphrases differ"),
        ([None], 2, "there is no passphrase"),
    ],
)
def test_at_a_terminal_the_passphrase_is_asked_for_twice(
    within: Within,
    signed_in: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: list[str | None],
    code: int,
    sentence: str,
) -> None:
    """
    A slip of the finger would lock the file for good.
    """
    questions = []

    async def ask(self: TerminalPerson, question: str) -> SecretStr | None:
        questions.append(question)
        answer = typed[len(questions) - 1]
        return None if answer is None else SecretStr(answer)

    monkeypatch.setattr(TerminalPerson, "is_here", True)
    monkeypatch.setattr(TerminalPerson, "ask", ask)

    ran = within("accounts", "export", "main", "--to", str(tmp_path / "main.sealed"))

    assert (code, len(typed)) == (ran.code, len(questions))
    assert sentence in ran.err
    assert (code == 0) == (tmp_path / "main.sealed").exists()


def test_who_is_not_signed_in_exports_nothing(within: Within, tmp_path: Path) -> None:
    """
    There is nothing to carry.
    """
    ran = within("accounts", "export", "main", "--to", str(tmp_path / "main.sealed"))

    assert 2 == ran.code
    assert "nobody has signed in to account main here" in ran.err


@pytest.mark.parametrize(
    "spoil, passphrase, sentence",
    [
        (lambda content: content, "another passphrase", "the passphrase is another one, or the file is damaged"),
        (lambda content: content[:-20], "five words are quite enough", "the passphrase is another one, or the file is"),
        (lambda content: content[:30], "five words are quite enough", "is cut off"),
        (lambda content: b"PK\3\4 a letter", "five words are quite enough", "is no exported account"),
        (lambda content: b"", "five words are quite enough", "is no exported account"),
    ],
    ids=["wrong passphrase", "truncated", "cut off early", "foreign", "empty"],
)
def test_a_file_that_does_not_open_changes_nothing(
    within: Within,
    signed_in: bytes,
    playground: Playground,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[bytes], bytes],
    passphrase: str,
    sentence: str,
) -> None:
    """
    Exit 2 with a sentence, and what was kept before stays.
    """
    file = tmp_path / "main.sealed"
    monkeypatch.setenv("COUNTERMAND_PASSPHRASE", "five words are quite enough")
    within("accounts", "export", "main", "--to", str(file))
    file.write_bytes(spoil(file.read_bytes()))
    kept = (playground.home / "vault" / "state-aliexpress-main.sealed").read_bytes()
    monkeypatch.setenv("COUNTERMAND_PASSPHRASE", passphrase)

    ran = within("accounts", "import", str(file))

    assert 2 == ran.code
    assert sentence in " ".join(ran.err.split())
    assert kept == (playground.home / "vault" / "state-aliexpress-main.sealed").read_bytes()


def test_where_there_is_no_browser_it_is_kept_unproved(
    within: Within, signed_in: bytes, playground: Playground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Imported under another name, and said that nobody has proved it.
    """
    file = tmp_path / "main.sealed"
    monkeypatch.setenv("COUNTERMAND_PASSPHRASE", "five words are quite enough")
    monkeypatch.setattr("agent.engine.carrying.find_browser", lambda settings: None)
    within("accounts", "export", "main", "--to", str(file))
    within("accounts", "pause", "second")

    ran = within("accounts", "import", str(file), "--account", "second")

    assert 0 == ran.code
    assert "it was not proved: there is no browser on this machine" in ran.out
    there = {row["account"]: row for row in within("accounts", "--json").json["accounts"]}
    assert (True, None) == (there["second"]["state_kept"], there["second"]["paused_at"])


# -- limits


@pytest.mark.parametrize("wait", [["--timeout", "1s"], ["--wait", "none"]])
def test_what_is_outside_working_hours_is_on_its_way(within: Within, playground: Playground, wait: list[str]) -> None:
    """
    Nothing is wrong: exit 0, it says until when it waits, and no page is loaded.
    """
    now = datetime.now(UTC)
    hours = f"{now + timedelta(hours=2):%H:%M}-{now + timedelta(hours=3):%H:%M}"
    text = playground.config.read_text()
    assert 'hours = "none"' in text
    playground.config.write_text(text.replace('hours = "none"', f'hours = "{hours}"'))

    ran = within("cancel", ORDERS["placed"], *REASON, "--account", "main", "--json", *wait)
    shown = within("show", ran.json["id"])

    assert (0, "open", None) == (ran.code, ran.json["stage"], ran.json["error"])
    assert ("it waits until" in ran.err + shown.err) == (wait[0] == "--timeout")
    assert (hours in ran.err) == (wait[0] == "--timeout")
    assert 0 == page_loads(playground)
