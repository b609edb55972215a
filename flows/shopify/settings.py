"""
How a Shopify shop is reached.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m)")
_CALLED = {"token": "the access token", "client_secret": "the client secret"}
_METAFIELD = re.compile(r"[A-Za-z0-9_-]{3,255}\.[A-Za-z0-9_-]{2,64}")
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com")


def _duration(written: object) -> object:
    match = _DURATION.fullmatch(written.strip()) if isinstance(written, str) else None
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]]) if match else written


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class NumberSettings(BaseModel):
    """
    Where a shop order names its supplier orders.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metafield: str = ""
    """``namespace.key`` of the metafield that holds them; left out: none does."""
    write: bool = False
    """Whether ``countermand link`` may add to that metafield (needs ``write_orders``)."""
    read: tuple[Literal["note", "attributes", "tags"], ...] = ("note", "attributes", "tags")
    """The texts of an order that are looked through."""
    patterns: tuple[str, ...] = (r"\b\d{15,19}\b",)
    """What a number looks like in a text, as regular expressions; the first group, if there is one, is the number."""

    @field_validator("metafield")
    @classmethod
    def _has_a_namespace(cls, written: str) -> str:
        if written and not _METAFIELD.fullmatch(written):
            raise ValueError("write it as namespace.key, e.g. countermand.supplier_orders")
        return written

    @field_validator("patterns")
    @classmethod
    def _can_be_searched_for(cls, written: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in written:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"“{pattern}” is no regular expression ({error})") from None
        return written

    @model_validator(mode="after")
    def _knows_where_to_write(self) -> Self:
        if self.write and not self.metafield:
            raise ValueError("write = true needs the metafield that is written to")
        return self


class ShopifySettings(BaseModel):
    """
    The part of a ``[shops.NAME]`` table that belongs to Shopify.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    domain: str
    """The shop's own address, e.g. ``my-shop.myshopify.com``; not the one its customers see."""
    token: SecretStr | None = None
    """A lasting Admin API access token."""
    client_id: str = ""
    """Instead of a token: the app's own id, for an app that asks for short-lived tokens itself."""
    client_secret: SecretStr | None = None
    """The app's secret."""
    base_url: str = ""
    """Where the API answers; left out: ``https://<domain>``."""
    api_version: str = Field(default="2026-10", pattern=r"^(\d{4}-(01|04|07|10)|unstable)$")
    """The version of the API that is pinned. An answer from another one is refused."""
    answer_within: Duration = Field(default=timedelta(seconds=15), gt=timedelta())
    """How long one call may take."""
    confirm_within: Duration = Field(default=timedelta(seconds=60), ge=timedelta())
    """How long to wait until an accepted cancellation can be read back."""

    numbers: NumberSettings = NumberSettings()
    """Where orders name their supplier orders."""

    @field_validator("domain")
    @classmethod
    def _is_a_shop(cls, written: str) -> str:
        domain = written.strip().casefold().removeprefix("https://").rstrip("/")
        if not _DOMAIN.fullmatch(domain):
            raise ValueError("write the shop's own address, e.g. my-shop.myshopify.com")
        return domain

    @field_validator("token", "client_secret")
    @classmethod
    def _can_travel(cls, secret: SecretStr | None, field: ValidationInfo) -> SecretStr | None:
        return (
            None if secret is None else SecretStr(_one_word(secret.get_secret_value(), _CALLED[field.field_name or ""]))
        )

    @field_validator("client_id", mode="before")
    @classmethod
    def _is_one_word(cls, written: object) -> object:
        value = written.get_secret_value() if isinstance(written, SecretStr) else written  # may be kept like a secret
        return _one_word(value, "the client id") if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_one_way_in(self) -> ShopifySettings:
        pair = {"client_id": bool(self.client_id), "client_secret": self.client_secret is not None}
        if self.token is not None and any(pair.values()):
            raise ValueError("give token, or client_id and client_secret, but not both: they are two ways in")
        if self.token is None and not all(pair.values()):
            missing = [name for name, given in pair.items() if not given]
            both = "give token, or client_id and client_secret: how is countermand to sign in at the shop?"
            raise ValueError(
                both if len(missing) == 2 else f"{missing[0]} is missing: the app's id and secret go together"
            )
        return self

    @field_validator("base_url")
    @classmethod
    def _keeps_the_token_private(cls, written: str) -> str:
        parts = urlsplit(written)
        if parts.port == 0 or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("write only the address, e.g. http://127.0.0.1:8804, without anything behind it")
        if written and not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname))):
            raise ValueError("write an https:// address; http:// only for this machine, as the token travels with it")
        return written.rstrip("/")

    @property
    def address(self) -> str:
        """Where the shop answers."""
        return self.base_url or f"https://{self.domain}"

    @property
    def endpoint(self) -> str:
        """Where every call goes."""
        return f"{self.address}/admin/api/{self.api_version}/graphql.json"

    @property
    def token_endpoint(self) -> str:
        """Where an app asks for a token."""
        return f"{self.address}/admin/oauth/access_token"

    @property
    def is_local(self) -> bool:
        """The shop is a pretend one on this machine."""
        return _is_here(urlsplit(self.endpoint).hostname)

    @property
    def tells_job_results(self) -> bool:
        """This version gives a cancellation a structured result (since 2026-10)."""
        return self.api_version >= "2026-10"  # "unstable" sorts after every date


@dataclass(frozen=True)
class Patience:
    """How often and how long something is tried again."""

    confirm_seconds: float = 60.0
    """Until an accepted cancellation must have been read back."""
    reads: int = 4
    """How often a read is sent at the most, when no answer comes."""
    throttled: int = 12
    """How often a call is sent at the most, when the shop is busy."""


def _one_word(written: str, what: str) -> str:
    word = written.strip()
    if not word or not word.isascii() or not word.isprintable() or " " in word:
        raise ValueError(f"{what} is empty or has characters that none has")
    return word


def _is_here(host: str | None) -> bool:
    return host is not None and (host in ("127.0.0.1", "::1", "localhost") or host.endswith(".localhost"))
