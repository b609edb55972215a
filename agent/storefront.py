"""
What a shop must offer, whatever its make. A storefront is found through the entry point group ``countermand.storefronts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from decimal import Decimal
from importlib.metadata import entry_points
from typing import Protocol, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from agent.errors import BadInput
from agent.model import Frozen, Refund, ShopChoices
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
    """Why it may not be cancelled now, as a sentence in the merchant's words; ``None`` when it is Unfulfilled."""
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


class Marks(Frozen):
    """What staff are to see on a shop order that was cancelled. What is ``None`` is not written."""

    tag: str | None = None
    metafield: str | None = None
    """The field, beside the merchant's own, that ``text`` is written to: ``<namespace>.<key>``."""
    text: str = ""


class TokenStore(Protocol):
    """Where a storefront keeps a short-lived token between runs, encrypted at rest."""

    def load(self, key: str) -> str | None:
        """The token kept under *key*, or ``None``."""

    def save(self, key: str, token: str) -> None:
        """Keep *token* under *key*, replacing what was there."""


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
