"""
Whether a shop is ready: address, token, version, rights, search and clock. It only reads.

What would go wrong without a word has a line of its own: a version that falls forward, fulfillment orders that cannot be
seen, old orders that are hidden, a search that is ignored.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from agent.errors import BadInput, CountermandError, SignInNeeded
from agent.storefront import ShopFinding
from flows.shopify.auth import Access
from flows.shopify.client import Answered, ShopifyClient, wrong_version
from flows.shopify.operations import CHECK_SEARCH, CHECK_SHOP
from flows.shopify.replies import AnythingFound, PublicVersion, ShopChecked
from flows.shopify.scopes import NEEDED, OLD_ORDERS, ORDERS, Scope, granted_to, how_to_give
from flows.shopify.settings import ShopifySettings
from flows.shopify.transport import Now

LOOKED_AT = ("address", "token", "version", *(scope.handle for scope in (*NEEDED, OLD_ORDERS)), "search", "clock")
"""The findings, in this order."""
_STABLE = re.compile(r"(\d{4})-(\d{2})")
_ENDS_ON = 16
"""A version is served for a year, and until this day of the month (facts, section 1)."""
_SOON = timedelta(days=90)
_SKEW = timedelta(minutes=2)
_NO_SUCH_FIELD = "countermand_check:1"


async def check_shop(client: ShopifyClient, access: Access, shop: str, now: Now) -> list[ShopFinding]:
    """
    Look at everything in ``LOOKED_AT``; what is wrong is a finding.

    :param shop: the shop's name in the settings, for messages.
    """
    try:
        await access.renewed()  # the one that is kept has the rights of the day it was given
        answered = await client.read(CHECK_SHOP, {}, ShopChecked, any_version=True)
    except CountermandError as error:
        return _stopped(client, error)
    checked = answered.data
    granted = granted_to(checked.current_app_installation)
    return [
        _address(client, checked, shop),
        ShopFinding("token", access.described),
        _version(client, answered, shop, now().date()),
        *(_needed(scope, granted, client.settings, shop) for scope in NEEDED),
        _old_orders(granted),
        await _search(client, granted),
        _clock(answered.at, now(), shop),
    ]


def _stopped(client: ShopifyClient, error: CountermandError) -> list[ShopFinding]:
    """Nothing else can be looked at without an answer."""
    found: list[ShopFinding] = []
    if isinstance(error, SignInNeeded):
        found.append(ShopFinding("address", f"{client.settings.domain} answers"))
    at_fault = LOOKED_AT[len(found)]
    found.append(ShopFinding(at_fault, error=error))
    return [*found, *(ShopFinding(what, waits_for=at_fault) for what in LOOKED_AT[len(found) :])]


def _address(client: ShopifyClient, checked: ShopChecked, shop: str) -> ShopFinding:
    settings = client.settings
    if checked.shop.myshopify_domain != settings.domain:
        error = BadInput(
            f"the shop at {settings.address} is {checked.shop.myshopify_domain}, but the settings say {settings.domain}",
            next="Correct domain or base_url of the shop.",
            shop=shop,
        )
        return ShopFinding("address", error=error)
    return ShopFinding("address", f"{checked.shop.name} ({settings.domain}) answers")


def _version(client: ShopifyClient, answered: Answered[ShopChecked], shop: str, today: date) -> ShopFinding:
    pin, versions = client.settings.api_version, answered.data.public_api_versions
    newest = max((one.handle for one in versions if one.supported and _STABLE.fullmatch(one.handle)), default=pin)
    if answered.version not in (None, pin):
        error = wrong_version(client.settings, answered.version, shop)
        error.next = f"Set api_version of the shop, e.g. to the newest, {newest}, and read what changed in it."
        return ShopFinding("version", error=error)
    if pin not in {one.handle for one in versions}:
        error = BadInput(
            f"Shopify does not list version {pin} of its API any more; it lists {_listed(versions)}",
            next=f"Set api_version of the shop, e.g. to the newest, {newest}, and read what changed in it.",
            shop=shop,
        )
        return ShopFinding("version", error=error)
    if pin not in {one.handle for one in versions if one.supported}:
        advice = f"It may change at any time. Set api_version of the shop to {newest}, the newest stable one."
        return ShopFinding("version", f"{pin} answers; it is no stable version", advice)
    ends = _end_of(pin)
    if ends is None or ends - today > _SOON:
        until = f"; Shopify serves it until about {ends}" if ends else ""
        return ShopFinding("version", f"{pin} answers{until}; the newest is {newest}")
    advice = f"Set api_version of the shop to a newer one (the newest is {newest}), and read what changed in it."
    return ShopFinding("version", f"{pin} answers, but Shopify serves it only until about {ends}", advice)


def _end_of(version: str) -> date | None:
    match = _STABLE.fullmatch(version)
    return date(int(match[1]) + 1, int(match[2]), _ENDS_ON) if match else None


def _listed(versions: tuple[PublicVersion, ...]) -> str:
    return ", ".join(one.handle for one in versions) or "none"


def _needed(scope: Scope, granted: frozenset[str], settings: ShopifySettings, shop: str) -> ShopFinding:
    if scope.handle in granted:
        return ShopFinding(scope.handle, f"granted: {scope.what_for}")
    error = SignInNeeded(
        f"the access token of the shop {settings.domain} lacks the scope {scope.handle} (for {scope.what_for}): {scope.without_it}",
        next=how_to_give([scope.handle], settings),
        shop=shop,
    )
    return ShopFinding(scope.handle, error=error)


def _old_orders(granted: frozenset[str]) -> ShopFinding:
    if OLD_ORDERS.handle in granted:
        return ShopFinding(OLD_ORDERS.handle, f"granted: {OLD_ORDERS.what_for}")
    advice = f"Needed only for those: then give the app {OLD_ORDERS.handle}, too."
    return ShopFinding(OLD_ORDERS.handle, f"not granted: {OLD_ORDERS.without_it}", advice)


async def _search(client: ShopifyClient, granted: frozenset[str]) -> ShopFinding:
    """A field that no shop knows: the real API ignores it, and may find everything; only a warning tells."""
    if "read_orders" not in granted:
        return ShopFinding("search", waits_for=ORDERS.handle)
    try:
        tried = await client.read(CHECK_SEARCH, {"query": _NO_SUCH_FIELD}, AnythingFound, any_version=True)
    except CountermandError as error:
        return ShopFinding("search", error=error)
    if tried.warnings:
        return ShopFinding("search", "the shop says so when it does not understand a search")
    if not tried.data.orders.nodes:
        return ShopFinding("search", "a search that the shop does not understand finds nothing")
    return ShopFinding(
        "search",
        "the shop ignores what it does not understand in a search, and finds everything without a word",
        "Names are compared one by one all the same. Where there are many orders, give an order's id.",
    )


def _clock(theirs: datetime | None, ours: datetime, shop: str) -> ShopFinding:
    if theirs is None:
        return ShopFinding("clock", "the shop does not tell its time")
    ahead = round((ours - theirs).total_seconds())
    if abs(ahead) <= _SKEW.total_seconds():
        return ShopFinding("clock", f"within {_SKEW.total_seconds():.0f} s of the shop's")
    error = BadInput(
        f"this machine's clock is {abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'} the shop's",
        next="Set the machine's clock by the network's time (NTP): times of orders and tokens depend on it.",
        shop=shop,
    )
    return ShopFinding("clock", error=error)
