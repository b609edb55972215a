"""
Thousands of cancellations that wait for their supplier: what a worker costs that has nothing to do, how soon it is at work after a
restart, and how long ``countermand list`` takes.

The rows are written into the ledger as visits would have left them; everything else is the real command line.
"""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select

from agent.engine.database import Database, open_database
from agent.engine.tables import CancellationRow, EventRow, StampRow, SupplierOrderRow
from benchmarks.pretend import Figure, Measured, Pretend, pretend
from benchmarks.processes import cpu, memory

_RESTARTS = 3
_LISTS = 5
_TOO_LONG = 600.0


def measure(folder: Path, waiting: int, idle: float, tells: Callable[[str], None]) -> Measured:
    """
    The figures with *waiting* cancellations that are due in an hour or later.

    :param idle: how many seconds an idle worker is watched.
    :param tells: told how far it is.
    """
    with pretend(folder, _RESTARTS) as sites:
        database = open_database(sites.home)
        try:
            tells(f"writing {waiting} cancellations")
            _fill(database, waiting)
            return Measured(
                [
                    *_idle(sites, database, waiting, idle, tells),
                    *_restarts(sites, database, tells),
                    *_lists(sites, waiting, tells),
                ],
                _lost(database, waiting),
            )
        finally:
            database.close()


def _idle(
    sites: Pretend, database: Database, waiting: int, seconds: float, tells: Callable[[str], None]
) -> list[Figure]:
    began = time.monotonic()
    with sites.worker() as worker:
        tells("the worker puts them on its queue")
        _until(lambda: not _unscheduled(database))
        scheduled = time.monotonic() - began
        tells(f"watching it for {seconds:.0f} s while it has nothing to do")
        before = cpu(worker.pid)[0]
        most, over = memory(worker.pid), time.monotonic() + seconds
        while time.monotonic() < over:
            time.sleep(1)
            most = max(most, memory(worker.pid))
        share = (cpu(worker.pid)[0] - before) / seconds
    return [
        Figure(f"putting {waiting} waiting cancellations on the queue", scheduled, "s"),
        Figure("idle worker's share of a core", share * 100, "%", at_most=5),
        Figure("idle worker's memory, without browsers", most, "MB", at_most=150),
    ]


def _restarts(sites: Pretend, database: Database, tells: Callable[[str], None]) -> list[Figure]:
    """From the start of the program until its first visit is in the ledger, and until the portal's first page is asked for."""
    begun, arrived = [], []
    with sites.orders.open(encoding="utf-8", newline="") as file:
        orders = [(row["order"], row["account"]) for row in csv.DictReader(file)]
    for number, (order, account) in enumerate(orders, start=1):
        tells(f"restart {number} of {_RESTARTS}")
        sites.run("cancel", order, "--account", account, "--reason", "no_longer_needed", "--wait", "none")
        visits, pages = _visits(database), _pages(sites)
        at = time.monotonic()
        with sites.worker():
            _until(lambda visits=visits: _visits(database) > visits)  # type: ignore[misc]
            begun.append(time.monotonic() - at)
            _until(lambda pages=pages: _pages(sites) > pages)  # type: ignore[misc]
            arrived.append(time.monotonic() - at)
            # The next restart is to begin with nothing but its own order.
            _until(lambda order=order: _is_done(database, order))  # type: ignore[misc]
    return [
        Figure("restart of the worker to its first visit, slowest", max(begun), "s", at_most=5),
        Figure("restart of the worker to its first page at the portal, slowest", max(arrived), "s"),
    ]


def _lists(sites: Pretend, waiting: int, tells: Callable[[str], None]) -> list[Figure]:
    tells("listing")
    times = []
    for _ in range(_LISTS):
        at = time.monotonic()
        found: dict[str, Any] = sites.run("list")
        times.append(time.monotonic() - at)
        if found["total"] != waiting + _RESTARTS:
            raise RuntimeError(f"list found {found['total']} cancellations")
    return [Figure(f"countermand list, median of {_LISTS}", statistics.median(times), "s", at_most=1)]


# -- the ledger


def _fill(database: Database, count: int) -> None:
    """Rows as a submit visit leaves them: requested, and to be looked at in an hour or later."""
    now = datetime.now(UTC)
    ids = [f"w-{number:08}" for number in range(count)]
    asked = {id: now - timedelta(minutes=number % 7000) for number, id in enumerate(ids)}
    numbers = {id: str(8300_0000_0000_0000 + number * 10**6) for number, id in enumerate(ids)}
    with database.writing() as session:
        if not count:
            return
        session.execute(
            insert(CancellationRow),
            [
                {
                    "id": id,
                    "stage": "awaiting_decision",
                    "revision": 1,
                    "created_at": asked[id],
                    "changed_at": asked[id],
                    "due_at": now + timedelta(hours=1, seconds=number),
                    "looks": 5,
                    "reason_key": "no_longer_needed",
                    "settle": "on-approval",
                    "shop_stage": "none",
                }
                for number, id in enumerate(ids)
            ],
        )
        session.execute(
            insert(SupplierOrderRow),
            [
                {
                    "cancellation_id": id,
                    "portal": "aliexpress",
                    "account": f"buyer{number % 5 + 1}",
                    "order_id": numbers[id],
                    "claim": f"aliexpress:{numbers[id]}",
                    "stage": "awaiting_decision",
                    "attempt": 1,
                    "requested_at": asked[id],
                }
                for number, id in enumerate(ids)
            ],
        )
        session.execute(
            insert(StampRow),
            [
                {
                    "supplier_order_id": key,
                    "attempt": 1,
                    "visit": f"{id}-1",
                    "target": "cancel.confirm",
                    "state": "answered",
                    "armed_at": asked[id],
                    "outcome": "requested",
                }
                for key, id in session.execute(select(SupplierOrderRow.id, SupplierOrderRow.cancellation_id)).all()
            ],
        )
        session.execute(
            insert(EventRow),
            [
                {"cancellation_id": id, "number": number, "at": asked[id], "actor": "countermand", "what": what}
                for id in ids
                for number, what in enumerate(("asked", "visit", "order", "stage"), start=1)
            ],
        )


def _unscheduled(database: Database) -> int:
    query = select(func.count()).where(CancellationRow.due_at.is_not(None), CancellationRow.scheduled.is_(None))
    with database.reading() as session:
        return session.scalar(query) or 0


def _visits(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).where(EventRow.what == "visit")) or 0


def _is_done(database: Database, order: str) -> bool:
    query = (
        select(CancellationRow.stage)
        .join(SupplierOrderRow, SupplierOrderRow.cancellation_id == CancellationRow.id)
        .where(SupplierOrderRow.order_id == order)
    )
    with database.reading() as session:
        return session.scalar(query) == "done"


def _lost(database: Database, waiting: int) -> list[str]:
    """Whatever waited must wait still, with a visit in the queue."""
    query = select(func.count()).where(
        CancellationRow.id.like("w-%"),
        CancellationRow.stage == "awaiting_decision",
        CancellationRow.scheduled_for == CancellationRow.due_at,
    )
    with database.reading() as session:
        found = session.scalar(query) or 0
    return [] if found == waiting else [f"{waiting - found} of {waiting} waiting cancellations wait no more"]


# -- the portal


def _pages(sites: Pretend) -> int:
    counts: dict[str, dict[str, int]] = sites.control("/counts")
    return sum(times for by_kind in counts.values() for kind, times in by_kind.items() if kind.startswith("page"))


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TOO_LONG
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("it never came to that")
        time.sleep(0.05)
