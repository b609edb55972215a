"""
How a Shopify shop is reached.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m)")
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
    token: SecretStr
    """The Admin API access token."""
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

    @field_validator("token")
    @classmethod
    def _can_travel(cls, token: SecretStr) -> SecretStr:
        secret = token.get_secret_value().strip()
        if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
            raise ValueError("the access token is empty or has characters that no token has")
        return SecretStr(secret)

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
    def endpoint(self) -> str:
        """Where every call goes."""
        return f"{self.base_url or f'https://{self.domain}'}/admin/api/{self.api_version}/graphql.json"

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


def _is_here(host: str | None) -> bool:
    return host is not None and (host in ("127.0.0.1", "::1", "localhost") or host.endswith(".localhost"))
