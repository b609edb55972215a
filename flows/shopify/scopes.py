"""
The rights that the app needs in the shop, what each is for, and what stays unseen without it.

An order's fulfillment orders are listed only as far as the token may see them: none listed is not none there. So an
order is not judged by a token that cannot see all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.errors import SignInNeeded
from flows.shopify.replies import AppInstallation
from flows.shopify.settings import ShopifySettings


@dataclass(frozen=True)
class Scope:
    """One right of the app."""

    handle: str
    what_for: str
    without_it: str
    """What happens if it is missing."""


ORDERS = Scope("write_orders", "reading and cancelling orders", "no order can be cancelled")
SHARES = (
    Scope(
        "write_merchant_managed_fulfillment_orders",
        "seeing and reverting work that was begun at your own locations",
        "such work cannot be seen, and an order in progress looks untouched",
    ),
    Scope(
        "write_third_party_fulfillment_orders",
        "seeing and calling back work that a fulfillment service has accepted",
        "such work cannot be seen, and an order in progress looks untouched",
    ),
)
NEEDED = (ORDERS, *SHARES)
OLD_ORDERS = Scope("read_all_orders", "orders older than 60 days", "orders older than 60 days cannot be seen")


def granted_to(app: AppInstallation) -> frozenset[str]:
    """What the app may do; writing something includes reading it."""
    handles = {scope.handle for scope in app.access_scopes}
    return frozenset(handles | {_reading(handle) for handle in handles})


def how_to_give(handles: Iterable[str], settings: ShopifySettings) -> str:
    """What a person does about missing rights. A token has the rights that the app had when it was given."""
    then = (
        "use its new token"
        if settings.token is not None
        else "run countermand shop check, which asks for a new token with it"
    )
    return f"Give the app {_and(handles)} in the shop's admin or the Dev Dashboard, and {then}."


def refuse_if_blind(app: AppInstallation, order: str, settings: ShopifySettings) -> None:
    """
    Raise unless every fulfillment order can be seen.

    :raises SignInNeeded: some may be hidden, so that nothing can be said about *order*.
    """
    granted = granted_to(app)
    hidden = [scope.handle for scope in SHARES if _reading(scope.handle) not in granted]
    if hidden:
        raise SignInNeeded(
            f"the access token of the shop {settings.domain} cannot see all fulfillment orders of {order}, "
            f"so nobody knows whether it is in progress: it lacks {_and(hidden)}",
            next=how_to_give(hidden, settings),
        )


def _reading(handle: str) -> str:
    return f"read_{handle.removeprefix('write_')}" if handle.startswith("write_") else handle


def _and(handles: Iterable[str]) -> str:
    return " and ".join(f"the scope {handle}" for handle in handles)
