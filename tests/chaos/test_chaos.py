"""
A worker is killed with SIGKILL, again and again, at random and at named points, while requests land seconds after the click.

By the portal's own count nothing is submitted twice, nothing is lost, and no account is visited twice at once. A control with no
QUIET submits twice every time: the harness can fail.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import get_args

import pytest

from agent.engine.database import open_database
from agent.engine.durable import has_queue, recover
from tests.chaos.portal import ChaosPortal
from tests.chaos.work import Work, everything_is_right, pending, until
from tests.chaos.worker_at import Point
from tests.engine.cluster import cluster

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("CHAOS_KILLS", "30"))
ORDERS = max(60, KILLS * 2)


def test_killed_again_and_again(tmp_path: Path, portal: ChaosPortal) -> None:
    """
    Thirty kills and more over sixty orders of five accounts: at random, and at every named point.
    """
    work = Work(tmp_path / "home", portal, quiet="3s")
    ids = work.ask(ORDERS)
    points = [point for point in get_args(Point) if point != "never"]
    clicked = 0
    for number in range(KILLS):
        if number % 3 == 2:
            ids += work.ask(1)  # for what is to be killed at one point, there must be something to do
            work.start(points[(number // 3) % len(points)])
            work.dies()
        else:
            work.start()
            time.sleep(random.uniform(0.8, 3.0))
            work.kill()
        clicked += work.clicked(ids)
    work.start()
    until(lambda: not work.open(ids), seconds=240)
    work.stop()

    everything_is_right(work, portal, ids)
    assert KILLS < clicked, "too few kills came while something was out: this has proved nothing"


@pytest.mark.parametrize("quiet", ["11s", "0s"])
def test_restarted_at_once_after_the_click(tmp_path: Path, quiet: str) -> None:
    """
    Killed between click and answer, started again at once, the request lands ten seconds after the click, when a slow machine has
    long looked: with QUIET one submit, without it more. That is what QUIET is for.
    """
    with ChaosPortal(lands_within=(10.0, 10.0)) as portal:
        work = Work(tmp_path / "home", portal, quiet=quiet)
        ids = work.ask(1)
        work.start("after_click")
        work.dies()
        work.start()
        until(lambda: not work.open(ids), seconds=90)
        work.stop()

        (received,) = portal.received.values()
        assert received == 1 if quiet == "11s" else received > 1


def test_told_to_stop_it_ends_what_it_began(tmp_path: Path, portal: ChaosPortal) -> None:
    """
    SIGTERM: nothing new is clicked, what was clicked is seen to its answer, and the next worker goes on from there.
    """
    work = Work(tmp_path / "home", portal, quiet="3s")
    ids = work.ask(20)
    work.start()
    until(lambda: len(portal.received) >= 3, seconds=30)
    work.stop()

    orders = [order for id in ids for order in work.ledger.get(id).orders]
    assert not any(order.stamp is not None and order.stamp.is_open for order in orders)
    assert 20 > len(portal.received)
    work.start()
    until(lambda: not work.open(ids), seconds=120)
    work.stop()
    everything_is_right(work, portal, ids)


def test_a_worker_that_does_not_come_back(tmp_path: Path, portal: ChaosPortal) -> None:
    """
    What it had begun keeps its accounts until it is given to the others: then everything ends well, with one submit each.
    """
    work = Work(tmp_path / "home", portal, quiet="3s")
    ids = work.ask(20)
    work.start(worker="worker-1")
    work.start(worker="worker-2")
    database = open_database(tmp_path / "home")
    until(lambda: has_queue(database) and bool(pending(database, "worker-2")), seconds=60)
    work.kill("worker-2")
    left = pending(database, "worker-2")

    assert len(left) == recover(database, "worker-2")
    until(lambda: not work.open(ids), seconds=120)
    work.stop()

    assert left
    assert [] == pending(database, "worker-2")
    everything_is_right(work, portal, ids)


def test_two_workers_on_a_server(tmp_path: Path, portal: ChaosPortal) -> None:
    """
    The same ledger on PostgreSQL with two workers, one or the other killed again and again.
    """
    with cluster() as server:
        work = Work(tmp_path / "home", portal, quiet="3s", address=server.database())
        ids = work.ask(40)
        names = ("worker-1", "worker-2")
        for name in names:
            work.start(worker=name)
        clicked = 0
        for number in range(12):
            ids += work.ask(2)  # so that there is always something to do
            before = len(portal.requests)
            until(lambda before=before: len(portal.requests) > before, seconds=60)  # type: ignore[misc]
            time.sleep(random.uniform(0, 0.3))
            name = names[number % 2]
            work.kill(name)
            clicked += work.clicked(ids)
            work.start(worker=name)
        until(lambda: not work.open(ids), seconds=240)
        work.stop()

        everything_is_right(work, portal, ids)
        assert 12 < clicked, "too few kills came while something was out: this has proved nothing"
