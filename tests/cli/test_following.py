"""``--slow-mo``, ``--step`` and ``--pause-on-failure``: for a person who follows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixtures.aliexpress.seed import ORDERS
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.cli.person import Screen, Terminal, screen
from tests.conftest import needs_browser

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


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--slow-mo", "200"), "--slow-mo is for somebody who sees the browser"),
        (("--pause-on-failure",), "--pause-on-failure is for somebody who sees the browser"),
        (("--step",), "--step waits for Enter, and there is no terminal to press it at"),
        (("--headed", "--pause-on-failure"), "--pause-on-failure waits for Enter, and there is no terminal"),
    ],
)
def test_nobody_could_follow(within: Within, options: tuple[str, ...], what: str) -> None:
    """
    Where there is no window, or no terminal, that needs one, nothing is asked for.
    """
    ran = within(*CANCEL, *options)

    assert (2, "") == (ran.code, ran.out)
    assert what in " ".join(ran.err.split())
    assert [] == within("--json", "list").json["results"]


@needs_browser
@pytest.mark.headed
@pytest.mark.slow
def test_step_by_step(playground: Playground, shown: Screen, terminals: list[Terminal]) -> None:
    """
    Each step waits for Enter, without a window too; nothing is submitted before its own.
    """
    terminals.append(operator := Terminal(playground.config, shown.display, [*CANCEL, "--step"]))

    steps = ["sign in", "open My Orders", "find the order", "open its details", "start the cancellation"]
    for step in [*steps, "choose the reason", "submit the request"]:
        operator.reads(f"next: {step} [Enter]")
        assert [] == playground.portal.submitted
        operator.types("")
    operator.reads("next: confirm [Enter]")
    operator.types("")

    assert 0 == operator.ends(), operator.shown
    assert SUBMITTED == playground.portal.submitted


@needs_browser
@pytest.mark.headed
@pytest.mark.slow
def test_a_failure_leaves_its_page_open(playground: Playground, shown: Screen, terminals: list[Terminal]) -> None:
    """
    The window of the failed step stays until Enter, and the command ends as it would have without it; slowly, as was asked.
    """
    playground.portal.world.change_order(PLACED, cancel_button=False)
    options = ("--headed", "--slow-mo", "50", "--pause-on-failure")
    terminals.append(operator := Terminal(playground.config, shown.display, [*CANCEL, *options]))

    operator.reads("The page is left open until you press Enter.")
    shown.finds("Awaiting shipment")
    operator.types("")

    assert 30 == operator.ends(), operator.shown
    assert [] == playground.portal.submitted
