"""
A mock portal, a browser and a walk through it: everything around a flow that the engine would hand it, as fakes that remember.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext
from pydantic import SecretStr

from agent.browser.arriving import WalkOptions
from agent.browser.commit import CommitOptions, CommittingWalk
from agent.browser.confirming import write_confirmations
from agent.browser.editions import Editions, LoadedEdition
from agent.browser.evidence import Action, Journal, VisitJournal, now, read_journal
from agent.browser.recognise import Hosts
from agent.browser.session import BrowserSession, SignedInState
from agent.browser.walk import BrowserWalk
from agent.model import OrderId, Reason, ReasonChoice, Submission
from agent.portal import Credentials
from agent.settings import Patience
from fixtures.aliexpress import MockPortal
from fixtures.aliexpress.seed import MAIN, ORDERS, PASSWORD
from flows.aliexpress.portal import PORTAL

NOT_NEEDED = ReasonChoice(key=Reason.NO_LONGER_NEEDED)
NOT_NEEDED_TEXT = "I don't need this order anymore"
"""What the mock portal records when it is chosen."""

CREDENTIALS = Credentials(username=SecretStr(MAIN), password=SecretStr(PASSWORD))
HOST_NAMES = ("www.aliexpress.localhost", "es.aliexpress.localhost", "m.aliexpress.localhost")

PATIENT = Patience(page=timedelta(seconds=30), action=timedelta(seconds=15))
"""For what must come: a busy machine may take long, and the walk goes on as soon as it has come."""
HURRIED = Patience(page=timedelta(seconds=2), action=timedelta(seconds=1))
"""For what must not come."""


class Watched(Journal):
    """A journal that tells a test of each action, when it is done."""

    after: Callable[[str], None] = staticmethod(lambda target: None)

    def note(self, action: Action) -> None:
        """See ``Journal.note``."""
        super().note(action)
        self.after(action.target or "")


@dataclass
class Stamps:
    """Stands in for the ledger: remembers in which order it was asked for stamps, and can refuse them."""

    events: list[tuple[str, str]] = field(default_factory=list)
    before_arming: Callable[[str], Awaitable[None]] | None = None
    """Awaited before a stamp counts as being on disk."""

    async def arm(self, target: str, order: OrderId) -> None:
        """See ``Stamper.arm``."""
        if self.before_arming is not None:
            await self.before_arming(target)
        self.events.append(("arm", target))

    async def unsent(self, outcome: str) -> None:
        """See ``Stamper.unsent``."""
        self.events.append(("unsent", outcome))

    @property
    def armed(self) -> list[str]:
        """The commits targets that were armed, in order."""
        return [what for event, what in self.events if event == "arm"]


@dataclass
class Somebody:
    """Stands in for whoever sits at the terminal."""

    is_here: bool = False
    says_yes: bool = False
    answer: Callable[[str], str | None] = lambda question: None
    """What they answer to a question in words."""
    after_step: Callable[[str], None] = lambda name: None
    asked: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def ask(self, question: str) -> SecretStr | None:
        """See ``Person.ask``."""
        self.asked.append(question)
        answer = self.answer(question)
        return None if answer is None else SecretStr(answer)

    async def agrees(self, question: str) -> bool:
        """See ``Person.agrees``."""
        self.asked.append(question)
        return self.says_yes

    async def choose(self, question: str, options: Sequence[str]) -> int | None:
        """See ``Person.choose``."""
        self.asked.append(question)
        return None

    async def presses_enter(self, sentence: str) -> bool:
        """See ``Person.presses_enter``."""
        self.asked.append(sentence)
        return self.says_yes

    async def step_done(self, name: str, seconds: float, failed: bool) -> None:
        """See ``Person.step_done``."""
        self.steps.append(f"{name} (failed)" if failed else name)
        self.after_step(name)

    def says(self, sentence: str) -> None:
        """See ``Person.says``."""
        self.told.append(sentence)


def own_editions(users: Path) -> Editions:
    """AliExpress's editions, and a user's in *users*."""
    return Editions(PORTAL.name, PORTAL.editions, users)


def confirmed_edition(users: Path, hosts: Sequence[str] = HOST_NAMES, *, but: Iterable[str] = ()) -> LoadedEdition:
    """
    The newest edition, with everything that commits confirmed for *hosts*, as ``python -m fixtures`` does it.

    :param but: targets, statuses and questions that stay assumed.
    """
    base = own_editions(users / "none").load().edition
    left = set(but)
    write_confirmations(
        users,
        own_editions(users).load(),
        list(hosts),
        date(2026, 11, 20),
        targets=[name for name, target in base.targets.items() if target.commits and name not in left],
        statuses=[name for name in base.statuses if name not in left],
        questions=[name for name in base.questions if name not in left],
    )
    return own_editions(users).load()


@dataclass
class Bench:
    """A portal of this test's own, a browser shared by many tests, and walks through the one with the other."""

    portal: MockPortal
    chromium: Browser
    edition: LoadedEdition
    folder: Path
    stamps: Stamps = field(default_factory=Stamps)
    person: Somebody = field(default_factory=Somebody)
    options: WalkOptions = field(default_factory=lambda: WalkOptions(patience=PATIENT.model_copy(), pictures="off"))
    limits: CommitOptions = field(default_factory=CommitOptions)
    contexts: list[BrowserContext] = field(default_factory=list)
    journals: int = 0

    # -- walks

    @property
    def hosts(self) -> Hosts:
        """The portal's addresses, as settings would give them."""
        return Hosts(self.edition.edition, {role: list(addresses) for role, addresses in self.portal.hosts.items()})

    async def session(self, account: str | None = MAIN, state: SignedInState | None = None) -> BrowserSession:
        """
        A context of its own with one tab.

        :param account: who is signed in already; ``None`` for a stranger.
        :param state: a signed-in state to restore instead.
        """
        context = await self.chromium.new_context(
            locale="en-US",
            viewport={"width": 1280, "height": 900},
            storage_state=state.storage if state else None,  # type: ignore[arg-type]
        )
        self.contexts.append(context)
        context.set_default_timeout(self.options.patience.action.total_seconds() * 1000)
        if account is not None and state is None:
            session = self.portal.world.sessions.new(account)
            cookie = f"x_lid=cn1000&sign=y&ctoken={session.id}"
            await context.add_cookies(
                [{"name": "xman_us_t", "value": cookie, "domain": ".aliexpress.localhost", "path": "/"}]
            )
        tab = await context.new_page()
        return BrowserSession(self.chromium, context, tab, self.edition, self.hosts, self.options)

    async def walk(self, account: str | None = MAIN) -> CommittingWalk:
        """A walk that may commit, in a new session."""
        session = await self.session(account)
        return await session.committing_walk(self.journal(), self.person, self.stamps, self.limits)

    async def reading_walk(self, account: str | None = MAIN) -> BrowserWalk:
        """A walk that only reads, in a new session."""
        return await (await self.session(account)).reading_walk(self.journal(), self.person)

    def journal(self) -> Watched:
        """An empty journal in this test's folder."""
        self.journals += 1
        entry = VisitJournal(visit=f"v{self.journals}", kind="test", portal=PORTAL.name, started_at=now())
        return Watched(self.folder / entry.visit, entry)

    def written(self, walk: BrowserWalk) -> VisitJournal:
        """The journal of *walk* as it is on disk now."""
        read = read_journal(walk.journal.folder)
        assert read is not None
        return read

    async def cancel(
        self, order: str, reason: ReasonChoice = NOT_NEEDED, *, walk: CommittingWalk | None = None
    ) -> Submission:
        """The whole walk for one order, as a visit does it: in a session of its own, or with *walk*."""
        return await PORTAL.request_cancellation(walk or await self.walk(), OrderId(order), reason)

    # -- what a test sets up

    def confirm(self, *hosts: str, but: Iterable[str] = ()) -> None:
        """Use an edition that is confirmed for *hosts* only (default: all), and not in everything."""
        self.edition = confirmed_edition(self.folder / "users", hosts or HOST_NAMES, but=but)

    def change_edition(self, changes: str) -> None:
        """
        Use a user's edition of this test over the one at hand.

        :param changes: YAML, the keys that differ.
        """
        users = self.folder / "users"
        users.mkdir(exist_ok=True)
        base = self.edition.path
        if base.parent != users:
            shutil.copy(base, users)
        day, _, number = base.stem.partition(".")
        name = f"{day}.{int(number or 0) + 1}"
        head = f'portal: {PORTAL.name}\nedition: "{name}"\nformat: 1\nextends: "{base.stem}"\n'
        (users / f"{name}.yaml").write_text(head + changes, encoding="utf-8")
        self.edition = own_editions(users).load()

    def hurry(self, walk: BrowserWalk, *, after: str, but_clicks: bool = False) -> None:
        """
        Once it is past *after*, walks wait a moment only: for what must not come.

        :param after: the step that is done, the target that was clicked, or the commits target that is about to be.
        :param but_clicks: what is clicked from then on must still come.
        """
        assert isinstance(walk.journal, Watched)

        def now_if(what: str) -> None:
            if what == after:
                # The parts of a walk share one frozen value; here, and only here, it changes under them.
                hurried = dict(HURRIED)
                if but_clicks:
                    del hurried["action"]
                self.options.patience.__dict__.update(hurried)

        async def before_arming(target: str) -> None:
            now_if(target)

        walk.journal.after = self.person.after_step = now_if
        self.stamps.before_arming = before_arming

    async def on_every_page(self, script: str, *, path: str = "/") -> None:
        """Run *script* in the session at hand on pages below *path*, once they are there."""
        await self.contexts[-1].add_init_script(
            f"if (location.pathname.startsWith({path!r})) addEventListener('DOMContentLoaded', () => {{ {script} }})"
        )

    def will(self, name: str, /, **behaviour: Any) -> OrderId:
        """Script the seed order called *name*, and give back its number."""
        return OrderId(self.portal.world.change_order(ORDERS[name], **behaviour).number)

    async def close(self) -> None:
        """Nothing is left behind."""
        for context in self.contexts:
            await context.close()
