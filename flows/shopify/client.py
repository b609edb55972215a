"""
Speaks to the Admin API: one call at a time, and always clear about whether a change can have been carried out.

========================================  ==============================  =========================
what happened                             a read                          a change
========================================  ==============================  =========================
no connection                             tried again, then Retryable     Retryable: nothing was sent
no answer, 5xx, no JSON, internal error   tried again, then Retryable     Uncertain: read it back first
THROTTLED (status 200), 429               waits, sent again, then         the same: it was not executed
                                          Retryable
too few points left for it                waits first, then sends         the same
401                                       a new token, once; then         the same: it was not executed
                                          SignInNeeded
403, ACCESS_DENIED                        SignInNeeded                    SignInNeeded: not executed
data, and errors further down             what we need must be there      what we need must be there
another version answers                   BadInput                        (the answer counts)
========================================  ==============================  =========================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Generic, TypeVar

import httpx
from pydantic import BaseModel, JsonValue, SecretStr, ValidationError

from agent.errors import BadInput, CountermandError, SignInNeeded, Uncertain
from flows.shopify.auth import Access
from flows.shopify.operations import Operation
from flows.shopify.partial import lacks_something
from flows.shopify.replies import Envelope, SearchWarning, TopError
from flows.shopify.scopes import how_to_give
from flows.shopify.settings import Patience, ShopifySettings
from flows.shopify.throttle import Bucket, seconds_until_affordable
from flows.shopify.transport import NoAnswer, Sleep, Transport

NOT_CARRIED_OUT = "That was not carried out in the shop."

_VERSION_HEADER = "X-Shopify-API-Version"
_SCOPE = re.compile(r"`(\w+)` access scope")
_NOT_EXECUTED = frozenset(
    {
        "PARSE_ERROR",
        "BAD_REQUEST",
        "undefinedField",
        "selectionMismatch",
        "argumentNotAccepted",
        "missingRequiredArguments",
        "argumentLiteralsIncompatible",
        "INVALID_VARIABLE",
        "INVALID_FIELD_ARGUMENTS",
        "RESOURCE_NOT_FOUND",
        "MAX_INPUT_SIZE_EXCEEDED",
        "MAX_COST_EXCEEDED",
    }
)
"""Top-level errors of calls that the shop never began to carry out."""

Data = TypeVar("Data", bound=BaseModel)


@dataclass(frozen=True)
class Answered(Generic[Data]):
    """An answer, what the shop remarked about a search in it, and what stood around it."""

    data: Data
    warnings: tuple[SearchWarning, ...]
    version: str | None = None
    """The version of the API that answered."""
    at: datetime | None = None
    """The shop's own time."""


@dataclass(frozen=True)
class _Heard:
    envelope: Envelope
    version: str | None
    at: datetime | None


class ShopifyClient:
    """
    The Admin API of one shop.

    :param access: where the token comes from.
    """

    def __init__(self, transport: Transport, access: Access) -> None:
        self._transport = transport
        self._access = access
        self._bucket = Bucket(transport.now)

    @property
    def settings(self) -> ShopifySettings:
        """The shop's settings."""
        return self._transport.settings

    @property
    def patience(self) -> Patience:
        """How often and how long something is tried again."""
        return self._transport.patience

    @property
    def sleep(self) -> Sleep:
        """How to wait."""
        return self._transport.sleep

    async def read(
        self,
        operation: Operation,
        variables: Mapping[str, JsonValue],
        kind: type[Data],
        *,
        any_version: bool = False,
    ) -> Answered[Data]:
        """
        Ask for something. Tried again a few times while no answer comes, as reading changes nothing.

        :param any_version: take an answer from another version than the pinned one.
        :raises Retryable: the shop did not answer, or is too busy.
        :raises SignInNeeded: the token is refused, or lacks a scope.
        :raises NeedsOperator: the shop is closed to us until somebody has settled something with Shopify.
        :raises BadInput: the settings do not fit the shop.
        """

        async def ask() -> Answered[Data]:
            heard = await self._when_not_busy(operation, variables, checks_version=not any_version)
            envelope = heard.envelope
            if lacks_something(envelope, kind):
                raise self._refused(operation, envelope)
            data = self._parsed(operation, envelope, kind)
            warnings = tuple(warning for notes in envelope.extensions.search for warning in notes.warnings)
            return Answered(data, warnings, heard.version, heard.at)

        return await self._transport.patiently(ask)

    async def change(self, operation: Operation, variables: Mapping[str, JsonValue], kind: type[Data]) -> Data:
        """
        Send a mutation, once. It is sent again only while the shop says that it is too busy to begin, or wants another
        token first.

        :raises Uncertain: it may have been carried out; read back before anything else.
        :raises Retryable, SignInNeeded, NeedsOperator, BadInput: it was certainly not carried out.
        """
        try:
            envelope = (await self._when_not_busy(operation, variables, checks_version=False)).envelope
            if envelope.data and all(value is not None for value in envelope.data.values()):
                return self._parsed(operation, envelope, kind)  # carried out, whatever else is missing from the answer
            if not envelope.errors:
                raise self._transport.no_answer("answered with nothing in it")
        except NoAnswer as lost:
            if lost.was_sent:
                raise Uncertain(lost.what, **lost.facts) from lost
            raise _unchanged(lost) from lost.__cause__
        except CountermandError as refused:
            raise _unchanged(refused) from refused.__cause__
        if all(_was_not_executed(error) for error in envelope.errors):
            raise _unchanged(self._refused(operation, envelope))
        raise Uncertain(f"the shop broke off ({_words(envelope.errors)})", shop=self._transport.shop)

    async def _when_not_busy(
        self, operation: Operation, variables: Mapping[str, JsonValue], *, checks_version: bool
    ) -> _Heard:
        async def send() -> _Heard:
            if (wait := self._bucket.seconds_until(operation.name)) > 0:
                await self.sleep(wait)
            return self._opened(operation, await self._post(operation, variables), checks_version=checks_version)

        return await self._transport.when_not_busy(send)

    async def _post(self, operation: Operation, variables: Mapping[str, JsonValue]) -> httpx.Response:
        response = await self._post_with(await self._access.token(), operation, variables)
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return response
        token = await self._access.renewed()  # turned away before anything was looked at: it may be sent again
        return response if token is None else await self._post_with(token, operation, variables)

    async def _post_with(
        self, token: SecretStr, operation: Operation, variables: Mapping[str, JsonValue]
    ) -> httpx.Response:
        return await self._transport.post(
            self.settings.endpoint,
            {"query": operation.text, "variables": dict(variables)},
            {"X-Shopify-Access-Token": token.get_secret_value()},
        )

    def _opened(self, operation: Operation, response: httpx.Response, *, checks_version: bool) -> _Heard:
        """
        The body of an answer that is one; everything else is raised, sorted by who acts next.
        """
        status = response.status_code
        if status != httpx.codes.OK:
            raise self._closed(status)
        served = response.headers.get(_VERSION_HEADER)
        if checks_version and served not in (None, self.settings.api_version):
            raise wrong_version(self.settings, served, self._transport.shop)
        try:
            envelope = Envelope.model_validate_json(response.content)
        except ValidationError as error:
            raise self._transport.no_answer("answered with something that is no GraphQL answer") from error
        self._bucket.note(operation.name, envelope.extensions.cost)
        codes = {error.extensions.code for error in envelope.errors}
        if "THROTTLED" in codes:
            raise self._transport.busy(seconds_until_affordable(envelope.extensions.cost))
        if "INTERNAL_SERVER_ERROR" in codes and not (envelope.data and any(envelope.data.values())):
            raise self._transport.no_answer("had an internal error")
        return _Heard(envelope, served, _time(response.headers.get("Date")))

    def _closed(self, status: int) -> CountermandError:
        if status not in (401, 403):
            return self._transport.closed(status)
        if self.settings.token is None:
            then = "Look whether the app is still installed in the shop, then give the same command again."
        else:
            then = "Put a valid Admin API access token where the settings name it, then give the same command again."
        return SignInNeeded(
            f"the shop {self.settings.domain} does not accept the access token (HTTP {status})",
            next=then,
            shop=self._transport.shop,
        )

    def _refused(self, operation: Operation, envelope: Envelope) -> CountermandError:
        errors = envelope.errors
        if any(error.extensions.code == "ACCESS_DENIED" for error in errors):
            return self._access_denied(errors)
        if envelope.data and not all(error.extensions.code in _NOT_EXECUTED for error in errors):
            return self._transport.no_answer(f"answered {operation.name} without what was needed ({_words(errors)})")
        return BadInput(
            f"the shop does not understand {operation.name} ({_words(errors)})",
            next="Check api_version of the shop; 2026-10 is the version that countermand was made for.",
            shop=self._transport.shop,
        )

    def _access_denied(self, errors: tuple[TopError, ...]) -> SignInNeeded:
        texts = (error.extensions.required_access or error.message for error in errors)
        scopes = list(dict.fromkeys(scope for text in texts for scope in _SCOPE.findall(text)))
        missing = f"the scope {' or '.join(scopes)}" if scopes else f"an access right ({_words(errors)})"
        return SignInNeeded(
            f"the access token of the shop {self.settings.domain} lacks {missing}",
            next=how_to_give(scopes[:1], self.settings)
            if scopes
            else "Run countermand shop check: it names what is missing.",
            shop=self._transport.shop,
        )

    def _parsed(self, operation: Operation, envelope: Envelope, kind: type[Data]) -> Data:
        try:
            return kind.model_validate(envelope.data)
        except ValidationError as error:
            raise self._transport.no_answer(f"answered {operation.name} with something unreadable") from error


def _unchanged(error: CountermandError) -> CountermandError:
    error.done_so_far = NOT_CARRIED_OUT
    return error


def _was_not_executed(error: TopError) -> bool:
    """
    The call as a whole was turned away. An error further down means that the mutation itself had run.
    """
    if error.extensions.code == "ACCESS_DENIED":
        return len(error.path or ()) <= 1
    return error.extensions.code in _NOT_EXECUTED


def wrong_version(settings: ShopifySettings, served: str | None, shop: str) -> BadInput:
    """Another version answers than the settings pin: Shopify falls forward without a word."""
    return BadInput(
        f"the shop answers with version {served} of its API, but the settings pin {settings.api_version}",
        next="Set api_version of the shop to a version that Shopify still serves, and read what changed in it.",
        shop=shop,
    )


def _time(written: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(written) if written else None
    except ValueError:
        return None


def _words(errors: tuple[TopError, ...]) -> str:
    return "; ".join(error.message for error in errors)[:300]
