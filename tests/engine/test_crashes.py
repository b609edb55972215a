"""
Killed around the commit: at most one submit, and the same command goes on or says how it stands and what to do.

Requests land three seconds late, so that a look right after the crash would not see them.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from fixtures.aliexpress.seed import ORDERS
from fixtures.playground import Playground
from tests.conftest import CommandLine, Ran, needs_browser
from tests.engine.crash_at import CONTROL, Point

pytestmark = [needs_browser, pytest.mark.slow]

PROGRAM = str(Path(__file__).with_name("crash_at.py"))
ORDER = ORDERS["lands_late"]
COMMAND = ["cancel", ORDER, "--reason", "no_longer_needed", "--wait", "decided", "--json"]


@pytest.fixture(autouse=True)
def late(playground: Playground) -> None:
    """The portal answers at once, the seller too; a request lands three seconds after it was received."""
    playground.portal.world.set(delay_ms=0)
    playground.portal.world.change_order(ORDER, lands_after=3, answers_after=0)


def set_up(playground: Playground, **settings: str) -> None:
    """Change settings of the portal, e.g. ``resubmit="when_clear"``."""
    table = "[portals.aliexpress]\n"
    text = playground.config.read_text()
    kept = [line for line in text.splitlines() if line.split(" = ")[0] not in settings]
    added = "".join(f'{name} = "{value}"\n' for name, value in settings.items())
    playground.config.write_text("\n".join(kept).replace(table, table + added) + "\n")


def crash(playground: Playground, countermand: CommandLine, point: Point) -> None:
    """Give the command once, and have it killed."""
    process = countermand.start(*COMMAND, program=(PROGRAM, point), env={CONTROL: playground.portal.control_url})
    out, err = process.communicate(timeout=180)
    assert -signal.SIGKILL == process.returncode, f"it was not killed at {point}: {process.returncode}\n{out}\n{err}"


def submitted(playground: Playground) -> list[str]:
    """The orders of all requests that the portal received, those that have not landed yet too."""
    playground.portal.world.land_all()
    return [order for order, _ in playground.portal.submitted]


def tidy(ran: Ran) -> Ran:
    assert "Traceback" not in ran.err
    return ran


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def test_killed_before_the_stamp(playground: Playground, countermand: CommandLine) -> None:
    """
    Nothing was clicked: the same command submits, once, and ends well.
    """
    crash(playground, countermand, "before_stamp")
    nothing = submitted(playground)

    again = tidy(countermand(*COMMAND))

    assert ([], (0, "done")) == (nothing, (again.code, again.json["stage"]))
    assert [ORDER] == submitted(playground)


def test_killed_between_stamp_and_click(playground: Playground, countermand: CommandLine) -> None:
    """
    Whether it was clicked cannot be known: the same command waits, looks, and says that it is uncertain. With
    ``resubmit = "when_clear"`` it submits, once, and ends well.
    """
    crash(playground, countermand, "after_stamp")

    asked = tidy(countermand(*COMMAND))
    nothing = submitted(playground)
    set_up(playground, resubmit="when_clear")
    again = tidy(countermand(*COMMAND))

    assert (50, "needs_operator", "uncertain") == (asked.code, asked.json["stage"], asked.json["error"]["kind"])
    assert "uncertain" == asked.json["orders"][0]["stage"]
    assert f"order {ORDER} may have been clicked" in asked.json["error"]["message"]
    assert "It was not clicked again" in asked.json["error"]["message"]
    assert f"Look at order {ORDER} in My Orders" in asked.json["error"]["next"]
    assert [] == nothing
    assert (0, "done", asked.json["id"]) == (again.code, again.json["stage"], again.json["id"])
    assert [ORDER] == submitted(playground)


@pytest.mark.parametrize("point", ["after_click", "before_record"])
def test_killed_after_the_click(playground: Playground, countermand: CommandLine, point: Point) -> None:
    """
    The request is out: the same command finds it and goes on, even where it may submit again by itself.
    """
    set_up(playground, resubmit="when_clear")
    crash(playground, countermand, point)

    again = tidy(countermand(*COMMAND))

    assert (0, "done", "approved") == (again.code, again.json["stage"], again.json["orders"][0]["stage"])
    assert [ORDER] == submitted(playground)


def test_without_quiet_it_would_submit_twice(playground: Playground, countermand: CommandLine) -> None:
    """
    The control: with QUIET switched off and a request that lands late, looking before acting alone submits twice.
    """
    playground.portal.world.change_order(ORDER, lands_after=600, reply="at_once", answers_after=0)
    set_up(playground, resubmit="when_clear", quiet="0s")
    crash(playground, countermand, "after_click")

    tidy(countermand(*COMMAND, "--wait", "submitted"))

    assert [ORDER, ORDER] == submitted(playground)


def test_ctrl_c_before_a_stamp(playground: Playground, countermand: CommandLine) -> None:
    """
    Interrupted on the way to the order: exit 130, nothing was submitted.
    """
    playground.portal.world.set(delay_ms=1500)
    process = countermand.start(*COMMAND)
    until(lambda: playground.portal.world.counted("sign_in attempt") > 0)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert 130 == process.returncode, err
    assert "Interrupted. Nothing was submitted" in " ".join(err.split())
    assert "Traceback" not in err
    assert [] == submitted(playground)


def test_ctrl_c_after_a_stamp(playground: Playground, countermand: CommandLine) -> None:
    """
    Interrupted between the click and its outcome: exit 50, which says what to do.
    """
    playground.portal.world.change_order(ORDER, reply="never")
    process = countermand.start(*COMMAND)
    until(lambda: playground.portal.world.counted("json submit") > 0)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    said = " ".join(err.split())
    assert 50 == process.returncode, err
    assert "Interrupted after a click whose outcome is not known" in said
    assert "Give the same command again" in said
    assert "Traceback" not in err
    assert [ORDER] == submitted(playground)


def test_every_point_is_tried() -> None:
    """
    The four points of the design are the ones that are tried above.
    """
    assert {"before_stamp", "after_stamp", "after_click", "before_record"} == set(get_args(Point))
