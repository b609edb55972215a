"""
The token that every call carries: a lasting one from the settings, or one that the app asks for by itself.

A token that was asked for (client-credentials grant) lives about a day. It is kept in the vault with its end, replaced
a little before that, and once more when the shop refuses it. Two processes that ask at the same time each get one that
works; the later one is kept.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import Protocol

from pydantic import BaseModel, Field, SecretStr, ValidationError

from agent.errors import CountermandError, Retryable, SignInNeeded
from agent.model import KeptToken
from agent.storefront import TokenStore
from flows.shopify.transport import NoAnswer, Transport

EARLY = timedelta(minutes=5)
"""So long before its end a token is replaced."""
_IN_DEV_DASHBOARD = "in Shopify's Dev Dashboard"


class Access(Protocol):
    """Where the token comes from."""

    @property
    def described(self) -> str:
        """Which token is used, for people; never the token."""

    async def token(self) -> SecretStr:
        """
        The token to send now.

        :raises SignInNeeded: the shop gives us none.
        :raises Retryable: the shop did not answer; nothing but a token was asked for.
        """

    async def renewed(self) -> SecretStr | None:
        """Another one than was used so far; ``None`` if there is no other. Raises as ``token``."""


class LastingToken:
    """The token in the settings; when it is refused, there is no other."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    @property
    def described(self) -> str:
        """It has no end that we know of."""
        return "accepted; a lasting one from the settings"

    async def token(self) -> SecretStr:
        """The one there is."""
        return self._token

    async def renewed(self) -> SecretStr | None:
        """There is no other."""
        return None


class ClientCredentials:
    """
    Tokens that the app asks for with its id and its secret.

    :param tokens: where they are kept between runs.
    """

    def __init__(self, transport: Transport, secret: SecretStr, tokens: TokenStore) -> None:
        self._transport = transport
        self._secret = secret
        self._tokens = tokens
        self._now_used: KeptToken | None = None

    @property
    def described(self) -> str:
        """Until when it is good."""
        until = f" until {self._now_used.ends_at:%Y-%m-%d %H:%M} UTC" if self._now_used else ""
        return f"accepted; asked for by the app, good{until}, renewed by itself"

    async def token(self) -> SecretStr:
        """The one that is kept, unless it ends soon; else a new one."""
        kept = self._now_used or self._tokens.load(self._key)
        if kept is None or kept.ends_at - EARLY <= self._transport.now():
            kept = await self._asked_for()
        self._now_used = kept
        return kept.token

    async def renewed(self) -> SecretStr | None:
        """A new one, whatever is kept."""
        self._now_used = await self._asked_for()
        return self._now_used.token

    @property
    def _key(self) -> str:
        settings = self._transport.settings
        whose = sha256(f"{settings.address} {settings.client_id}".encode()).hexdigest()[:16]
        return f"{settings.domain}.{whose}"

    async def _asked_for(self) -> KeptToken:
        async def ask() -> KeptToken:
            return await self._transport.when_not_busy(self._ask)

        try:
            kept = await self._transport.patiently(ask)
        except NoAnswer as lost:  # for the caller nothing was sent: it is not the call itself that got no answer
            raise Retryable(f"{lost.what} when it was asked for a token", shop=self._transport.shop) from lost.__cause__
        with suppress(OSError):  # the disk is full, say: it serves this run, and the next one asks again
            self._tokens.save(self._key, kept)
        return kept

    async def _ask(self) -> KeptToken:
        settings = self._transport.settings
        asked_at = self._transport.now()
        response = await self._transport.post(
            settings.token_endpoint,
            {
                "client_id": settings.client_id,
                "client_secret": self._secret.get_secret_value(),
                "grant_type": "client_credentials",
            },
            {"Accept": "application/json"},
        )
        if response.status_code != 200:
            raise self._refused(response.status_code, response.text)
        try:
            granted = _Granted.model_validate_json(response.content)
        except ValidationError:
            raise self._transport.no_answer("answered with something that is no token") from None
        return KeptToken(token=granted.access_token, ends_at=asked_at + timedelta(seconds=granted.expires_in))

    def _refused(self, status: int, body: str) -> CountermandError:
        """The shop names its reason in a JSON document or on a page for people; the same word is in both."""
        domain, shop = self._transport.settings.domain, self._transport.shop
        if "shop_not_permitted" in body:
            return SignInNeeded(
                f"the app may not sign in at the shop {domain} by itself (shop_not_permitted)",
                next=f"App and shop must belong to one organisation {_IN_DEV_DASHBOARD}; else use a token instead.",
                shop=shop,
            )
        if "app_not_installed" in body:
            return SignInNeeded(
                f"the app is not installed in the shop {domain} (app_not_installed)",
                next=f"Install it there, from the app's page {_IN_DEV_DASHBOARD}.",
                shop=shop,
            )
        if status in (400, 401, 403):
            return SignInNeeded(
                f"the shop {domain} does not accept the app's client_id and client_secret (HTTP {status})",
                next=f"Copy both again from the app's settings {_IN_DEV_DASHBOARD} to where the settings name them.",
                shop=shop,
            )
        return self._transport.closed(status)


class _Granted(BaseModel):
    """The answer to an app that asks for a token."""

    access_token: SecretStr = Field(min_length=1)
    expires_in: float = Field(gt=0)


def access_for(transport: Transport, tokens: TokenStore) -> Access:
    """The way in that the settings name."""
    settings = transport.settings
    if settings.token is not None:
        return LastingToken(settings.token)
    assert settings.client_secret is not None, "the settings have one way in"
    return ClientCredentials(transport, settings.client_secret, tokens)
