"""``countermand worker``: the real command, and commands that leave the visits to it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fixtures.aliexpress.seed import ORDERS
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.conftest import CommandLine, needs_browser
from tests.engine.cluster import cluster

PLACED = ORDERS["placed"]
COMMAND = ("cancel", PLACED, "--reason", "no_longer_needed", "--json")


class Working:
    """A worker in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> dict[str, Any]:
        """The next line of JSON that it prints."""
        assert self.process.stdout is not None
        document: dict[str, Any] = json.loads(self.process.stdout.readline())
        return document

    def stop(self) -> str:
        """SIGTERM; what it printed since."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=90)
        assert 0 == self.process.returncode, err
        assert "Traceback" not in err
        return out


@pytest.fixture
def worker(playground: Playground, countermand: CommandLine) -> Iterator[Working]:
    """A worker that is ready."""
    playground.portal.world.set(delay_ms=0)
    playground.portal.world.change_order(PLACED, answers_after=0)
    working = Working(countermand.start("--json", "worker", "--browsers", "1"))
    ready = working.line()
    assert ("ready", "worker-1", 1) == (ready["event"], ready["worker"], ready["browsers"])
    yield working
    if working.process.poll() is None:
        working.process.kill()
        working.process.communicate()


@needs_browser
@pytest.mark.slow
def test_visits_are_left_to_the_worker(playground: Playground, countermand: CommandLine, worker: Working) -> None:
    """
    ``cancel`` opens no browser of its own: it waits while the worker withdraws the order, once, and says the same in the end. A
    second worker of the same name is refused.
    """
    ran = countermand(*COMMAND, "--wait", "decided")
    second = countermand("worker")
    rest = [json.loads(line) for line in worker.stop().splitlines()]

    assert (0, "done", "approved") == (ran.code, ran.json["stage"], ran.json["orders"][0]["stage"])
    assert [PLACED] == [order for order, _ in playground.portal.submitted]
    assert [("visit", ran.json["id"], "awaiting_decision"), ("visit", ran.json["id"], "done")] == [
        (line["event"], line["id"], line["stage"]) for line in rest[:-1]
    ]
    assert "stopped" == rest[-1]["event"]
    assert 2 == second.code
    assert "a worker called worker-1 is running already" in second.err


@needs_browser
@pytest.mark.slow
def test_the_command_does_it_itself_when_the_worker_dies(
    playground: Playground, countermand: CommandLine, worker: Working
) -> None:
    """
    The worker is killed while ``cancel`` waits for it: the command goes on by itself, and nothing is submitted twice.
    """
    waiting = countermand.start(*COMMAND, "--wait", "decided")
    deadline = time.monotonic() + 60
    while not playground.portal.world.counted("page www /p/order/index.html"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    worker.process.kill()
    out, err = waiting.communicate(timeout=120)

    assert "Traceback" not in err
    assert "done" == json.loads(out)["stage"]
    assert [PLACED] == [order for order, _ in playground.portal.submitted]


@pytest.mark.slow
def test_a_name_is_held_by_one_worker_on_a_server(playground: Playground, countermand: CommandLine) -> None:
    """
    With the ledger on PostgreSQL, too, a second worker of the same name is refused with a sentence and exit 2, before and after the
    server has restarted; with another name it is let in.
    """
    with cluster() as server:
        settings = {"COUNTERMAND_DATABASE__ENV": "LEDGER", "LEDGER": server.database()}
        first = Working(countermand.start("--json", "worker", "--id", "day", env=settings))
        assert "ready" == first.line()["event"]
        second = countermand("worker", "--id", "day", env=settings)
        server.restart("fast")
        third = countermand("worker", "--id", "day", env=settings)
        other = Working(countermand.start("--json", "worker", "--id", "night", env=settings))
        ready = other.line()
        other.stop()
        first.stop()

    assert ("ready", "night") == (ready["event"], ready["worker"])
    for refused in (second, third):
        assert 2 == refused.code
        assert "a worker called day is running already" in refused.err


@pytest.mark.parametrize("name", ["", "a/b", "..", "x" * 41])
def test_a_name_that_cannot_be(within: Within, name: str) -> None:
    """
    A worker's name is part of a file's name: others are refused.
    """
    ran = within("worker", "--id", name)

    assert 2 == ran.code
    assert "cannot be a worker's name" in ran.err


def test_nothing_to_recover(within: Within) -> None:
    """
    On a ledger that no worker ever worked on there is nothing to give to anybody.
    """
    ran = within("--json", "recover", "worker-3")

    assert (0, {"worker": "worker-3", "visits": 0}) == (ran.code, ran.json)
