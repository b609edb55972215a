"""``countermand sign-in``: a real command, a browser on a screen, and an operator who points and types."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from agent.browser.evidence import read_journal
from fixtures.aliexpress.seed import MAIN, ORDERS, PASSWORD
from fixtures.playground import Playground
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
