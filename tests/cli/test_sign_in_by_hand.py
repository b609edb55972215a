"""``countermand sign-in``: a real command, a browser on a screen, and an operator who points and types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from agent.browser.evidence import read_journal
from fixtures.aliexpress.seed import MAIN, ORDERS, PASSWORD
from fixtures.playground import Playground
from tests.cli.conftest import without_credentials
from tests.cli.person import Screen, Terminal, screen
from tests.conftest import CommandLine, needs_browser

pytestmark = [needs_browser, pytest.mark.headed, pytest.mark.slow]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """A screen of the test's own."""
    with screen(monkeypatch) as started:
        yield started


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """What was started; ended with the test."""
    started: list[Terminal] = []
    yield started
    for terminal in started:
        terminal.close()


def test_in_the_pop_up_of_an_identity_host(
    playground: Playground, countermand: CommandLine, shown: Screen, terminals: list[Terminal]
) -> None:
    """
    The operator proves who they are in the identity host's pop-up: nothing of it is captured, and the next command is signed in.
    """
    playground.portal.world.set(sign_in="identity")
    without_credentials(playground)
    terminals.append(operator := Terminal(playground.config, shown.display, ["sign-in", "main"]))

    operator.reads("Sign in in the browser's window")
    shown.click_on("Sign in with Identity")
    shown.click_on("Email")
    shown.types(MAIN)
    shown.click_on("Password")
    shown.types(PASSWORD)
    shown.click_on("Next")
    assert 0 == operator.ends(), operator.shown

    (visit,) = (playground.home / "visits").iterdir()
    journal = read_journal(visit)
    assert journal is not None
    assert [("sign in by hand", None), ("see that we are signed in", "/p/order/index.html")] == [
        (step.name, step.url and urlsplit(step.url).path) for step in journal.steps
    ]
    assert [step.picture for step in journal.steps if step.picture] == [path.name for path in visit.glob("*.jpg")]
    assert 1 == playground.portal.world.counted("sign_in attempt")
    after = countermand("cancel", ORDERS["placed"], "--reason", "no_longer_needed", "--dry-run")
    assert (0, 1) == (after.code, playground.portal.world.counted("signed_in")), after.err


@pytest.mark.parametrize(
    "switches, first, button",
    [({"sign_in": "two_step"}, "Email or phone number", "Sign in"), ({"sign_in": "one_step"}, "Account", "Sign In")],
    ids=["in two steps", "in one"],
)
def test_by_hand(
    playground: Playground,
    countermand: CommandLine,
    shown: Screen,
    terminals: list[Terminal],
    switches: dict[str, Any],
    first: str,
    button: str,
) -> None:
    """
    The operator types everything into the window, the code that the portal sends too, and the next command is signed in.
    """
    playground.portal.world.set(**switches, one_time_code=True)
    without_credentials(playground)
    terminals.append(operator := Terminal(playground.config, shown.display, ["sign-in", "main"]))

    operator.reads("Sign in in the browser's window")
    shown.click_on(first)
    shown.types(MAIN)
    if first != "Account":
        shown.click_on("Sign in or register")  # suggestions cover the button until the field is left
        shown.click_on("Continue")
    shown.click_on("Password")
    shown.types(PASSWORD)
    shown.click_through(button, to="Verification code")
    shown.click_on("Verification code")
    shown.types(playground.portal.world.sessions.last_code[MAIN])
    shown.click_on("Verify")

    assert 0 == operator.ends(), operator.shown
    assert ONE_EACH == attempts(playground)
    after = countermand("cancel", ORDERS["placed"], "--reason", "no_longer_needed", "--dry-run")
    assert (0, ONE_EACH) == (after.code, attempts(playground)), after.err


def test_what_is_stored_is_typed_and_the_code_is_asked_for(
    playground: Playground, shown: Screen, terminals: list[Terminal]
) -> None:
    """
    The operator has only the code to give, at the terminal.
    """
    playground.portal.world.set(one_time_code=True)
    terminals.append(operator := Terminal(playground.config, shown.display, ["sign-in", "main"]))

    operator.reads("The stored username and password are typed")
    operator.reads("the one-time code that AliExpress has just sent")
    operator.types(playground.portal.world.sessions.last_code[MAIN])

    assert 0 == operator.ends(), operator.shown
    assert ONE_EACH == attempts(playground)
    assert PASSWORD not in operator.shown


def test_a_wrong_stored_password_is_typed_once_and_the_rest_is_done_by_hand(
    playground: Playground, shown: Screen, terminals: list[Terminal]
) -> None:
    """
    What the portal says of it is passed on, and the window stays for the operator.
    """
    (playground.folder / "password").write_text("not-the-password")
    terminals.append(operator := Terminal(playground.config, shown.display, ["sign-in", "main"]))

    operator.reads("Your account name or password is incorrect.")
    operator.reads("Go on by hand.")
    operator.reads("Sign in in the browser's window")
    tried = attempts(playground)["sign_in attempt"]
    shown.click_on("Email or phone number")
    shown.types(MAIN)
    shown.click_on("Sign in or register")
    shown.click_on("Continue")
    shown.click_on("Password")
    shown.types(PASSWORD)
    shown.click_on("Sign in")

    assert 0 == operator.ends(), operator.shown
    assert (1, 2) == (tried, attempts(playground)["sign_in attempt"])


ONE_EACH = {"sign_in attempt": 1, "code attempt": 1, "signed_in": 1}


def attempts(playground: Playground) -> dict[str, int]:
    """What the portal counted."""
    return {what: playground.portal.world.counted(what) for what in ONE_EACH}
