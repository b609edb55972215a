"""
What a shop must offer, whatever its make. A storefront is found through the entry point group ``countermand.storefronts``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from importlib.metadata import entry_points
from typing import Protocol, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from agent.errors import BadInput, CountermandError
from agent.model import Frozen, KeptToken, Refund, ShopChoices
from agent.redact import redactor
from agent.settings import IN_CLEAR, explain


class ShopOrder(Frozen):
    """A shop order as it stands now."""

    gid: str
    """The shop's own durable id."""
    name: str
    """As the merchant knows it, e.g. ``#1001``."""
    cancelled_at: datetime | None = None
    obstacle: str | None = None
    """Why it may not be cancelled, as a sentence in the merchant's words; ``None`` when it is Unfulfilled or can be made so."""
    advice: str | None = None
    """What a person can do about the obstacle."""


class ShopSettlement(Frozen):
    """A shop order that was read back as cancelled."""

    cancelled_at: datetime
    refund: Refund | None = None
    """What this settlement asked for; ``None`` if the order had been cancelled by somebody else."""
    amount: Decimal | None = None
    """The money that was given back so far, in ``currency``."""
    currency: str | None = None


class ShopWaiting(Frozen):
    """A shop order that cannot be cancelled yet, as somebody else has to answer first."""

    what: str
    """What is waited for, as a clause without its full stop. The same words each time: they are noted once."""
    since: datetime | None = None
    """Since when, where the shop says so."""


class Source(StrEnum):
    """Where it says which supplier order belongs to which shop order; the most trusted one first."""

    LINK = "link"
    """A person said so: ``countermand link``."""
    FILE = "mapping file"
    METAFIELD = "metafield"
    NOTE = "note"
    ATTRIBUTE = "custom attribute"
    TAG = "tag"

    @property
    def is_certain(self) -> bool:
        """It was written to say just this; everything else is found in texts, which may mean something else."""
        return self in (Source.LINK, Source.FILE, Source.METAFIELD)


class SupplierNumber(Frozen):
    """What may be the number of a supplier order, and where the shop order names it. Nothing else of the text is kept."""

    number: str
    source: Source


class NamingOrder(Frozen):
    """A shop order that names a certain supplier number."""

    gid: str
    name: str
    source: Source


class Noted(StrEnum):
    """What became of noting a supplier number at the shop order."""

    WRITTEN = "written"
    ALREADY = "already"
    OFF = "off"
    """The settings do not allow it."""


class Marks(Frozen):
    """What staff are to see on a shop order that was cancelled. What is ``None`` is not written."""

    tag: str | None = None
    metafield: str | None = None
    """The field, beside the merchant's own, that ``text`` is written to: ``<namespace>.<key>``."""
    text: str = ""


class TokenStore(Protocol):
    """
    Where a storefront keeps a short-lived token between runs, encrypted at rest. Whatever passes through it never
    appears in logs and messages.
    """

    def load(self, key: str) -> KeptToken | None:
        """The token kept under *key* (letters, digits, ``.``, ``_``, ``-``), or ``None``."""

    def save(self, key: str, kept: KeptToken) -> None:
        """Keep *kept* under *key*, replacing what was there."""


@dataclass(frozen=True)
class ShopFinding:
    """One thing that was looked at at a shop."""

    what: str
    found: str = ""
    advice: str = ""
    """What a person may do although nothing is wrong."""
    error: CountermandError | None = None
    """What is wrong; then nothing was found."""
    waits_for: str = ""
    """Not looked at: that must be put right first."""


class Shop(Protocol):
    """One shop, open for reading and cancelling."""

    async def find(self, typed: str) -> ShopOrder:
        """
        The one order that a person means by *typed*: a name (``#1001``, ``1001``), a legacy id or a gid.

        :raises BadInput: none or several match.
        :raises Retryable: the shop did not answer.
        :raises SignInNeeded: the token is refused or lacks a scope.
        """

    async def read(self, gid: str) -> ShopOrder:
        """
        The order *gid* as it stands now.

        :raises BadInput, Retryable, SignInNeeded: as ``find``.
        """

    async def supplier_numbers(self, gid: str) -> tuple[SupplierNumber, ...]:
        """
        What may be numbers of supplier orders, wherever the shop order *gid* names them. Whether one is a number of a
        portal is the portal's to say.

        :raises BadInput, Retryable, SignInNeeded: as ``find``.
        """

    async def orders_naming(self, number: str) -> tuple[NamingOrder, ...]:
        """
        The shop orders that name the supplier order *number*, as far as a shop can be searched for that.

        :raises BadInput, Retryable, SignInNeeded: as ``find``.
        """

    async def note_number(self, gid: str, number: str) -> Noted:
        """
        Write the supplier order *number* beside those that are noted at the shop order *gid*, if the settings allow it.
        Nobody's value is overwritten.

        :raises BadInput: what is there cannot be added to, or the shop refuses.
        :raises Retryable, SignInNeeded: it was not written.
        """

    async def take_back(self, gid: str) -> ShopWaiting | None:
        """
        Make the order Unfulfilled where its fulfillment is in progress, as far as that can be done now. Only for an order that is
        to be cancelled next: who works on it is told to stop. Safe to call again.

        :returns: what is waited for, to be looked at again later; ``None``: nothing, ``cancel`` may follow.
        :raises ShopGuarded: it may not be cancelled any more, or who works on it will not stop.
        :raises Retryable: the shop did not answer.
        """

    async def cancel(self, gid: str, choices: ShopChoices) -> ShopSettlement:
        """
        Cancel the order: guard it again, send the cancellation once, and return only when it was read back as cancelled.
        An order that is cancelled already is reported, and nothing is sent.

        :raises ShopGuarded: it is no longer Unfulfilled, or the shop refuses; nothing was changed.
        :raises Retryable: the shop did not answer, and nothing was sent.
        :raises Uncertain: the cancellation was sent and its end could not be read.
        """

    async def mark(self, gid: str, marks: Marks) -> tuple[str, ...]:
        """
        Write *marks* on the order, beside what it has: nothing of the merchant's is overwritten, and what is there already is
        not written again.

        :returns: what was left out for good, each as a sentence without its full stop.
        :raises BadInput, Retryable, SignInNeeded, Uncertain: not all of it is known to be written; it may be tried again.
        """

    async def check(self) -> Sequence[ShopFinding]:
        """
        Whether everything is there that cancelling will need: address, token, rights, version. It only reads, and
        what is wrong is a finding, never raised.
        """


class Storefront(Protocol):
    """A make of shop."""

    kind: str
    """As settings name it, e.g. ``shopify``."""
    settings_model: type[BaseModel]
    """The shop's own settings; secrets arrive resolved. ``kind`` and ``policy`` are not among them."""

    def open(self, name: str, settings: BaseModel, tokens: TokenStore) -> AbstractAsyncContextManager[Shop]:
        """
        The shop called *name* in the settings.

        :param settings: an instance of ``settings_model``.
        """


GROUP = "countermand.storefronts"


def storefront_named(name: str) -> Storefront:
    """
    The storefront called *name* among those installed.

    :raises BadInput: there is none of that name, or it cannot be loaded.
    """
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise BadInput(
            f"there is no storefront {name} (installed: {', '.join(sorted(found)) or 'none'})",
            next="Correct kind in the settings, or install the package that brings it.",
        )
    try:
        storefront: Storefront = found[name].load()
    except (ImportError, AttributeError) as error:
        raise BadInput(f"the storefront {name} cannot be loaded: {error}", next="Install its package again.") from None
    return storefront


def typed_settings(storefront: Storefront, name: str, own: Mapping[str, object]) -> BaseModel:
    """
    The storefront's own part of the shop *name*'s settings, checked.

    :param own: with every reference to a secret resolved; a secret that is not one was written in clear.
    :raises BadInput: it cannot be used.
    """
    model = storefront.settings_model
    secret = [
        key for key, field in model.model_fields.items() if SecretStr in (field.annotation, *get_args(field.annotation))
    ]
    for key, value in own.items():
        if isinstance(value, SecretStr):
            redactor.learn(value)
        elif key in secret:
            raise BadInput(
                f"the settings of shop {name} cannot be used: {key}: {IN_CLEAR}", next=f"Correct [shops.{name}]."
            )
    try:
        return model.model_validate(own)
    except ValidationError as error:
        raise BadInput(
            f"the settings of shop {name} cannot be used: {explain(error)}", next=f"Correct [shops.{name}]."
        ) from None
