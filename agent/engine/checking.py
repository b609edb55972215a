"""
The check visit: is the edition still what the portal shows? It reads only.
"""

from __future__ import annotations

from agent.browser.checking import Checked
from agent.engine.pausing import why_not_there
from agent.engine.sites import Sites
from agent.engine.workshop import end_with
from agent.errors import BadInput, OrderNotFound, PortalChanged
from agent.portal import portal_named


async def check(sites: Sites, portal_name: str, account: str, typed: str | None) -> list[Checked]:
    """
    Walk to an order's details and look for every target on the way.

    :param typed: the order to open; ``None`` for the newest in My Orders.
    :raises BadInput: there is no such order, or none at all.
    :raises SignInNeeded, ChallengeShown, Retryable: as every visit.
    """
    workshop = sites.workshop
    portal = portal_named(portal_name)
    order = None if typed is None else portal.order_id(typed)
    async with sites.owning(portal_name, account):
        if (why := why_not_there(sites, portal_name, account)) is not None:
            raise why
        visit = f"check-{workshop.clock.now():%Y%m%d-%H%M%S}-{account}"
        journal = workshop.journal(visit, "check", portal_name, account, order)
        stopped: str | None = None
        try:
            async with sites.open(portal_name, account, journal) as site:
                walk = await site.session.checking_walk(journal, workshop.person)
                await sites.signed_in(site, walk, lambda: portal.prove_signed_in(walk))
                try:
                    walk.order = order or await portal.newest_order(walk)
                    if walk.order is None:
                        raise BadInput("the account has no orders to look at", next="Use another account.")
                    await portal.read_decision(walk, walk.order)
                except PortalChanged as error:
                    stopped = error.what
                except OrderNotFound as error:
                    raise BadInput(error.what, next=error.next) from None
                checked = walk.checked(stopped)
        except BaseException as error:
            end_with(journal, error)
            raise
        journal.end(ok=stopped is None, kind="checked", message=stopped or "looked for every target")
        return checked
