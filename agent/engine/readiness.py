"""
The first safe use of an account: signed in, My Orders, one order, the edition's targets. It reads only.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.browser.checking import CheckingWalk
from agent.engine.pausing import why_not_there
from agent.engine.sites import Site, Sites
from agent.engine.workshop import end_with
from agent.errors import BadInput, CountermandError, PortalChanged

LIVE = ("sign-in", "My Orders", "one order", "selectors")
"""What is looked at, in this order: each needs the one before it."""


@dataclass(frozen=True)
class Looked:
    """One thing that was looked at at the portal."""

    what: str
    found: str = ""
    error: CountermandError | None = None


async def examine(sites: Sites, portal: str, account: str) -> list[Looked]:
    """
    Look at each of ``LIVE``, up to the first that stops the walk.

    A portal that has changed stops the walk too, but then which targets are missing is what a person wants to know.
    """
    workshop = sites.workshop
    looked: list[Looked] = []
    async with sites.owning(portal, account):
        if (why := why_not_there(sites, portal, account)) is not None:
            return [Looked(LIVE[0], error=why)]
        visit = f"doctor-{workshop.clock.now():%Y%m%d-%H%M%S}-{account}"
        journal = workshop.journal(visit, "doctor", portal, account)
        try:
            async with sites.open(portal, account, journal) as site:
                walk = await site.session.checking_walk(journal, workshop.person)
                await _look(sites, site, walk, looked)
        except CountermandError as error:
            end_with(journal, error)
            if len(looked) == len(LIVE):
                raise
            looked.append(Looked(LIVE[len(looked)], error=error))
        except BaseException as error:
            end_with(journal, error)
            raise
        else:
            wrong = next((one.error for one in looked if one.error is not None), None)
            journal.end(ok=wrong is None, kind="examined", message=wrong.message if wrong else "everything is ready")
    return looked


async def _look(sites: Sites, site: Site, walk: CheckingWalk, looked: list[Looked]) -> None:
    await sites.signed_in(site, walk, lambda: site.portal.prove_signed_in(walk))
    looked.append(Looked("sign-in", "signed in: a page that only the account sees was opened"))
    stopped: str | None = None
    try:
        walk.order = await site.portal.newest_order(walk)
        looked.append(Looked("My Orders", f"the newest is {walk.order}" if walk.order else "it is empty"))
        if walk.order is None:
            stopped = "the account has no orders"
            error = BadInput(stopped, next="Try again when it has one: whether orders can be read is not known yet.")
            looked.append(Looked("one order", error=error))
        else:
            reading = await site.portal.read_decision(walk, walk.order)
            looked.append(Looked("one order", f"{walk.order} reads “{reading.text}” ({reading.state})"))
    except PortalChanged as error:
        looked.append(Looked(LIVE[len(looked)], error=error))
        stopped = error.what
        if len(looked) < LIVE.index("selectors"):
            return
    looked.append(_targets(walk, site.account, stopped))


def _targets(walk: CheckingWalk, account: str, stopped: str | None) -> Looked:
    checked = walk.checked(stopped)
    missing = [one.target for one in checked if one.state == "missing"]
    if missing:
        next = f"Run countermand selectors check {account}: if the portal has changed, a new edition is needed."
        error = PortalChanged(f"missing on the portal's pages: {', '.join(missing)}", next=next)
        return Looked("selectors", error=error)
    counts = {state: sum(one.state == state for one in checked) for state in ("found", "drift", "ambiguous")}
    rest = len(checked) - sum(counts.values())
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return Looked("selectors", f"{told}, {rest} not shown on these pages or behind a click that commits")
