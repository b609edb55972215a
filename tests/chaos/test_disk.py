"""
The disk is full in the middle of work: nothing is submitted without its stamp, everybody says so, and afterwards everything ends well.

A limit on the size of files stands for the disk: the process cannot write to any file, and its browser, which was started before, can.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.aliexpress.seed import ORDERS
from fixtures.playground import Playground
from tests.chaos.portal import ChaosPortal
from tests.chaos.work import Work, everything_is_right, until
from tests.conftest import CommandLine, Ran, needs_browser

pytestmark = pytest.mark.slow

ORDER = ORDERS["lands_late"]
COMMAND = ["cancel", ORDER, "--reason", "no_longer_needed", "--wait", "decided", "--json"]


def fill_disk(process: int) -> None:
    """From now on *process* cannot write to files."""
    _, most = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (0, most))


def make_room(process: int) -> None:
    """It can again."""
    _, most = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (most, most))


def test_under_a_worker(tmp_path: Path, portal: ChaosPortal) -> None:
    """
    The worker says that it waits, clicks nothing that it could not stamp, and goes on by itself once there is room.
    """
    work = Work(tmp_path / "home", portal, quiet="3s")
    ids = work.ask(20)
    work.start()
    until(lambda: len(portal.received) >= 3, seconds=60)
    worker = work.running()
    fill_disk(worker.process.pid)
    until(lambda: "The worker waits, and goes on by itself" in worker.said, seconds=60)
    clicked = dict(portal.received)
    time.sleep(5)  # long enough for many a visit: none may click
    still = dict(portal.received)
    stamped = {order.order_id for id in ids for order in work.ledger.get(id).orders if order.stamp is not None}
    make_room(worker.process.pid)
    until(lambda: "the ledger can be used again" in worker.said, seconds=60)
    until(lambda: not work.open(ids), seconds=120)
    said = worker.said
    work.stop()

    everything_is_right(work, portal, ids)
    assert clicked == still
    assert set(clicked) <= stamped
    assert "the disk is full or does not work" in said
    assert "Traceback" not in said


@needs_browser
def test_under_a_command_before_its_stamp(playground: Playground, countermand: CommandLine) -> None:
    """
    Nothing is clicked: exit 10 with a sentence, and the same command submits once there is room.
    """
    ran = run_out_of_room(playground, countermand, "page www /p/order/index.html")
    nothing = submitted(playground)

    again = countermand(*COMMAND)

    assert 10 == ran.code, ran.err
    assert "the disk is full" in " ".join(ran.err.split())
    assert "retryable" == ran.json["error"]["kind"]
    assert "Make room on the disk" in ran.json["error"]["next"]
    assert "Traceback" not in ran.err
    assert [] == nothing
    assert (0, "done") == (again.code, again.json["stage"])
    assert [ORDER] == submitted(playground)


@needs_browser
def test_under_a_command_after_its_click(playground: Playground, countermand: CommandLine) -> None:
    """
    The request is out and nothing more can be written down: exit 50 says so, and the same command finds it.
    """
    ran = run_out_of_room(playground, countermand, "json submit")

    again = countermand(*COMMAND)

    assert 50 == ran.code, ran.err
    assert f"order {ORDER} may have been submitted" in ran.json["error"]["message"]
    assert "the disk is full" in ran.json["error"]["message"]
    assert "Traceback" not in ran.err
    assert (0, "done") == (again.code, again.json["stage"])
    assert [ORDER] == submitted(playground)


def run_out_of_room(playground: Playground, countermand: CommandLine, at: str) -> Ran:
    """Give the command, and fill the disk as soon as the portal has counted *at*."""
    process = countermand.start(*COMMAND)
    until_counted(lambda: playground.portal.world.counted(at) > 0)
    fill_disk(process.pid)
    out, err = process.communicate(timeout=120)
    return Ran(process.returncode, out, err)


def until_counted(holds: Callable[[], bool]) -> None:
    """Wait until something holds, without losing a moment."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def submitted(playground: Playground) -> list[str]:
    """The orders of all requests that the portal received, those that have not landed yet too."""
    playground.portal.world.land_all()
    return [order for order, _ in playground.portal.submitted]
