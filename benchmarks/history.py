"""
A ledger with years of work in it: what it costs to go on with that many cancellations.

The rows are made by the database itself, as visits would have left them; the operations are the ledger's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from agent.engine.accounts import Accounts
from agent.engine.clock import SystemClock
from agent.engine.database import Database, open_database
from agent.engine.ledger import Ledger
from agent.engine.listing import Filters
from agent.engine.records import Wanted
from agent.engine.stamps import LedgerStamper
from agent.engine.tables import CancellationRow
from agent.model import Choices, OrderId, OrderStage, Reason, ReasonChoice, Settle
from benchmarks.results import Part, Row, figure
from benchmarks.spread import ratio

WAITING = 100
"""How many of them still wait for their supplier; all others are done."""
_ACCOUNT = "main"
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)"
_AGO = "strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || {} || ' minutes') || '000'"
_OLD = _AGO.format("(i + 1)")
_SOON = "strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || (60 + i) || ' minutes') || '000'"
# Whatever else a cancellation is asked with is as it is by default.
_MORE = {
    column.name: int(column.default.arg)
    for column in CancellationRow.__table__.columns
    if isinstance(column.default, ScalarElementColumnDefault) and column.name not in ("revision", "looks")
}
_more_names = "".join(f", {name}" for name in _MORE)
_more_values = "".join(f", {value}" for value in _MORE.values())
_FILL = (
    f"""{_NUMBERS} INSERT INTO cancellations
    (id, stage, revision, created_at, changed_at, due_at, looks, reason_key, settle, shop_stage{_more_names})
    SELECT printf('w-%08d', i), iif(i < :waiting, 'awaiting_decision', 'done'), 2, {_OLD}, {_OLD},
    iif(i < :waiting, {_SOON}, NULL), 2, 'no_longer_needed', 'never', 'none'{_more_values} FROM n""",
    f"""{_NUMBERS} INSERT INTO supplier_orders
    (cancellation_id, portal, account, order_id, claim, stage, attempt, requested_at, status_text)
    SELECT printf('w-%08d', i), 'aliexpress', '{_ACCOUNT}', 8300000000000000 + i * 1000000,
    'aliexpress:' || (8300000000000000 + i * 1000000),
    iif(i < :waiting, 'awaiting_decision', 'approved'), 1, {_OLD}, 'Canceled' FROM n""",
    """INSERT INTO stamps (supplier_order_id, attempt, visit, target, state, armed_at, armed, outcome)
    SELECT id, 1, cancellation_id || '-1', 'cancel.confirm', 'answered', requested_at, 3, 'requested' FROM supplier_orders""",
    f"""{_NUMBERS}, k(number, what) AS (VALUES (1, 'asked'), (2, 'visit'), (3, 'order'), (4, 'stage'))
    INSERT INTO events (cancellation_id, number, at, actor, what)
    SELECT printf('w-%08d', i), k.number, {_OLD}, 'countermand', k.what FROM n CROSS JOIN k ORDER BY i, k.number""",
)


def fill(home: Path, count: int) -> None:
    """A ledger under *home* with *count* cancellations."""
    database = open_database(home)
    try:
        with database.writing() as session:
            for statement in _FILL:
                parameters = {"count": count, "waiting": WAITING}
                known = {name: value for name, value in parameters.items() if f":{name}" in statement}
                session.execute(text(statement), known)
        with database.engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
    finally:
        database.close()


async def measure(folder: Path, sizes: Sequence[int], rounds: int, tells: Callable[[str], None]) -> Part:
    """
    The ledger's operations among so many cancellations, in turn.

    :param sizes: how many there are, the fewest first.
    """
    ledgers: dict[int, _Ledger] = {}
    try:
        for size in sizes:
            tells(f"writing a ledger of {size:,} cancellations")
            home = folder / f"history-{size}"
            home.mkdir(parents=True)
            fill(home, size)
            ledgers[size] = _Ledger(open_database(home), size)
        times: dict[str, dict[int, list[float]]] = {}
        for round in range(rounds):
            tells(f"ledgers, round {round + 1} of {rounds}")
            for size, ledger in ledgers.items():
                for name, took in (await ledger.operations(round)).items():
                    times.setdefault(name, {}).setdefault(size, []).append(took)
    finally:
        for ledger in ledgers.values():
            ledger.database.close()
    found = Part()
    for name, by_size in times.items():
        found.figures.extend(
            figure(f"ledger: {name}, {size:,} cancellations", values) for size, values in by_size.items()
        )
        value = ratio(by_size[sizes[-1]], by_size[sizes[0]])
        label = f"ledger: {name}, among {sizes[-1]:,} ÷ among {sizes[0]:,}"
        found.ratios.append(Row(name=label, value=value.value, low=value.low, high=value.high))
        found.samples.update({f"ledger: {name}, {size}": values for size, values in by_size.items()})
    return found


class _Ledger:
    """One of them, and what is done with it."""

    def __init__(self, database: Database, size: int) -> None:
        self.database = database
        self._clock = SystemClock()
        self._ledger = Ledger(database, self._clock, "the benchmark")
        self._size = size

    async def operations(self, round: int) -> dict[str, float]:
        """Milliseconds of each, in the order of a withdrawal; and what people ask."""
        ledger, times, now = self._ledger, dict[str, float](), datetime.now(UTC)
        accounts = Accounts(self.database, self._clock)
        number = OrderId(str(9100_0000_0000_0000 + round * 10**6))
        wanted = [Wanted("aliexpress", _ACCOUNT, number)]
        choices = Choices(reason=ReasonChoice(key=Reason.NO_LONGER_NEEDED), settle=Settle.NEVER)
        with _timed(times, "claim an order"):
            asked = ledger.claim(wanted, choices)
        assert asked is not None
        with _timed(times, "what is due"):
            ledger.due(now)
        fence = accounts.take("aliexpress", _ACCOUNT, "the benchmark")
        with _timed(times, "begin a visit"):
            visit = ledger.begin_visit(asked.id, "submit", asked.orders[0])
        stamper = LedgerStamper(self.database, self._clock, asked.orders[0], visit, fence)
        with _timed(times, "put a stamp on disk"):
            await stamper.arm("cancel.confirm", number)
        _, order = ledger.again(asked.orders[0])
        with _timed(times, "note what came of it"):
            ledger.move_order(order, OrderStage.AWAITING_DECISION, visit, outcome="requested")
        with _timed(times, "what waits at an account"):
            ledger.awaiting("aliexpress", _ACCOUNT, alone=True, until=now + timedelta(days=7))
        with _timed(times, "read one"):
            ledger.get(f"w-{round * 7919 % self._size:08}")
        with _timed(times, "first page of the list"):
            ledger.find(Filters())
        with _timed(times, "find an order by its number"):
            ledger.find(Filters(text=number))
        return times


@contextmanager
def _timed(times: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    times[name] = (time.perf_counter() - began) * 1000
