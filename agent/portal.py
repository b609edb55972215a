"""
What a supplier's portal must offer. A portal is found through the entry point group ``countermand.portals``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from agent.errors import BadInput, CountermandError, OrderNotFound, UnknownPage
from agent.model import Frozen, OrderId, Reading, ReasonChoice, Submission
from agent.walk import Walk


class Credentials(Frozen):
    """A stored sign-in. Both are optional in the settings: without them a person signs in."""

    username: SecretStr
    password: SecretStr


class SupplierPortal(Protocol):
    """A supplier's site, as walks that a shopkeeper could follow."""

    name: str
    """As settings and editions name it, e.g. ``aliexpress``."""
    title: str
    """As people write it, e.g. ``AliExpress``."""
    editions: Path
    """The folder of the portal's own editions."""

    def order_id(self, typed: str) -> OrderId:
        """
        The order number that a person typed or pasted.

        :raises BadInput: it cannot be an order number of this portal.
        """

    async def sign_in(self, walk: Walk, credentials: Credentials) -> None:
        """
        Sign in with stored credentials, once.

        :raises SignInNeeded: wrong password, locked account.
        :raises ChallengeShown: the portal asks for something only a person can give.
        """

    async def prove_signed_in(self, walk: Walk) -> None:
        """
        Open a page that only a signed-in account can see.

        :raises SignInNeeded: nobody is signed in.
        """

    async def newest_order(self, walk: Walk) -> OrderId | None:
        """The number of the order that My Orders shows first; ``None`` if it shows none."""

    async def request_cancellation(self, walk: Walk, order: OrderId, reason: ReasonChoice) -> Submission:
        """
        Ask the supplier to cancel *order*. Safe to call again: an open request is reported, not repeated.

        :raises NotCancellable, OrderNotFound: its state does not allow it; nothing was submitted.
        :raises Refused: the portal said no to the request at once.
        :raises Uncertain: it may have been submitted.
        """

    async def read_decision(self, walk: Walk, order: OrderId) -> Reading:
        """
        What the portal says about *order* now. Reads only.

        :raises OrderNotFound: the account has no such order.
        """

    def read_decisions(
        self, walk: Walk, orders: Sequence[OrderId]
    ) -> AsyncIterator[tuple[OrderId, Reading | CountermandError]]:
        """
        What the portal says about each of *orders* now, by as few page loads as it can, told as soon as it is known. Reads only.

        What is wrong with one order alone takes its reading's place; what stops them all is raised. A portal that has nothing better
        has ``one_by_one``.
        """


async def one_by_one(
    portal: SupplierPortal, walk: Walk, orders: Sequence[OrderId]
) -> AsyncIterator[tuple[OrderId, Reading | CountermandError]]:
    """Reads each of *orders* by itself: as ``SupplierPortal.read_decisions`` tells it."""
    for order in orders:
        try:
            reading: Reading | CountermandError = await portal.read_decision(walk, order)
        except (OrderNotFound, UnknownPage) as error:
            reading = error
        yield order, reading


GROUP = "countermand.portals"


def portal_names() -> list[str]:
    """The names of the portals that are installed."""
    return sorted(entry.name for entry in entry_points(group=GROUP))


@cache
def portal_named(name: str) -> SupplierPortal:
    """
    The portal called *name* among those installed; looking through what is installed takes as long as a look at a page.

    :raises BadInput: there is none of that name, or it cannot be loaded.
    """
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise BadInput(
            f"there is no portal {name} (installed: {', '.join(sorted(found)) or 'none'})",
            next="Correct portal in the settings, or install the package that brings it.",
        )
    try:
        portal: SupplierPortal = found[name].load()
    except (ImportError, AttributeError) as error:
        raise BadInput(f"the portal {name} cannot be loaded: {error}", next="Install its package again.") from None
    return portal
