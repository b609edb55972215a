"""A check in the way of a real command: an operator with the screen's own mouse passes it, or nobody is there."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from agent.browser.evidence import Step, read_journal
from fixtures.aliexpress.seed import ORDERS
from fixtures.playground import Playground
from tests.cli.person import Screen, Terminal, screen
from tests.conftest import CommandLine, Ran, needs_browser

pytestmark = [needs_browser, pytest.mark.slow]

PLACED = ORDERS["placed"]
CANCEL = ("cancel", PLACED, "--reason", "no_longer_needed")
SUBMITTED = [(PLACED, "I don't need this order anymore")]


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


@pytest.mark.headed
def test_a_slider_before_my_orders_is_passed_by_hand(
    playground: Playground, shown: Screen, terminals: list[Terminal]
) -> None:
    """
    The run waits, the operator moves the slider, and the run ends done.
    """
    playground.portal.world.set(slider=["orders"], slider_by_hand=True)
    order = ("--shop-order", "#1001", "--refund", "later", "--wait", "done")
    terminals.append(operator := Terminal(playground.config, shown.display, [*CANCEL, *order, "--headed"]))

    operator.reads("the portal wants a person to move the slider: please do it in the browser's window")
    assert [] == playground.portal.submitted
    shown.slide("»", by=400)

    assert 0 == operator.ends(120), operator.shown
    assert 1 == playground.portal.world.counted("slider moved")
    assert SUBMITTED == playground.portal.submitted
    assert "done" in operator.shown


@pytest.mark.parametrize("place", [["orders"], ["sign_in"]], ids=["before My Orders", "after the password"])
def test_a_slider_and_nobody_here(playground: Playground, countermand: CommandLine, place: list[str]) -> None:
    """
    Without a window it is for a person: exit 20, a picture of it, and nothing submitted.
    """
    playground.portal.world.set(slider=place)

    ran = countermand(*CANCEL, "--json")

    assert (20, "challenge_shown") == (ran.code, ran.json["error"]["kind"])
    assert "move the slider" in ran.json["error"]["message"]
    assert ["/_____tmd_____/punish"] == [urlsplit(step.url or "").path for step in pictured(playground, ran)]
    assert [] == playground.portal.submitted


def pictured(playground: Playground, ran: Ran) -> list[Step]:
    """The steps of which there is a picture on disk."""
    folders = [playground.home / "visits" / visit for visit in ran.json["visits"]]
    return [
        step
        for folder in folders
        if (journal := read_journal(folder)) is not None
        for step in journal.steps
        if step.picture and (folder / step.picture).stat().st_size > 1000
    ]


def test_a_slider_right_after_submit(playground: Playground, countermand: CommandLine) -> None:
    """
    Whether it was submitted is not known: exit 50. Once the slider is passed, ``retry`` looks and ends right, with one submit.
    """
    playground.portal.world.set(slider=["from_submit_on"])

    ran = countermand(*CANCEL, "--wait", "submitted", "--json")
    assert (50, "uncertain") == (ran.code, ran.json["error"]["kind"])
    playground.portal.world.pass_slider()
    playground.portal.world.set(slider=[])
    again = countermand("retry", ran.json["id"], "--json")

    assert (0, "done") == (again.code, again.json["stage"])
    assert SUBMITTED == playground.portal.submitted
