"""
What waits for a paused account: no page is loaded for it, and ``list`` and ``show`` say for whom it waits.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.engine.records import Cancellation, SupplierOrder
from agent.engine.sign_in_again import is_trace_of
from agent.engine.sites import Sites
from agent.engine.workshop import Workshop
from agent.errors import BadInput, CountermandError, SignInNeeded, Uncertain


def why_not_there(sites: Sites, portal: str, account: str) -> SignInNeeded | None:
    """
    Why nobody goes to an account now; ``None``: it is not paused.

    A visit in a window goes there although it is paused, unless a person wanted that: whoever sits before it can pass what is asked.
    """
    workshop = sites.workshop
    known = workshop.accounts.get(portal, account)
    if known.pause is None or (workshop.manner.headed and not known.pause.by_a_person):
        return None
    if known.refused is not None and not known.pause.by_a_person and _is_corrected(sites, account, known.refused):
        return None
    since = f"account {account} is paused since {known.pause.at:%Y-%m-%d %H:%M} UTC"
    command = "accounts resume" if known.pause.by_a_person else "sign-in"
    return SignInNeeded(f"{since}: {known.pause.because}", next=f"Run countermand {command} {account}")


def _is_corrected(sites: Sites, account: str, refused: str) -> bool:
    """Whether the settings have another sign-in than the one that was refused."""
    try:
        credentials = sites.credentials(account)
    except BadInput:
        return False
    return credentials is not None and not is_trace_of(refused, credentials)


def waits(workshop: Workshop, cancellation: Cancellation, orders: Sequence[SupplierOrder], why: SignInNeeded) -> None:
    """Note that *orders* wait for their account. They go on by themselves when the pause ends."""
    error: CountermandError = why
    unresolved = [order.order_id for order in orders if order.is_unresolved]
    if unresolved:
        error = Uncertain(
            f"order {', '.join(unresolved)} may have been submitted, and nobody has looked since: {why.what}",
            next=why.next,
        )
    else:
        error.done_so_far = "Nothing was done now; it goes on by itself afterwards."
    workshop.ledger.fail(cancellation.id, error, None)
