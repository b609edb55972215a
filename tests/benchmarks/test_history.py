"""The ledgers that are measured are ledgers: the rows are what visits would have left, and every operation does its work."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from agent.engine.clock import SystemClock
from agent.engine.database import open_database
from agent.engine.ledger import Ledger
from agent.engine.listing import Filters
from agent.model import OrderStage, Stage
from benchmarks.history import WAITING, fill, measure


def test_a_filled_ledger_reads_like_any_other(tmp_path: Path) -> None:
    """
    Some still wait, the others are done; each has its order, its stamp and its events.
    """
    fill(tmp_path, WAITING + 5)
    database = open_database(tmp_path)
    ledger = Ledger(database, SystemClock(), "the test")

    waiting, done = ledger.get("w-00000000"), ledger.get(f"w-{WAITING:08}")

    assert (WAITING + 5, 5) == (ledger.find(Filters()).total, ledger.find(Filters(stage=Stage.DONE)).total)
    assert WAITING == len(ledger.awaiting("aliexpress", "main", alone=True))
    assert [] == ledger.due(datetime.now(UTC))
    assert (Stage.AWAITING_DECISION, OrderStage.AWAITING_DECISION) == (waiting.stage, waiting.orders[0].stage)
    assert (Stage.DONE, OrderStage.APPROVED) == (done.stage, done.orders[0].stage)
    assert [True, True] == [one.orders[0].was_stamped for one in (waiting, done)]
    assert ["asked", "visit", "order", "stage"] == [event.what for event in ledger.events(done.id)]
    database.close()


async def test_operations_are_measured_at_each_size(tmp_path: Path) -> None:
    """
    Every one of them, each round, and the largest beside the smallest.
    """
    found = await measure(tmp_path, [3, 30], 2, lambda said: None)

    assert 18 == len(found.figures) == 2 * len(found.ratios)
    assert "ledger: put a stamp on disk, among 30 ÷ among 3" in [row.name for row in found.ratios]
    assert {2} == {len(values) for values in found.samples.values()}
