"""
Signing in with stored credentials, and what a browser remembers of it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agent.browser.browsers import Browsers
from agent.browser.session import SignedInState, StateStore
from agent.errors import BadInput, ChallengeShown, SignInNeeded
from agent.portal import Credentials
from agent.settings import BrowserSettings
from agent.vault import Vault
from fixtures.aliexpress.seed import MAIN
from fixtures.aliexpress.sessions import CANARY
from flows.aliexpress.portal import PORTAL
from tests.browser.bench import CREDENTIALS, Bench
from tests.conftest import needs_browser

pytestmark = needs_browser

WRONG = Credentials(username=SecretStr(MAIN), password=SecretStr("not-the-password"))


@pytest.mark.parametrize(
    "switches",
    [{"sign_in": "two_step"}, {"sign_in": "two_step", "suggestions": False}, {"sign_in": "one_step"}],
    ids=["two steps", "no suggestions", "one step"],
)
async def test_signs_in(bench: Bench, switches: dict[str, Any]) -> None:
    """
    Both forms lead to My Orders, with one attempt.
    """
    bench.portal.world.set(**switches)
    walk = await bench.reading_walk(None)

    await PORTAL.sign_in(walk, CREDENTIALS)
    await PORTAL.prove_signed_in(walk)

    assert 1 == bench.portal.world.counted("sign_in attempt")
    assert 1 == bench.portal.world.counted("signed_in")


async def test_signed_in_already(bench: Bench) -> None:
    """
    Whoever is signed in is not asked for a password again.
    """
    await PORTAL.sign_in(await bench.reading_walk(), CREDENTIALS)

    assert 0 == bench.portal.world.counted("sign_in attempt")


async def test_nobody_is_signed_in(bench: Bench) -> None:
    """
    A stranger does not see My Orders, and is not signed in by looking.
    """
    with pytest.raises(SignInNeeded):
        await PORTAL.prove_signed_in(await bench.reading_walk(None))

    assert 0 == bench.portal.world.counted("sign_in attempt")


@pytest.mark.slow
async def test_code_from_a_person(bench: Bench) -> None:
    """
    The one-time code is asked for once, at the terminal.
    """
    bench.portal.world.set(one_time_code=True)
    bench.person.is_here = True
    bench.person.answer = lambda question: bench.portal.world.sessions.last_code[MAIN]
    walk = await bench.reading_walk(None)

    await PORTAL.sign_in(walk, CREDENTIALS)
    await PORTAL.prove_signed_in(walk)

    assert 1 == len(bench.person.asked)
    assert 1 == bench.portal.world.counted("code attempt")


async def test_code_and_nobody_here(bench: Bench) -> None:
    """
    Without a person no code is typed, and no second one is asked for.
    """
    bench.portal.world.set(one_time_code=True)

    with pytest.raises(ChallengeShown, match="one-time code"):
        await PORTAL.sign_in(await bench.reading_walk(None), CREDENTIALS)

    assert 0 == bench.portal.world.counted("code attempt")
    assert 1 == bench.portal.world.counted("code sent")


async def test_wrong_code(bench: Bench) -> None:
    """
    A wrong code is not tried twice, and the portal's words are passed on.
    """
    bench.portal.world.set(one_time_code=True)
    bench.person.is_here = True
    bench.person.answer = lambda question: "000000"

    with pytest.raises(SignInNeeded, match="code is incorrect"):
        await PORTAL.sign_in(await bench.reading_walk(None), CREDENTIALS)

    assert 1 == bench.portal.world.counted("code attempt")


@pytest.mark.parametrize("form", ["two_step", "one_step"])
async def test_wrong_password(bench: Bench, form: str) -> None:
    """
    A wrong password is tried once only: more attempts lock the account.
    """
    bench.portal.world.set(sign_in=form)

    with pytest.raises(SignInNeeded, match="password is incorrect") as stopped:
        await PORTAL.sign_in(await bench.reading_walk(None), WRONG)

    assert 20 == stopped.value.exit_code
    assert 1 == bench.portal.world.counted("sign_in attempt")
    assert 0 == bench.portal.world.counted("signed_in")


async def test_locked_account(bench: Bench) -> None:
    """
    A locked account is a person's business, in the portal's words.
    """
    bench.portal.world.change_account(MAIN, locked=True)

    with pytest.raises(SignInNeeded, match="has been locked"):
        await PORTAL.sign_in(await bench.reading_walk(None), CREDENTIALS)

    assert 1 == bench.portal.world.counted("sign_in attempt")


async def test_account_without_password(bench: Bench) -> None:
    """
    An account that signs in elsewhere has no password here: the portal says so, and no password is sent.
    """
    bench.portal.world.set(sign_in="identity")

    with pytest.raises(SignInNeeded, match="no password"):
        await PORTAL.sign_in(await bench.reading_walk(None), CREDENTIALS)

    assert 0 == bench.portal.world.counted("sign_in attempt")


@pytest.mark.parametrize("place, host", [("sign_in", "login"), ("orders", "www")])
async def test_slider(bench: Bench, place: str, host: str) -> None:
    """
    A slider is never moved by us, neither after the password nor before My Orders.
    """
    bench.portal.world.set(slider=[place])

    with pytest.raises(ChallengeShown, match="move the slider") as stopped:
        await PORTAL.sign_in(await bench.reading_walk(None), CREDENTIALS)

    assert "countermand sign-in" in stopped.value.next
    assert 1 == bench.portal.world.counted(f"page {host} /_____tmd_____/punish")


async def test_session_has_expired(bench: Bench) -> None:
    """
    After the portal ended the session, one sign-in in the same browser makes it good.
    """
    walk = await bench.reading_walk()
    bench.portal.world.sessions.expire(MAIN)

    with pytest.raises(SignInNeeded):
        await PORTAL.prove_signed_in(walk)
    await PORTAL.sign_in(walk, CREDENTIALS)
    await PORTAL.prove_signed_in(walk)

    assert 1 == bench.portal.world.counted("sign_in attempt")


@pytest.mark.slow
async def test_state_is_kept_and_restored(bench: Bench, tmp_path: Path) -> None:
    """
    What the portal remembers us by goes through the vault into another browser: cookies and session storage alike.
    """
    session = await bench.session(None)
    await PORTAL.sign_in(await session.reading_walk(bench.journal(), bench.person), CREDENTIALS)
    tab = bench.contexts[-1].pages[0]
    await tab.evaluate("sessionStorage.setItem('kept', 'for the session'); localStorage.setItem('kept', 'for long')")
    states = StateStore(Vault(tmp_path / "home"))
    states.save("aliexpress", "main", await session.state())

    restored = states.load("aliexpress", "main")
    browsers = Browsers(BrowserSettings(), most=0)
    async with browsers.session(bench.edition, bench.hosts, bench.options, restored) as another:
        walk = await another.reading_walk(bench.journal(), bench.person)
        await PORTAL.prove_signed_in(walk)
        now = await another.state()

    assert 1 == bench.portal.world.counted("sign_in attempt")
    assert {"kept": "for the session"} == now.session_storage[bench.portal.hosts["www"][0]]
    assert "for long" in str(now.storage["origins"])


def test_state_is_sealed(tmp_path: Path) -> None:
    """
    At rest the state shows nothing, can be read by nobody else, and is of no use with another key.
    """
    cookie = {"name": "xman_us_t", "value": f"{CANARY}-session-1", "domain": "x", "path": "/"}
    state = SignedInState(storage={"cookies": [cookie], "origins": []}, session_storage={})
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    StateStore(Vault(home)).save("aliexpress", "main", state)
    sealed = home / "vault" / "state-aliexpress-main.sealed"
    StateStore(Vault(elsewhere)).save("aliexpress", "other", state)
    shutil.copy2(sealed, elsewhere / "vault")

    assert CANARY.encode() not in sealed.read_bytes()
    assert [0o600, 0o600] == [path.stat().st_mode & 0o777 for path in (sealed, home / "vault.key")]
    assert state == StateStore(Vault(home)).load("aliexpress", "main")
    with pytest.raises(BadInput, match="another key"):
        StateStore(Vault(elsewhere)).load("aliexpress", "main")
    sealed.chmod(0o644)
    with pytest.raises(BadInput, match="read by others"):
        StateStore(Vault(home)).load("aliexpress", "main")


def test_nobody_has_signed_in(tmp_path: Path) -> None:
    """
    No state, a forgotten one and one of an unknown make are all the same: a stranger.
    """
    vault = Vault(tmp_path)
    states = StateStore(vault)
    states.save("aliexpress", "main", SignedInState(storage={}, session_storage={}))
    states.forget("aliexpress", "main")
    vault.save("state-aliexpress-old", b'{"made": "by an older one"}')

    assert None is states.load("aliexpress", "main")
    assert None is states.load("aliexpress", "old")
