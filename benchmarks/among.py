"""
What many orders at the portal cost: finding one of them, and reading those that wait.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from agent.browser.arriving import WalkOptions
from agent.browser.browsers import Browsers
from agent.browser.editions import Editions
from agent.browser.evidence import Journal, VisitJournal, now, read_journal
from agent.browser.performing import read_decisions
from agent.browser.recognise import Hosts
from agent.cli.context import Globals
from agent.cli.worker import Silent
from agent.engine.records import Wanted
from agent.engine.visits import Visits
from agent.engine.workshop import Workshop
from agent.model import OrderId, Reason, ReasonChoice
from agent.portal import Credentials, portal_named
from agent.settings import BrowserSettings
from benchmarks.peers.ours import workshop_at
from benchmarks.peers.place import Place
from benchmarks.pretend import pretend
from benchmarks.results import Part, Row, figure, held_to
from benchmarks.spread import ratio
from fixtures.aliexpress import MockPortal
from fixtures.aliexpress.model import Order, State
from fixtures.aliexpress.seed import MAIN, MORE, PASSWORD, more_orders
from fixtures.aliexpress.world import World

_STEP = "find the order"
_A_PAGE = 10
_BUYER = "many@example.com"

Tells = Callable[[str], None]


async def finding(folder: Path, sizes: Sequence[int], rounds: int, tells: Tells) -> Part:
    """
    The step that finds the oldest order of an account, by search, among so many. Rehearsals: nothing is submitted.

    :param sizes: how many orders the account has, the fewest first.
    """
    times: dict[int, list[float]] = {size: [] for size in sizes}
    with ExitStack() as stack:
        accounts: dict[int, tuple[Visits, Workshop, OrderId]] = {}
        for size in sizes:
            tells(f"an account with {size:,} orders")
            sites = stack.enter_context(pretend(folder / f"among-{size}", size * len(MORE)))
            place = Place(sites, user=MORE[0], account=MORE[0].partition("@")[0])
            workshop = workshop_at(place, {})
            stack.callback(workshop.database.close)
            oldest = [number for number, account in more_orders(size * len(MORE)) if account == MORE[0]][-1]
            accounts[size] = (Visits(workshop), workshop, OrderId(oldest))
            await _found(*accounts[size])  # signs in
        for round in range(rounds):
            tells(f"finding an order, round {round + 1} of {rounds}")
            for size, account in accounts.items():
                times[size].append(await _found(*account))
    return Part(
        ratios=[held_to("find", ratio(times[sizes[-1]], times[sizes[0]]), sizes[0], sizes[-1])],
        figures=[figure(f"find an order among {size:,}", values) for size, values in times.items()],
        samples={f"find an order among {size}": values for size, values in times.items()},
    )


async def _found(visits: Visits, workshop: Workshop, order: OrderId) -> float:
    """Milliseconds of the step, by the visit's own journal."""
    account = MORE[0].partition("@")[0]
    wanted = Wanted("aliexpress", account, order)
    journal = read_journal(await visits.dry_run(wanted, ReasonChoice(key=Reason.NO_LONGER_NEEDED)))
    assert journal is not None
    return next(step.seconds for step in journal.steps if step.name == _STEP and step.seconds is not None) * 1000


async def sweeping(folder: Path, orders: int, pending: int, tells: Tells) -> Part:
    """
    Page loads of one sweep, by the portal's own counts: of three that wait among *orders*, and of *pending* on consecutive pages.

    What is loaded is a page, a further part of the list, or a search's answer.
    """
    tells(f"reading 3 among {orders:,}")
    few = await _loads(folder / "few", orders, [orders // 10, orders // 2, orders * 9 // 10])
    tells(f"reading {pending:,} on consecutive pages")
    many = await _loads(folder / "consecutive", pending, list(range(pending)))
    pages = -(-pending // _A_PAGE)
    return Part(
        ratios=[held_to("sweep_few", few, orders), held_to("sweep_many", many / pages, pending)],
        figures=[Row(name=f"sweep: page loads for {pending:,} pending on {pages} consecutive pages", value=many)],
    )


async def _loads(folder: Path, orders: int, waiting: Sequence[int]) -> int:
    """How often the portal had to show something, until the answer of all in *waiting* (by their place, the newest first) is read."""
    portal = portal_named("aliexpress")
    folder.mkdir(parents=True)
    loaded = Editions(portal.name, portal.editions, folder / "none").load()
    with MockPortal(record=folder / "portal.jsonl") as site:
        site.world.set(delay_ms=0)
        numbers = _plant(site.world, orders, set(waiting))
        hosts = Hosts(loaded.edition, {role: list(addresses) for role, addresses in site.hosts.items()})
        journal = Journal(
            folder / "visit", VisitJournal(visit="sweep", kind="sweep", portal=portal.name, started_at=now())
        )
        credentials = Credentials(username=SecretStr(_BUYER), password=SecretStr(PASSWORD))
        async with Browsers(BrowserSettings(), most=0).session(
            loaded, hosts, WalkOptions(pictures="off"), None
        ) as session:
            walk = await session.reading_walk(journal, Silent(Globals()))
            await portal.sign_in(walk, credentials)
            before = _shown(site.world)
            told = {order async for order, _ in read_decisions(portal, walk, [OrderId(one) for one in numbers])}
        if told != set(numbers):
            raise RuntimeError(f"{len(told)} of {len(numbers)} orders were read")
        return _shown(site.world) - before


def _plant(world: World, orders: int, waiting: set[int]) -> list[str]:
    """An account with orders an hour apart; gives the numbers of those that wait."""
    world.accounts[_BUYER] = world.account(MAIN).model_copy(update={"email": _BUYER})
    newest, numbers = datetime.now(UTC), []
    for place in range(orders):
        number = str(8195_0000_0000_4512 + place * 20_000)
        state: State = "cancel_requested" if place in waiting else "completed"
        placed_at = newest - timedelta(hours=place + 1)
        world.add_order(Order(number=number, account=_BUYER, state=state, seller="silent", placed_at=placed_at))
        if place in waiting:
            numbers.append(number)
    return numbers


def _shown(world: World) -> int:
    return sum(world.counted(what) for what in ("page www", "list more", "list search"))
