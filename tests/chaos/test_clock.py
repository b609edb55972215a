"""
Somebody sets the clock by an hour while a worker waits: nothing is late for it, and nothing lands twice.

Due times are the wall clock's, for people and for schedules that outlive the process; QUIET has a clock that never jumps.
"""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.chaos.portal import ChaosPortal
from tests.chaos.work import Work, everything_is_right, until

pytestmark = pytest.mark.slow

JUMPS = {"an hour ahead": signal.SIGUSR1, "an hour back": signal.SIGUSR2}


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_jumps_while_work_waits(tmp_path: Path, portal: ChaosPortal, jump: str) -> None:
    """
    Requests are out and their next looks stand in the queue: what was due in a moment is done in a moment.
    """
    portal.answers_after = 3.0
    work = Work(tmp_path / "home", portal, quiet="3s")
    ids = work.ask(10)
    work.start()
    until(lambda: len(portal.received) >= 5, seconds=60)
    work.running().process.send_signal(JUMPS[jump])
    jumped = time.monotonic()
    until(lambda: not work.open(ids), seconds=60)
    took = time.monotonic() - jumped
    said = work.running().said
    work.stop()

    everything_is_right(work, portal, ids)
    assert 60 > took
    assert ("the clock was set back by 1:00:00" in said) is (jump == "an hour back")


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_jumps_while_a_click_may_still_land(tmp_path: Path, jump: str) -> None:
    """
    Killed after the click, started again, and then the clock jumps: a full QUIET is waited all the same, and no more than that, so
    that the request which lands late is found and not made again.
    """

    def waits_for_quiet() -> bool:
        due_at = work.ledger.get(id).due_at
        return due_at is not None and due_at > datetime.now(UTC)

    with ChaosPortal(lands_within=(14.0, 14.0)) as portal:
        work = Work(tmp_path / "home", portal, quiet="15s")
        (id,) = work.ask(1)
        work.start("after_click")
        work.dies()
        work.start()
        started = time.monotonic()
        until(waits_for_quiet, seconds=60)
        work.running().process.send_signal(JUMPS[jump])
        until(lambda: not work.open([id]), seconds=60)
        took = time.monotonic() - started
        work.stop()

        everything_is_right(work, portal, [id])
        assert 15 < took < 60
