"""
Replays beside the live walk that was recorded, in one browser; and how many a minute sees.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from playwright.async_api import Browser, StorageState
from pydantic import SecretStr

from agent.browser.arriving import WalkOptions
from agent.browser.commit import CommitOptions
from agent.browser.confirming import write_confirmations
from agent.browser.editions import Editions, LoadedEdition
from agent.browser.evidence import Journal, VisitJournal, now
from agent.browser.launch import driver, launch
from agent.browser.performing import request_cancellation
from agent.browser.recognise import Hosts, host_name
from agent.browser.recording.cases import cases_in
from agent.browser.recording.model import read_recording
from agent.browser.recording.replay import Case, replay, replay_all
from agent.browser.session import BrowserSession
from agent.cli.context import Globals
from agent.cli.worker import Silent
from agent.model import OrderId, Reason, ReasonChoice, Submission
from agent.portal import Credentials, SupplierPortal, portal_named
from agent.settings import BrowserSettings
from benchmarks.results import Part, Row, figure, held_to
from benchmarks.spread import ratio
from fixtures.aliexpress import MockPortal
from fixtures.aliexpress.model import Order
from fixtures.aliexpress.seed import MAIN, PASSWORD

RECORDINGS = Path(__file__).parents[1] / "fixtures" / "recordings"
_WALKED = "radio"
"""The recording of the walk that is walked live beside it."""
_REASON = ReasonChoice(key=Reason.NO_LONGER_NEEDED)

Tells = Callable[[str], None]


class _NoLedger:
    """Stamps cost the live walk nothing here: a replay has none either."""

    async def arm(self, target: str, order: OrderId) -> None:
        """See ``Stamper.arm``."""

    async def unsent(self, outcome: str) -> None:
        """See ``Stamper.unsent``."""


class _Live:
    """The walk at the mock portal, in a context of its own each time, as a replay has one."""

    def __init__(self, browser: Browser, site: MockPortal, folder: Path) -> None:
        self._browser = browser
        self._site = site
        self._folder = folder
        self._portal: SupplierPortal = portal_named("aliexpress")
        self._loaded = _confirmed(self._portal, site, folder / "selectors")
        self._hosts = Hosts(self._loaded.edition, {role: list(addresses) for role, addresses in site.hosts.items()})
        self._state: StorageState | None = None
        self._walks = 0

    async def sign_in(self) -> None:
        """Once; every walk restores it."""
        context = await self._browser.new_context(locale="en-US")
        session = BrowserSession(
            self._browser, context, await context.new_page(), self._loaded, self._hosts, WalkOptions(pictures="off")
        )
        walk = await session.reading_walk(self._journal(), Silent(Globals()))
        await self._portal.sign_in(walk, Credentials(username=SecretStr(MAIN), password=SecretStr(PASSWORD)))
        self._state = await context.storage_state()
        await context.close()

    async def walk(self) -> float:
        """Milliseconds of one withdrawal with default evidence."""
        order = OrderId(str(8300_0000_0000_4512 + self._walks * 10**6))
        self._site.world.add_order(Order(number=order, account=MAIN, seller="silent"))
        settings, journal = BrowserSettings(), self._journal()
        began = time.perf_counter()
        context = await self._browser.new_context(
            locale="en-US", viewport={"width": settings.width, "height": settings.height}, storage_state=self._state
        )
        session = BrowserSession(
            self._browser, context, await context.new_page(), self._loaded, self._hosts, WalkOptions(trace="on-failure")
        )
        walk = await session.committing_walk(journal, Silent(Globals()), _NoLedger(), CommitOptions())
        walk.is_watched_by(session.recorder(journal, settings))
        submission = await request_cancellation(self._portal, walk, order, _REASON)
        await session.end()
        await context.close()
        took = (time.perf_counter() - began) * 1000
        if submission is not Submission.REQUESTED:
            raise RuntimeError(f"the live walk ended with {submission.value}")
        return took

    def _journal(self) -> Journal:
        self._walks += 1
        name = f"live-{self._walks}"
        return Journal(
            self._folder / name, VisitJournal(visit=name, kind="submit", portal=self._portal.name, started_at=now())
        )


async def measure(folder: Path, rounds: int, tells: Tells) -> Part:
    """A recording and its live walk in turn, then all recordings together."""
    folder.mkdir(parents=True)
    cases = _cases(folder)
    recorded = next(case for case in cases if case.folder.name == _WALKED)
    replays: list[float] = []
    walks: list[float] = []
    with MockPortal(record=folder / "portal.jsonl") as site:
        site.world.set(delay_ms=0)
        async with driver() as playwright:
            browser = await launch(playwright, BrowserSettings(), headed=False)
            try:
                live = _Live(browser, site, folder)
                await live.sign_in()
                for round in range(-1, rounds):  # the first of each is not counted
                    tells(f"replay and live walk, round {round + 1} of {rounds}")
                    times = await _replayed(browser, recorded), await live.walk()
                    if round >= 0:
                        replays.append(times[0])
                        walks.append(times[1])
            finally:
                await browser.close()
    tells("all recordings")
    return Part(
        ratios=[held_to("replay", ratio(replays, walks))],
        figures=[
            figure("replay of a recording", replays),
            figure("the live walk of it, default evidence, no ledger", walks),
            Row(name="replays per minute, several at once", value=await _per_minute(cases), more_is_better=True),
        ],
        samples={"replay": replays, "live walk": walks},
    )


async def _replayed(browser: Browser, case: Case) -> float:
    began = time.perf_counter()
    divergence = await replay(browser, case)
    if divergence is not None:
        raise RuntimeError(f"the recording {case.folder.name} goes another way: {divergence}")
    return (time.perf_counter() - began) * 1000


async def _per_minute(cases: Sequence[Case]) -> float:
    """The browser's start is in it, as for whoever runs ``countermand replay``."""
    began = time.perf_counter()
    await replay_all(cases, BrowserSettings(), headed=False, tells=lambda _: None)
    return len(cases) / (time.perf_counter() - began) * 60


def _cases(folder: Path) -> list[Case]:
    portal = portal_named("aliexpress")
    loaded = Editions(portal.name, portal.editions, folder / "none").load()
    return [Case(case, read_recording(case), portal, loaded) for case in cases_in(RECORDINGS)]


def _confirmed(portal: SupplierPortal, site: MockPortal, users: Path) -> LoadedEdition:
    """What the edition only assumes is confirmed for the mock portal's hosts."""
    editions = Editions(portal.name, portal.editions, users)
    base = editions.load()
    names = list(dict.fromkeys(host_name(address) for role in ("www", "m") for address in site.hosts[role]))
    targets = [name for name, target in base.edition.targets.items() if target.commits]
    write_confirmations(
        users,
        base,
        names,
        date.today(),
        targets=targets,
        statuses=list(base.edition.statuses),
        questions=list(base.edition.questions),
    )
    return editions.load()
