"""
The visits: each one does one thing, writes what came of it to the ledger, and ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent.browser.checking import Checked
from agent.browser.session import SignedInState
from agent.browser.walk import BrowserWalk
from agent.engine import checking, looking, readiness, settling, shop_marks, submitting, sweeping, teaching
from agent.engine.pausing import why_not_there
from agent.engine.records import Cancellation, SupplierOrder, Wanted
from agent.engine.sign_in_again import check_not_refused
from agent.engine.sites import Site, Sites
from agent.engine.workshop import Workshop, end_with
from agent.errors import CountermandError, SignInNeeded
from agent.model import ReasonChoice


class Visits:
    """Does one visit at a time."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._sites = Sites(workshop)

    def why_not_there(self, portal: str, account: str) -> SignInNeeded | None:
        """Why nobody goes to an account now; ``None``: it is not paused."""
        return why_not_there(self._sites, portal, account)

    async def submit(self, cancellation: Cancellation, order: SupplierOrder) -> None:
        """Read the shop order, then ask the supplier to cancel *order*."""
        await submitting.submit(self._sites, cancellation, order)

    async def look(self, cancellation: Cancellation, order: SupplierOrder) -> None:
        """Read what the supplier says about *order*."""
        await looking.look(self._sites, cancellation, order)

    async def sweep(self, portal: str, account: str, orders: Sequence[SupplierOrder]) -> None:
        """Read what the supplier says about each of *orders*, in one session."""
        await sweeping.sweep(self._sites, portal, account, orders)

    async def settle(self, cancellation: Cancellation) -> None:
        """Cancel the shop order."""
        await settling.settle(self._workshop, cancellation)

    async def mark(self, cancellation: Cancellation) -> None:
        """Mark the shop order, which is cancelled."""
        await shop_marks.mark(self._workshop, cancellation)

    async def dry_run(self, wanted: Wanted, reason: ReasonChoice) -> Path:
        """Walk up to the first commit and stop there; gives the folder with what was seen."""
        return await submitting.dry_run(self._sites, wanted, reason)

    async def check(self, portal: str, account: str, order: str | None) -> list[Checked]:
        """Look for every target of the edition on every page that a reading walk comes to."""
        return await checking.check(self._sites, portal, account, order)

    async def examine(self, portal: str, account: str) -> list[readiness.Looked]:
        """Look whether an account can be worked with, as far as reading shows that."""
        return await readiness.examine(self._sites, portal, account)

    async def teach_answer(self, cancellation: Cancellation, order: SupplierOrder) -> None:
        """Have the operator say what the supplier's answer about *order* means."""
        await teaching.teach_answer(self._sites, cancellation, order)

    async def sign_in(self, portal: str, account: str, *, by_hand: bool) -> None:
        """Sign in, prove it on a signed-in page, and keep the state."""
        await _sign_in(self._sites, portal, account, by_hand=by_hand)

    async def take_in(self, portal: str, account: str, state: SignedInState) -> None:
        """Prove on a signed-in page that *state*, which was carried here, still works, and keep it."""
        await _take_in(self._sites, portal, account, state)


async def _sign_in(sites: Sites, portal: str, account: str, *, by_hand: bool) -> None:
    """
    Sign in, prove it on a signed-in page, and keep the state.

    :param by_hand: a person does it in the browser's window.
    """
    workshop = sites.workshop
    async with sites.owning(portal, account):
        visit = f"sign-in-{workshop.clock.now():%Y%m%d-%H%M%S}-{account}"
        journal = workshop.journal(visit, "sign_in", portal, account)
        try:
            async with sites.open(portal, account, journal, fresh=not by_hand) as site:
                walk = await site.session.reading_walk(journal, workshop.person)
                if by_hand:
                    await _in_the_window(sites, site, walk)
                else:
                    credentials = sites.credentials(account)
                    if credentials is None:
                        raise SignInNeeded(
                            f"no username and password are stored for account {account}",
                            next=f"Run countermand sign-in {account} where there is a screen, or add them to [accounts.{account}].",
                        )
                    await sites.sign_in_once(site, walk, credentials)
                await site.portal.prove_signed_in(walk)
                await sites.keep_state(site, signed_in=True)
                _goes_on(workshop, portal, account)
        except BaseException as error:
            end_with(journal, error)
            raise
        journal.end(ok=True, kind="signed_in", message="signed in")


async def _in_the_window(sites: Sites, site: Site, walk: BrowserWalk) -> None:
    """What is stored is typed for the person, once; whatever is left to do in the window they do by hand."""
    person = sites.workshop.person
    try:
        credentials = sites.credentials(site.account)
        if credentials is not None:
            check_not_refused(sites.workshop, site.portal.name, site.account, credentials)
            person.says("The stored username and password are typed in the browser's window.")
            await sites.sign_in_once(site, walk, credentials)
            return
    except CountermandError as error:
        person.says(f"{error.what}. Go on by hand.")
    person.says("Sign in in the browser's window; this goes on by itself once My Orders is there.")
    await walk.wait_for_person("orders")


def _goes_on(workshop: Workshop, portal: str, account: str) -> None:
    """A person has signed in: whatever was refused before is over, and so is any pause."""
    workshop.accounts.accepted(portal, account, by_a_person=True)
    workshop.accounts.resume(portal, account)


async def _take_in(sites: Sites, portal: str, account: str, state: SignedInState) -> None:
    workshop = sites.workshop
    async with sites.owning(portal, account):
        visit = f"import-{workshop.clock.now():%Y%m%d-%H%M%S}-{account}"
        journal = workshop.journal(visit, "import", portal, account)
        try:
            async with sites.open(portal, account, journal, state=state) as site:
                walk = await site.session.reading_walk(journal, workshop.person)
                await site.portal.prove_signed_in(walk)
                await sites.keep_state(site, signed_in=True)
                _goes_on(workshop, portal, account)
        except BaseException as error:
            end_with(journal, error)
            raise
        journal.end(ok=True, kind="signed_in", message="the sign-in that was carried here works")
