"""
Walking a recording again: today's flow and edition in a real browser, the network closed, the pages from the recording.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Browser
from pydantic import SecretStr

from agent.browser.arriving import Surroundings, WalkOptions
from agent.browser.commit import CommitOptions, CommittingWalk
from agent.browser.edition import Edition
from agent.browser.editions import LoadedEdition
from agent.browser.evidence import Journal, VisitJournal
from agent.browser.launch import driver, launch
from agent.browser.performing import perform
from agent.browser.recognise import Hosts, host_name
from agent.browser.recording.model import Recording
from agent.browser.recording.player import Diverged, Divergence, NeverApproves, Player, ReplayStamper, Stage
from agent.browser.tracer import Tracer
from agent.errors import BadInput, CountermandError
from agent.model import ErrorKind
from agent.portal import SupplierPortal
from agent.settings import BrowserSettings, Patience
from agent.walk import StoppedBeforeCommit

PATIENCE = Patience(page=timedelta(seconds=5), action=timedelta(seconds=5))
"""Recorded pages do not change: what is not there at once does not come. The rest is for machines that are busy."""

_AT_ONCE = 4
"""Replays of one browser."""
_SLOWLY = 300.0
"""Milliseconds between two actions, for whoever looks on."""


class _Forgotten(Journal):
    """A replay leaves nothing."""

    def __init__(self, entry: VisitJournal) -> None:
        self.folder = Path()
        self.entry = entry
        self._writes = None

    def _write(self) -> None:
        pass

    def _write_soon(self) -> None:
        pass


class _NobodyThere:
    """A replay asks nobody."""

    is_here = False

    async def ask(self, question: str) -> SecretStr | None:
        """See ``Person.ask``."""

    async def agrees(self, question: str) -> bool:
        """See ``Person.agrees``."""
        return False

    async def choose(self, question: str, options: Sequence[str]) -> int | None:
        """See ``Person.choose``."""

    async def presses_enter(self, sentence: str) -> bool:
        """See ``Person.presses_enter``."""
        return False

    async def step_done(self, name: str, seconds: float, failed: bool) -> None:
        """See ``Person.step_done``."""

    def says(self, sentence: str) -> None:
        """See ``Person.says``."""


@dataclass(frozen=True)
class Case:
    """A recording, and what it is walked with."""

    folder: Path
    recording: Recording
    portal: SupplierPortal
    loaded: LoadedEdition
    """The edition of today."""


@dataclass(frozen=True)
class Replayed:
    """What came of a case."""

    case: Case
    divergence: Divergence | None
    """The first thing that went another way."""
    seconds: float


async def replay_all(
    cases: Sequence[Case], settings: BrowserSettings, *, headed: bool, tells: Callable[[Replayed], None]
) -> list[Replayed]:
    """
    Walk *cases* again, several at once in one browser; one after the other if somebody looks on.

    :param tells: told of each when it is over.
    :raises BadInput: one of them is not whole, or there is no browser.
    """
    for case in cases:
        _check_whole(case)
    room = asyncio.Semaphore(1 if headed else _AT_ONCE)
    async with driver() as playwright:
        browser = await launch(playwright, settings, headed=headed, slow_mo=_SLOWLY if headed else 0.0)

        async def one(case: Case) -> Replayed:
            async with room:
                started = time.monotonic()
                divergence = await replay(browser, case, headed=headed)
            replayed = Replayed(case, divergence, time.monotonic() - started)
            tells(replayed)
            return replayed

        try:
            return await asyncio.gather(*map(one, cases))
        finally:
            await browser.close()


async def replay(browser: Browser, case: Case, *, headed: bool = False) -> Divergence | None:
    """
    Walk one case again.

    :returns: the first thing that went another way; ``None``: nothing did.
    :raises BadInput: it is not whole.
    """
    _check_whole(case)
    async with _walk(browser, case, headed=headed) as (walk, stage, stamper):
        for take in case.recording.takes:
            player = stamper.player = Player(take, stage)
            walk.is_watched_by(player)
            # However it ends: that was held against the recording before it came here.
            with suppress(Diverged, CountermandError, StoppedBeforeCommit):
                await perform(case.portal, walk, take.call)
            if player.divergence is not None:
                return player.divergence
    return None


@asynccontextmanager
async def _walk(
    browser: Browser, case: Case, *, headed: bool
) -> AsyncIterator[tuple[CommittingWalk, Stage, ReplayStamper]]:
    recording, loaded = case.recording, case.loaded
    edition = _trusting(loaded.edition, recording)
    hosts = Hosts(edition, {role: list(addresses) for role, addresses in recording.hosts.items()})
    context = await browser.new_context(
        locale=recording.locale,
        timezone_id=recording.timezone,
        viewport={"width": recording.width, "height": recording.height},
        accept_downloads=False,
        service_workers="block",
    )
    try:
        await context.clock.set_fixed_time(recording.recorded_at)
        context.set_default_timeout(PATIENCE.action.total_seconds() * 1000)
        tab = await context.new_page()
        stage, stamper = Stage(case.folder, context, tab), ReplayStamper()
        await stage.prepare()
        journal = _Forgotten(VisitJournal(visit="replay", kind="replay", started_at=recording.recorded_at))
        around = Surroundings(
            context=context,
            tab=tab,
            loaded=LoadedEdition(edition, loaded.path, loaded.digest),
            hosts=hosts,
            journal=journal,
            person=_NobodyThere(),
            options=WalkOptions(patience=PATIENCE, headed=headed, pictures="off"),
            tracer=Tracer(context, "never"),
        )
        walk = CommittingWalk(around, stamper, _limits(recording))
        await walk.prepare()
        yield walk, stage, stamper
    finally:
        await context.close()


def _check_whole(case: Case) -> None:
    recording, folder = case.recording, case.folder
    if recording.incomplete is not None:
        raise BadInput(
            f"the recording in {folder} is not whole: {recording.incomplete}", next="Record another visit of that kind."
        )
    if not recording.takes:
        raise BadInput(f"the recording in {folder} holds nothing", next="Record a visit that went to a page.")


def _limits(recording: Recording) -> CommitOptions:
    """A yes that nobody had given then is not given now."""
    ends = [take.ended.error.kind for take in recording.takes if take.ended.error is not None]
    return CommitOptions(
        dry_run=any(take.call.dry_run for take in recording.takes),
        approval=NeverApproves() if ErrorKind.APPROVAL_NEEDED in ends else None,
    )


def _trusting(edition: Edition, recording: Recording) -> Edition:
    """*edition*, with what was confirmed for the recording's hosts then: nothing of a replay can be sent anywhere."""
    day = recording.recorded_at.date()
    confirmed = {host_name(address): day for several in recording.hosts.values() for address in several}
    sections: dict[str, Any] = {}
    for section in ("targets", "statuses", "questions"):
        named = recording.trusted.get(section, [])
        sections[section] = _confirmed(getattr(edition, section), named, confirmed)
    pages = dict(edition.pages)
    for name in recording.trusted.get("held", []):
        if name in pages:
            proofs = [
                proof.model_copy(update={"confirmed": {**proof.confirmed, **confirmed}}) if proof.held else proof
                for proof in pages[name].proof
            ]
            pages[name] = pages[name].model_copy(update={"proof": proofs})
    return edition.model_copy(update={**sections, "pages": pages})


def _confirmed(parts: Mapping[str, Any], names: Sequence[str], confirmed: Mapping[str, date]) -> dict[str, Any]:
    known = set(names)
    return {
        name: part.model_copy(update={"confirmed": {**part.confirmed, **confirmed}}) if name in known else part
        for name, part in parts.items()
    }
