"""Another process locks the ledger's file: workers and commands wait for it, and past their patience they say so and lose nothing."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.portal import ChaosPortal
from tests.chaos.work import ROOT, Work, everything_is_right, until
from tests.conftest import CommandLine

pytestmark = pytest.mark.slow

ORDER = "8190909000004512"
_CONFIG = """\
home = "home"
[accounts.a1]
portal = "aliexpress"
"""


@contextmanager
def locked(ledger: Path) -> Iterator[None]:
    """Somebody else writes to the ledger, and does not come to an end."""
    connection = sqlite3.connect(ledger, isolation_level=None, timeout=30)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    """The command line on the worker's ledger."""
    config = tmp_path / "countermand.toml"
    config.write_text(_CONFIG)
    return CommandLine(config, ROOT)


def ask(command: CommandLine) -> subprocess.Popen[str]:
    """Ask for one more order; the worker does the visits."""
    return command.start("cancel", ORDER, "--account", "a1", "--reason", "no_longer_needed", "--wait", "none", "--json")


def test_for_twenty_seconds(tmp_path: Path, portal: ChaosPortal, command: CommandLine) -> None:
    """
    A worker in the middle of its work and a command wait, and go on as if nothing had been.
    """
    work = Work(tmp_path / "home", portal, quiet="3s")
    ids = work.ask(10)
    work.start()
    until(lambda: len(portal.received) >= 2, seconds=60)
    with locked(tmp_path / "home" / "countermand.db"):
        asking = ask(command)
        time.sleep(20)
        waits = asking.poll() is None
    out, err = asking.communicate(timeout=60)
    until(lambda: ORDER in portal.received and not work.open(ids), seconds=120)
    ids = [one.id for one in work.ledger.newest()]
    until(lambda: not work.open(ids), seconds=120)
    said = work.running().said
    work.stop()

    assert waits
    assert (0, 11) == (asking.returncode, len(ids)), err
    assert ORDER in out
    everything_is_right(work, portal, ids)
    assert "Traceback" not in said


def test_for_longer_than_anybody_waits(tmp_path: Path, portal: ChaosPortal, command: CommandLine) -> None:
    """
    After half a minute the command says so and exits with 10, and the worker says so too; both go on afterwards.
    """
    work = Work(tmp_path / "home", portal, quiet="3s")
    ids = work.ask(10)
    work.start()
    until(lambda: len(portal.received) >= 2, seconds=60)
    worker = work.running()
    with locked(tmp_path / "home" / "countermand.db"):
        out, err = (asking := ask(command)).communicate(timeout=120)
        until(lambda: "another process has kept it locked for too long" in worker.said, seconds=120)
    again = ask(command)
    again.communicate(timeout=120)
    until(lambda: ORDER in portal.received and not work.open(ids), seconds=120)
    ids = [one.id for one in work.ledger.newest()]
    until(lambda: not work.open(ids), seconds=120)
    said = worker.said
    work.stop()

    assert (10, 0) == (asking.returncode, again.returncode)
    assert "another process has kept it locked for too long" in " ".join(err.split())
    assert "retryable" in out
    assert 11 == len(ids)
    everything_is_right(work, portal, ids)
    assert "Traceback" not in err + said
