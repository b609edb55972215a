"""
The ledger's server restarts under two workers in the middle of their work: they go on by themselves.

With their connections they lose their locks; no account is visited twice at once for that.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from tests.chaos.portal import ChaosPortal
from tests.chaos.work import Work, everything_is_right, until
from tests.engine.cluster import How, cluster

pytestmark = pytest.mark.slow

NAMES = ("worker-1", "worker-2")


def test_under_load(tmp_path: Path, portal: ChaosPortal) -> None:
    """
    Restarted fast and at once, as a crash would, while visits are under way: the same two processes end everything, once each.
    """
    with cluster() as server:
        work = Work(tmp_path / "home", portal, quiet="3s", address=server.database())
        ids = work.ask(44)
        for name in NAMES:
            work.start(worker=name)
        for number, how in enumerate((*get_args(How), *get_args(How)), start=1):
            until(lambda number=number: len(portal.received) >= 6 * number, seconds=90)  # type: ignore[misc]
            server.restart(how)
        until(lambda: not work.open(ids), seconds=240)
        said = "".join(work.running(name).said for name in NAMES)
        work.stop()

        everything_is_right(work, portal, ids)
        assert "the server has let go of the lock" in said
        assert "Traceback" not in said
