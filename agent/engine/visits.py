"""
The visits: each one does one thing (submit, look, settle), writes what came of it to the ledger, and ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from loguru import logger
from pydantic import SecretStr, ValidationError

from agent.browser.commit import CommitOptions
from agent.browser.editions import Editions, LoadedEdition
from agent.browser.evidence import Journal, VisitJournal, now
from agent.browser.recognise import Hosts
from agent.browser.session import BrowserSession, StateStore, browser_session
from agent.browser.walk import WalkOptions
from agent.engine.clock import Clock
from agent.engine.database import Database
from agent.engine.ledger import Cancellation, Ledger, SupplierOrder, Wanted
from agent.engine.locks import owning, this_process
from agent.engine.stamps import LedgerStamper
from agent.errors import (
    BadInput,
    ChallengeShown,
    CountermandError,
    NeedsOperator,
    NoDecision,
    OrderNotFound,
    PortalChanged,
    Refused,
    Retryable,
    ShopGuarded,
    ShopOrderNotCancellable,
    SignInNeeded,
    Uncertain,
)
from agent.model import Answer, ErrorKind, OrderId, OrderStage, Reading, ReasonChoice, ShopStage, Stage, Submission
from agent.portal import Credentials, SupplierPortal, portal_named
from agent.redact import redactor
from agent.settings import Settings, explain
from agent.storefront import Shop, ShopOrder, storefront_named
from agent.vault import Vault, VaultTokens
from agent.walk import Person, StoppedBeforeCommit, Walk

_T = TypeVar("_T")

_STAGES = {
    Submission.REQUESTED: OrderStage.AWAITING_DECISION,
    Submission.ALREADY_OPEN: OrderStage.AWAITING_DECISION,
    Submission.CANCELLED_AT_ONCE: OrderStage.APPROVED,
    Submission.ALREADY_CANCELLED: OrderStage.ALREADY_CANCELLED,
}
_LATER = timedelta(minutes=5)
"""When a visit that changed nothing is tried again, by whoever advances what is due then."""


_SIGN_IN_BY_HAND = timedelta(minutes=10)


@dataclass(frozen=True)
class Manner:
    """How the operator wants visits done."""

    headed: bool = False
    ask: bool = False


@dataclass
class Workshop:
    """Everything a visit needs."""

    settings: Settings
    database: Database
    ledger: Ledger
    clock: Clock
    vault: Vault
    person: Person
    manner: Manner = field(default_factory=Manner)

    @property
    def visits_folder(self) -> Path:
        """Where evidence lies."""
        return self.settings.home / "visits"

    @asynccontextmanager
    async def shop(self, name: str) -> AsyncIterator[Shop]:
        """
        The shop called *name* in the settings, open.

        :raises BadInput: its settings cannot be used.
        """
        _, settings = self.settings.shop(name)
        storefront = storefront_named(settings.kind)
        own = settings.own(name, self.settings.base)
        for value in own.values():
            if isinstance(value, SecretStr):
                redactor.learn(value)
        try:
            typed = storefront.settings_model.model_validate(own)
        except ValidationError as error:
            raise BadInput(
                f"the settings of shop {name} cannot be used: {explain(error)}", next=f"Correct [shops.{name}]."
            ) from None
        async with storefront.open(name, typed, VaultTokens(self.vault)) as shop:
            yield shop


@dataclass
class _Site:
    """A portal account, open in a browser."""

    portal: SupplierPortal
    account: str
    session: BrowserSession
    fence: int
    has_state: bool


class Visits:
    """Does one visit at a time."""

    def __init__(self, workshop: Workshop) -> None:
        self._shop = workshop
        self._ledger = workshop.ledger
        self._settings = workshop.settings
        self._clock = workshop.clock
        self._states = StateStore(workshop.vault)
        self._refused: dict[tuple[str, str], NeedsOperator] = {}

    # -- submit

    async def submit(self, cancellation: Cancellation, order: SupplierOrder) -> None:
        """Read the shop order, then ask the supplier to cancel *order*."""
        async with self._owning_account(order.portal, order.account) as fence:
            # Somebody else may have done it while we waited for the account.
            cancellation, order = self._again(cancellation, order)
            if not _may_submit(order):
                return
            visit = self._ledger.begin_visit(cancellation.id, "submit", order)
            journal = self._journal(visit, "submit", order.portal, order.account, order.order_id)
            try:
                await self._guard_shop_order(cancellation, journal, visit)
                submission = await self._ask_supplier(cancellation, order, visit, fence, journal)
            except BaseException as error:
                self._end(journal, error)
                if not isinstance(error, CountermandError):
                    raise
                self._not_submitted(cancellation, order, error, visit)
            else:
                journal.end(
                    ok=True,
                    kind=submission.value,
                    message=f"order {order.order_id}: {submission.value.replace('_', ' ')}",
                )
                self._ledger.move_order(order, _STAGES[submission], visit, outcome=submission.value)
                if _STAGES[submission] is OrderStage.AWAITING_DECISION and not self._more_to_submit(cancellation):
                    self._ledger.postpone(cancellation.id, self._next_look(cancellation, order))

    async def _ask_supplier(
        self, cancellation: Cancellation, order: SupplierOrder, visit: str, fence: int, journal: Journal
    ) -> Submission:
        approval = "yes at the terminal" if self._shop.manner.ask else None
        stamper = LedgerStamper(self._shop.database, self._clock, order, visit, fence, approval)
        async with self._site(order.portal, order.account, fence, journal) as site:
            walk = await site.session.committing_walk(
                journal, self._shop.person, stamper, CommitOptions(ask=self._shop.manner.ask)
            )
            return await self._signed_in(
                site, walk, lambda: site.portal.request_cancellation(walk, order.order_id, cancellation.choices.reason)
            )

    def _more_to_submit(self, cancellation: Cancellation) -> bool:
        return any(_may_submit(order) for order in self._ledger.get(cancellation.id).orders)

    def _not_submitted(
        self, cancellation: Cancellation, order: SupplierOrder, error: CountermandError, visit: str
    ) -> None:
        _, order = self._again(cancellation, order)
        open_stamp = order.stamp is not None and order.stamp.is_open
        if not open_stamp and not error.done_so_far:
            error.done_so_far = "Nothing was submitted."
        if isinstance(error, ShopOrderNotCancellable):
            self._ledger.move_shop(cancellation.id, ShopStage.STOPPED, visit)
            self._ledger.fail(cancellation.id, error, visit, stage=Stage.REFUSED)
        elif isinstance(error, Refused):
            words = error.facts.get("words") or error.facts.get("state")
            denied = OrderStage.REFUSED if open_stamp else OrderStage.NOT_CANCELLABLE
            self._ledger.move_order(
                order,
                denied,
                visit,
                text=words,
                outcome=error.facts.get("state") if open_stamp else None,
            )
            self._tell(cancellation.id, error, visit)
        elif open_stamp or isinstance(error, Uncertain):
            quiet = self._settings.portal(order.portal).quiet
            self._shop.person.says(f"the click may still land: in {quiet.total_seconds():.0f} s the order is looked at")
            uncertain = error if isinstance(error, Uncertain) else Uncertain(error.what, **error.facts)
            self._ledger.fail(cancellation.id, uncertain, visit, due_at=self._clock.now() + quiet)
        else:
            if order.stage is not OrderStage.QUEUED:
                self._ledger.move_order(order, OrderStage.QUEUED, visit, why=error.what)
            self._stop(cancellation.id, order, error, visit)

    def _tell(self, id: str, error: CountermandError, visit: str) -> None:
        """The orders' stages say how it stands; the error says why, unless other orders are still under way."""
        if self._ledger.get(id).stage is Stage.REFUSED:
            self._ledger.fail(id, error, visit)

    def _stop(self, id: str, order: SupplierOrder, error: CountermandError, visit: str) -> None:
        """Nothing was submitted: later, or when a person has acted."""
        if isinstance(error, SignInNeeded | ChallengeShown):
            self._ledger.note_account(order.portal, order.account, paused_because=error.what)
        if isinstance(error, Retryable):
            self._ledger.fail(id, error, visit, due_at=self._clock.now() + _LATER)
        else:
            self._ledger.fail(id, error, visit, stage=Stage.NEEDS_OPERATOR)

    async def _guard_shop_order(self, cancellation: Cancellation, journal: Journal, visit: str) -> None:
        """The shop order is read before the portal is touched: what is fulfilled is not withdrawn behind the merchant's back."""
        choices = cancellation.choices
        if choices.shop is None or choices.shop_gid is None:
            return
        async with self._shop_step("read the shop order", journal), self._shop.shop(choices.shop) as shop:
            found = await shop.read(choices.shop_gid)
        if found.cancelled_at is not None:
            self._ledger.move_shop(cancellation.id, ShopStage.ALREADY_CANCELLED, visit)
        elif found.obstacle is not None:
            raise _obstacle(found)

    # -- look

    async def look(self, cancellation: Cancellation, order: SupplierOrder) -> None:
        """Read what the supplier says about *order*. Nothing is clicked that commits."""
        async with self._owning_account(order.portal, order.account) as fence:
            cancellation, order = self._again(cancellation, order)
            if _may_submit(order) or order.stage.is_decided:
                return
            visit = self._ledger.begin_visit(cancellation.id, "look", order)
            journal = self._journal(visit, "look", order.portal, order.account, order.order_id)
            try:
                async with self._site(order.portal, order.account, fence, journal) as site:
                    walk = await site.session.reading_walk(journal, self._shop.person)
                    reading = await self._signed_in(site, walk, lambda: site.portal.read_decision(walk, order.order_id))
            except BaseException as error:
                self._end(journal, error)
                if not isinstance(error, CountermandError):
                    raise
                self._not_read(cancellation, order, error, visit)
            else:
                journal.end(ok=True, kind=reading.answer.value, message=f"order {order.order_id}: {reading.text}")
                self._decide(cancellation, order, reading, visit)

    def _decide(self, cancellation: Cancellation, order: SupplierOrder, reading: Reading, visit: str) -> None:
        unresolved = order.stage is not OrderStage.AWAITING_DECISION
        match reading.answer:
            case Answer.WAITING:
                self._ledger.move_order(
                    order,
                    OrderStage.AWAITING_DECISION,
                    visit,
                    text=reading.text,
                    outcome="requested" if unresolved else None,
                )
                self._ledger.looked(cancellation.id, self._next_look(cancellation, order))
            case Answer.WITHDRAWN:
                self._ledger.move_order(
                    order, OrderStage.APPROVED, visit, text=reading.text, outcome="cancelled" if unresolved else None
                )
            case Answer.REFUSED:
                self._ledger.move_order(
                    order, OrderStage.REFUSED, visit, text=reading.text, outcome=reading.state if unresolved else None
                )
                self._tell(cancellation.id, _refusal(order, reading), visit)
            case Answer.NOT_REQUESTED if not unresolved:
                # Merely placed is no decision: the page may lag behind, or the request was withdrawn.
                self._ledger.move_order(order, OrderStage.AWAITING_DECISION, visit, text=reading.text)
                self._ledger.looked(cancellation.id, self._next_look(cancellation, order))
            case Answer.NOT_REQUESTED if reading.clear and self._settings.portal(order.portal).resubmit == "when_clear":
                self._ledger.next_attempt(order, visit)
            case Answer.NOT_REQUESTED:
                self._ledger.move_order(order, OrderStage.UNCERTAIN, visit, text=reading.text)
                self._ledger.fail(cancellation.id, _unresolved(order, reading), visit)
            case Answer.UNCLEAR:
                why = NoDecision(
                    f"the portal says “{reading.text}” about order {order.order_id} ({reading.state.replace('_', ' ')}), which is no decision to act on",
                    next="Look at the order at the portal and decide by hand.",
                )
                self._ledger.move_order(order, order.stage, visit, text=reading.text)
                self._ledger.fail(cancellation.id, why, visit, stage=Stage.NEEDS_OPERATOR)

    def _not_read(self, cancellation: Cancellation, order: SupplierOrder, error: CountermandError, visit: str) -> None:
        if isinstance(error, SignInNeeded | ChallengeShown):
            self._ledger.note_account(order.portal, order.account, paused_because=error.what)
        error.done_so_far = "The request is out; this look changed nothing."
        stage = Stage.NEEDS_OPERATOR if isinstance(error, NeedsOperator | PortalChanged | Refused) else None
        if order.stage is not OrderStage.AWAITING_DECISION:
            error.done_so_far = "It may have been submitted."
            error = Uncertain(
                f"order {order.order_id} may have been submitted, and looking at it failed: {error.what}",
                next=f"{error.next} Then give the same command again.".strip(),
                **error.facts,
            )
        elif isinstance(error, OrderNotFound):
            error = NoDecision(f"{error.what}, though it was asked to cancel", next=error.next)
        self._ledger.fail(
            cancellation.id, error, visit, stage=stage, due_at=None if stage else self._next_look(cancellation, order)
        )

    # -- settle

    async def settle(self, cancellation: Cancellation) -> None:
        """Cancel the shop order, now that every supplier order is withdrawn."""
        choices = cancellation.choices
        if choices.shop is None or choices.shop_gid is None or choices.shop_choices is None:
            raise ValueError(f"cancellation {cancellation.id} has no shop order to settle")
        async with owning(self._settings.home, f"shop.{choices.shop}", self._shop.person):
            cancellation = self._ledger.get(cancellation.id)
            if cancellation.stage.is_final or cancellation.shop_stage is ShopStage.CANCELLED:
                return
            visit = self._ledger.begin_visit(cancellation.id, "settle", None)
            journal = self._journal(visit, "settle", None, None, None)
            sent_before = cancellation.shop_stage is ShopStage.SETTLING
            try:
                self._ledger.move_shop(cancellation.id, ShopStage.SETTLING, visit)
                async with self._shop_step("cancel the shop order", journal), self._shop.shop(choices.shop) as shop:
                    settlement = await shop.cancel(choices.shop_gid, choices.shop_choices)
            except BaseException as error:
                self._end(journal, error)
                if not isinstance(error, CountermandError):
                    raise
                self._not_settled(cancellation, error, visit)
            else:
                # An earlier visit may have sent it and been cut off: then it is ours, though the shop cannot say whose it was.
                ours = settlement.refund is not None or sent_before
                stage = ShopStage.CANCELLED if ours else ShopStage.ALREADY_CANCELLED
                journal.end(
                    ok=True,
                    kind=stage.value,
                    message=f"shop order {choices.shop_order}: {stage.value.replace('_', ' ')}",
                )
                self._ledger.move_shop(cancellation.id, stage, visit, settlement)

    def _not_settled(self, cancellation: Cancellation, error: CountermandError, visit: str) -> None:
        if isinstance(error, Retryable):
            self._ledger.fail(cancellation.id, error, visit, due_at=self._clock.now() + _LATER)
            return
        if isinstance(error, ShopGuarded):
            self._ledger.move_shop(cancellation.id, ShopStage.STOPPED, visit)
        self._ledger.fail(cancellation.id, error, visit, stage=Stage.NEEDS_OPERATOR)

    # -- without a cancellation

    async def dry_run(self, wanted: Wanted, reason: ReasonChoice) -> Path:
        """
        Walk up to the first commit and stop there. Claims nothing.

        :returns: the folder with what was seen.
        """
        async with self._owning_account(wanted.portal, wanted.account) as fence:
            visit = f"dry-run-{self._clock.now():%Y%m%d-%H%M%S}-{wanted.order_id}"
            journal = self._journal(visit, "dry_run", wanted.portal, wanted.account, wanted.order_id)
            try:
                async with self._site(wanted.portal, wanted.account, fence, journal) as site:
                    walk = await site.session.committing_walk(
                        journal, self._shop.person, _NoStamps(), CommitOptions(dry_run=True)
                    )
                    submission = await self._signed_in(
                        site, walk, lambda: site.portal.request_cancellation(walk, wanted.order_id, reason)
                    )
            except StoppedBeforeCommit:
                journal.end(ok=True, kind="dry_run", message="stopped before the first click that commits")
            except BaseException as error:
                self._end(journal, error)
                raise
            else:
                journal.end(ok=True, kind=submission.value, message="nothing to do")
            return journal.folder

    async def sign_in(self, portal: str, account: str, *, by_hand: bool) -> None:
        """
        Sign in, prove it on a signed-in page, and keep the state.

        :param by_hand: a person does it in the browser's window.
        """
        async with self._owning_account(portal, account) as fence:
            visit = f"sign-in-{self._clock.now():%Y%m%d-%H%M%S}-{account}"
            journal = self._journal(visit, "sign_in", portal, account, None)
            try:
                async with self._site(portal, account, fence, journal, fresh=not by_hand) as site:
                    walk = await site.session.reading_walk(journal, self._shop.person)
                    if by_hand:
                        self._shop.person.says(
                            "Sign in in the browser's window; this goes on by itself once My Orders is there."
                        )
                        await walk.wait_for_person("orders", _SIGN_IN_BY_HAND)
                    else:
                        credentials = self._credentials(account)
                        if credentials is None:
                            raise SignInNeeded(
                                f"no username and password are stored for account {account}",
                                next=f"Run countermand sign-in {account} where there is a screen, or add them to [accounts.{account}].",
                            )
                        await site.portal.sign_in(walk, credentials)
                    await site.portal.prove_signed_in(walk)
                    await self._keep_state(site, signed_in=True)
            except BaseException as error:
                self._end(journal, error)
                raise
            journal.end(ok=True, kind="signed_in", message="signed in")

    # -- shared

    def _again(self, cancellation: Cancellation, order: SupplierOrder) -> tuple[Cancellation, SupplierOrder]:
        fresh = self._ledger.get(cancellation.id)
        return fresh, next(one for one in fresh.orders if one.key == order.key)

    @asynccontextmanager
    async def _owning_account(self, portal: str, account: str) -> AsyncIterator[int]:
        """Hold the account, keep its pace, and give the fence that stamps are put on disk with."""
        async with owning(
            self._settings.home, f"{portal}.{account}", self._shop.person, self._ledger.holder(portal, account)
        ):
            fence = self._ledger.take_account(portal, account, this_process())
            last = self._ledger.visited_at(portal, account)
            gap = self._settings.portal(portal).pace.between_visits
            if last is not None and (rest := (last + gap - self._clock.now()).total_seconds()) > 0:
                await self._clock.wait(min(rest, gap.total_seconds()))
            yield fence

    @asynccontextmanager
    async def _site(
        self, portal_name: str, account: str, fence: int, journal: Journal, *, fresh: bool = False
    ) -> AsyncIterator[_Site]:
        """The account's browser, with its signed-in state."""
        portal = portal_named(portal_name)
        settings = self._settings.portal(portal_name)
        loaded = self.edition(portal)
        hosts = Hosts(loaded.edition, settings.hosts)
        state = None if fresh else self._states.load(portal_name, account)
        options = WalkOptions(
            patience=settings.patience,
            between_pages=settings.pace.between_pages,
            headed=self._shop.manner.headed,
            pictures=self._settings.evidence.pictures,
        )
        journal.knows(
            edition=loaded.edition.edition, edition_file=str(loaded.path), digest=loaded.digest, headed=options.headed
        )
        async with browser_session(self._settings.browser, loaded, hosts, options, state) as session:
            journal.knows(browser=session.browser_name)
            yield _Site(portal, account, session, fence, state is not None)

    def edition(self, portal: SupplierPortal) -> LoadedEdition:
        """The edition that visits to *portal* use."""
        users = self._settings.home / "selectors" / portal.name
        return Editions(portal.name, portal.editions, users).load(self._settings.portal(portal.name).edition)

    async def _signed_in(self, site: _Site, walk: Walk, doing: Callable[[], Awaitable[_T]]) -> _T:
        """Do it signed in: with the state that was restored, or after one sign-in with stored credentials."""
        credentials = self._credentials(site.account)
        signed_in_now = False
        if not site.has_state and credentials is not None:
            await self._sign_in_once(site, walk, credentials)
            signed_in_now = True
        try:
            result = await doing()
        except SignInNeeded:
            if credentials is None or signed_in_now:
                raise
            await self._sign_in_once(site, walk, credentials)
            result = await doing()
        await self._keep_state(site, signed_in=False)
        return result

    async def _sign_in_once(self, site: _Site, walk: Walk, credentials: Credentials) -> None:
        """What the portal has refused once is not tried again in this process: a wrong password repeated locks the account."""
        name = (site.portal.name, site.account)
        if name in self._refused:
            raise self._refused[name]
        try:
            await site.portal.sign_in(walk, credentials)
        except NeedsOperator as error:
            self._refused[name] = error
            raise
        await self._keep_state(site, signed_in=True)

    async def _keep_state(self, site: _Site, *, signed_in: bool) -> None:
        self._states.save(site.portal.name, site.account, await site.session.state())
        self._ledger.note_account(site.portal.name, site.account, signed_in=signed_in, proven=True)

    def _credentials(self, account: str) -> Credentials | None:
        _, settings = self._settings.account(account)
        if settings.username is None or settings.password is None:
            return None
        credentials = Credentials(
            username=SecretStr(settings.username),
            password=settings.password.resolve(f"the password of account {account}", self._settings.base),
        )
        redactor.learn(credentials.username)
        redactor.learn(credentials.password)
        return credentials

    def _journal(
        self, visit: str, kind: str, portal: str | None, account: str | None, order: OrderId | None
    ) -> Journal:
        entry = VisitJournal(visit=visit, kind=kind, portal=portal, account=account, order=order, started_at=now())
        return Journal(self._shop.visits_folder / visit, entry)

    @asynccontextmanager
    async def _shop_step(self, name: str, journal: Journal) -> AsyncIterator[None]:
        step = journal.begin(name)
        failed: str | None = None
        try:
            yield
        except BaseException as error:
            failed = str(error) or type(error).__name__
            raise
        finally:
            journal.finish(step, failed=failed)
            await self._shop.person.step_done(name, step.seconds or 0.0, failed is not None)

    def _end(self, journal: Journal, error: BaseException) -> None:
        if isinstance(error, CountermandError):
            journal.end(ok=False, kind=error.kind.value, message=error.message)
        elif isinstance(error, Exception):
            logger.opt(exception=error).debug("a bug in visit {}", journal.entry.visit)
            journal.end(ok=False, kind=ErrorKind.BUG.value, message=type(error).__name__)
        else:
            journal.end(ok=False, kind="interrupted", message="interrupted before it was finished")

    def _next_look(self, cancellation: Cancellation, order: SupplierOrder) -> datetime:
        looks = self._settings.portal(order.portal).looks
        pause: timedelta = min(looks.first * 2.0 ** min(cancellation.looks, 30), looks.longest)
        return self._clock.now() + pause


class _NoStamps:
    """A dry run never comes to a stamp."""

    async def arm(self, target: str, order: OrderId) -> None:
        raise AssertionError(f"a dry run would have clicked {target} of order {order}")

    async def unsent(self, outcome: str) -> None:
        raise AssertionError(f"a dry run has nothing out: {outcome}")


def _may_submit(order: SupplierOrder) -> bool:
    """Nothing of the present attempt can be out: it was not begun, or the page proved that nothing was sent."""
    unsent = order.stamp is None or order.stamp.state == "unsent"
    return order.stage in (OrderStage.QUEUED, OrderStage.SUBMITTING) and unsent


def _obstacle(found: ShopOrder) -> ShopOrderNotCancellable:
    return ShopOrderNotCancellable(
        f"{found.obstacle}. The supplier was not asked",
        next=found.advice or "Look at the order in the shop's admin.",
    )


def _refusal(order: SupplierOrder, reading: Reading) -> Refused:
    return Refused(
        f"the supplier did not cancel order {order.order_id}: {reading.state.replace('_', ' ')} (“{reading.text}”). The shop order was not touched",
        next="Decide about the shop order by hand; the goods are likely to come.",
    )


def _unresolved(order: SupplierOrder, reading: Reading) -> Uncertain:
    when = f" at {order.stamp.armed_at:%Y-%m-%d %H:%M:%S} UTC" if order.stamp else ""
    return Uncertain(
        f"order {order.order_id} may have been clicked{when}, and the portal now says “{reading.text}”: no request shows. It was not clicked again",
        next=f"Look at order {order.order_id} in My Orders. If a request shows, give the same command again: it reads the answer. "
        "If none shows, cancel the order there by hand and give the same command again.",
    )


__all__ = ["Manner", "Visits", "Workshop"]
