"""``cancel --from FILE`` is killed in the middle of a long file and given again: as if it had never been."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest

from agent.engine.clock import SystemClock
from agent.engine.database import open_database
from agent.engine.ledger import Ledger
from agent.engine.listing import Filters
from fixtures.playground import Playground
from tests.conftest import CommandLine

ROWS = 300
KILLS = 2
NUMBERS = [str(8190_5000_0000_4512 + number * 20_000) for number in range(ROWS)]


@pytest.mark.slow
def test_killed_in_the_middle(playground: Playground, countermand: CommandLine, tmp_path: Path) -> None:
    """
    Killed with SIGKILL twice, each time after some more rows: in the end one cancellation per row, those of before unchanged,
    and a result file that names each.
    """
    file = tmp_path / "orders.csv"
    file.write_text("order\n" + "\n".join(NUMBERS) + "\n")
    command = ("cancel", "--from", str(file), "--account", "main", "--reason", "duplicate", "--wait", "none", "--json")
    database = open_database(playground.home)
    ledger = Ledger(database, SystemClock(), "the test")
    claimed: list[dict[str, str]] = []
    for number in range(1, KILLS + 1):
        process = countermand.start(*command)
        deadline = time.monotonic() + 120
        while ledger.find(Filters()).total < number * ROWS // (KILLS + 1):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
        process.communicate(timeout=30)
        claimed.append(cancellations(ledger))

    ran = countermand(*command)

    everything = cancellations(ledger)
    assert 0 == ran.code, ran.err
    assert sorted(NUMBERS) == sorted(everything)
    assert len(NUMBERS) == len(set(everything.values())) == ledger.find(Filters()).total
    for before in claimed:
        assert 0 < len(before) < ROWS
        assert before.items() <= everything.items()
    with file.with_name("orders.csv.results.csv").open(newline="") as results:
        assert everything == {row["order"]: row["id"] for row in csv.DictReader(results)}
    assert {1} == {len(ledger.events(id)) for id in everything.values()}
    database.close()


def cancellations(ledger: Ledger) -> dict[str, str]:
    """The cancellation of every order that was asked for."""
    return {order.order_id: one.id for one in ledger.newest(limit=2 * ROWS) for order in one.orders}
