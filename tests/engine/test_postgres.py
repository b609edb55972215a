"""The ledger on a PostgreSQL server: the same rules, and locks that the server keeps."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy import text

from agent.engine.clock import SystemClock
from agent.engine.database import Database, open_database
from agent.engine.ledger import Ledger
from agent.engine.notices import Notices
from agent.engine.records import Cancellation, Wanted
from agent.engine.stamps import LedgerStamper
from agent.engine.worker import named
from agent.errors import ApprovalNeeded, BadInput, Retryable
from agent.model import OrderStage, Stage
from tests.engine.bench import ORDER, OTHER, PLAIN, THIRD, Nobody
from tests.engine.cluster import Cluster, How, cluster

pytestmark = pytest.mark.slow
WANTED = [Wanted("aliexpress", "main", ORDER)]


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """One server for this file."""
    with cluster() as started:
        yield started


@pytest.fixture
def both(server: Cluster, tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    """A new ledger as two processes see it."""
    address = server.database()
    one, other = open_database(tmp_path, address), open_database(tmp_path, address)
    yield one, other
    one.close()
    other.close()


def ledger(database: Database) -> Ledger:
    """The ledger in *database*."""
    return Ledger(database, SystemClock(), "the test")


def test_an_order_belongs_to_one_cancellation(both: tuple[Database, Database]) -> None:
    """
    Twenty at once ask for the same order: one has it, the others are told that it is taken.
    """
    claimed: list[Cancellation | None] = []

    def claim(database: Database) -> None:
        claimed.append(ledger(database).claim(WANTED, PLAIN))

    threads = [threading.Thread(target=claim, args=(both[number % 2],)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert 20 == len(claimed)
    (ours,) = [one for one in claimed if one is not None]
    assert [ours.id] == [one.id for one in ledger(both[0]).newest()]
    assert [1] == [event.number for event in ledger(both[1]).events(ours.id)]


async def test_a_stamp_only_from_the_newest_holder(both: tuple[Database, Database]) -> None:
    """
    Another process has taken the account over: whoever had it before puts no stamp on disk.
    """
    from agent.engine.accounts import Accounts

    one, other = both
    claimed = ledger(one).claim(WANTED, PLAIN)
    assert claimed is not None
    order, clock = claimed.orders[0], SystemClock()
    old = Accounts(one, clock).take("aliexpress", "main", "one")
    new = Accounts(other, clock).take("aliexpress", "main", "other")

    with pytest.raises(Retryable, match="other"):
        await LedgerStamper(one, clock, order, "v-1", old).arm("details.cancel", ORDER)
    await LedgerStamper(other, clock, order, "v-2", new).arm("details.cancel", ORDER)

    assert OrderStage.SUBMITTING is ledger(one).get(claimed.id).orders[0].stage
    assert Stage.OPEN is ledger(one).get(claimed.id).stage


async def test_one_owner_at_a_time(both: tuple[Database, Database]) -> None:
    """
    An account is held by one process; the other waits, and says so.
    """
    one, other = both
    waiting = Nobody()
    order: list[str] = []

    async def second() -> None:
        async with other.locks.held("aliexpress.main", waiting, "the first"):
            order.append("second")

    async with one.locks.held("aliexpress.main", Nobody()):
        task = asyncio.create_task(second())
        while not waiting.heard:
            await asyncio.sleep(0.01)
        order.append("first")
    await asyncio.wait_for(task, 20)

    assert ["first", "second"] == order
    assert ["aliexpress.main is in use by the first; waiting for it to finish"] == waiting.heard


def test_people_are_told_once(both: tuple[Database, Database]) -> None:
    """
    Twenty look and send at the same time: each state is taken by one of them.
    """
    here, clock = ["env BOX"], SystemClock()
    Notices(both[0], clock, ["needs_person"]).note(here)
    claimed = [ledger(both[0]).claim([Wanted("aliexpress", "main", order)], PLAIN) for order in (ORDER, OTHER, THIRD)]
    for one in claimed:
        assert one is not None
        ledger(both[0]).fail(one.id, ApprovalNeeded("nobody said yes"), None, stage=Stage.NEEDS_OPERATOR)
    taken: list[str] = []
    at_once = threading.Barrier(20)

    def tell(database: Database) -> None:
        notices = Notices(database, clock, ["needs_person"])
        at_once.wait(30)
        for _ in range(3):
            notices.note(here)
            taken.extend(due.key for due in notices.take(here))

    threads = [threading.Thread(target=tell, args=(both[number % 2],)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (3, 3) == (len(taken), len(set(taken)))


def test_a_worker_s_name_is_its_own(both: tuple[Database, Database]) -> None:
    """
    On whatever machine: a name is held once, and everybody can see that a worker is running.
    """
    one, other = both
    assert not other.locks.any_worker()
    with named(one, "worker-1"):
        assert other.locks.any_worker()
        with pytest.raises(BadInput, match="worker-1 is running already"), named(other, "worker-1"):
            pass
        with named(other, "worker-2"):
            pass
        assert other.locks.any_worker()
    assert not other.locks.any_worker()


def test_a_server_that_is_away(server: Cluster, both: tuple[Database, Database]) -> None:
    """
    While it is away it is a sentence and to be tried later; afterwards everything is as it was.
    """
    one, _ = both
    claimed = ledger(one).claim(WANTED, PLAIN)
    assert claimed is not None
    server.stop()
    try:
        with pytest.raises(Retryable, match="the ledger's server cannot be used"):
            ledger(one).get(claimed.id)
    finally:
        server.start()

    assert claimed.id == ledger(one).get(claimed.id).id


@pytest.mark.parametrize("how", get_args(How))
async def test_locks_outlive_a_restart(server: Cluster, both: tuple[Database, Database], how: How) -> None:
    """
    The server restarts while an account is visited: it has forgotten the locks, and still nobody else comes in, is called like the
    worker, or believes that there is none.
    """
    one, other = both
    order: list[str] = []

    async def second() -> None:
        async with other.locks.held("aliexpress.main", Nobody()):
            order.append("second")

    with named(one, "worker-1"):
        async with one.locks.held("aliexpress.main", Nobody()):
            await asyncio.to_thread(server.restart, how)
            task = asyncio.create_task(second())
            assert other.locks.any_worker()
            with pytest.raises(BadInput, match="worker-1 is running already"), named(other, "worker-1"):
                pass
            await asyncio.wait({task}, timeout=8)
            order.append("first")
        await asyncio.wait_for(task, 20)

    assert ["first", "second"] == order
    assert not other.locks.any_worker()


def test_a_lock_s_connection_that_is_cut(both: tuple[Database, Database]) -> None:
    """
    Somebody ends the connection that holds a worker's name: it is taken again before long, and let go of in the end.
    """
    one, other = both
    with named(one, "worker-1"):
        with other.engine.connect() as connection:
            cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            assert connection.execute(text(cut)).all()
        deadline = time.monotonic() + 20
        while not other.locks.any_worker():
            assert time.monotonic() < deadline
        with pytest.raises(BadInput, match="worker-1 is running already"), named(other, "worker-1"):
            pass

    assert not other.locks.any_worker()


@pytest.mark.parametrize("address", ["", "nonsense", "mysql://a/b", "sqlite:///x"])
def test_no_address(tmp_path: Path, address: str) -> None:
    """
    What is no address of such a server is refused without repeating it: it may hold a password.
    """
    with pytest.raises(BadInput, match="no address of a PostgreSQL server") as refused:
        open_database(tmp_path, address)

    assert not address or address not in refused.value.message
