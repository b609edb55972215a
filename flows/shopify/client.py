"""
Speaks to the Admin API: one call at a time, and always clear about whether a change can have been carried out.

========================================  ==============================  =========================
what happened                             a read                          a change
========================================  ==============================  =========================
no connection                             tried again, then Retryable     Retryable: nothing was sent
no answer, 5xx, no JSON, internal error   tried again, then Retryable     Uncertain: read it back first
THROTTLED (status 200), 429               waits, sent again, then         the same: it was not executed
                                          Retryable
401, 403, ACCESS_DENIED                   SignInNeeded                    SignInNeeded: not executed
another version answers                   BadInput                        (the answer counts)
========================================  ==============================  =========================
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import httpx
from pydantic import BaseModel, JsonValue, ValidationError
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from agent.errors import BadInput, CountermandError, NeedsOperator, Retryable, SignInNeeded, Uncertain
from flows.shopify.operations import Operation
from flows.shopify.replies import Envelope, SearchWarning, TopError
from flows.shopify.settings import Patience, ShopifySettings

NOTHING_SENT = "Nothing was changed in the shop."

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
_LONGEST_THROTTLE = 60.0
_LONGEST_READ = 30.0
_LONGEST_WAIT = 20.0
_jitter = wait_random_exponential(multiplier=0.1, max=2)

Data = TypeVar("Data", bound=BaseModel)
Sleep = Callable[[float], Awaitable[None]]


class _Busy(Retryable):
    """The shop asked us to wait; the call was not executed."""

    wait = 1.0


class _NoAnswer(Retryable):
    """Nothing came that can be read as an answer."""

    was_sent = True


@dataclass(frozen=True)
class Answered(Generic[Data]):
    """An answer, and what the shop remarked about a search in it."""

    data: Data
    warnings: tuple[SearchWarning, ...]


class ShopifyClient:
    """
    The Admin API of one shop.

    :param shop: the shop's name in the settings, for messages.
    :param sleep: how to wait; tests let no time pass.
    """

    def __init__(
        self,
        shop: str,
        settings: ShopifySettings,
        http: httpx.AsyncClient,
        *,
        patience: Patience,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.settings = settings
        self.patience = patience
        self.sleep = sleep
        self._shop = shop
        self._http = http

    async def read(self, operation: Operation, variables: Mapping[str, JsonValue], kind: type[Data]) -> Answered[Data]:
        """
        Ask for something. Tried again a few times while no answer comes, as reading changes nothing.

        :raises Retryable: the shop did not answer, or is too busy.
        :raises SignInNeeded: the token is refused, or lacks a scope.
        :raises NeedsOperator: the shop is closed to us until somebody has settled something with Shopify.
        :raises BadInput: the settings do not fit the shop.
        """
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(_NoAnswer),
            stop=stop_after_attempt(self.patience.reads) | stop_after_delay(_LONGEST_READ),
            wait=wait_random_exponential(multiplier=0.25, max=3),
            sleep=self.sleep,
            reraise=True,
        ):
            with attempt:
                envelope = await self._when_not_busy(operation, variables, checks_version=True)
                if envelope.errors:
                    raise self._refused(operation, envelope.errors)
                data = self._parsed(operation, envelope, kind)
        warnings = tuple(warning for notes in envelope.extensions.search for warning in notes.warnings)
        return Answered(data, warnings)

    async def change(self, operation: Operation, variables: Mapping[str, JsonValue], kind: type[Data]) -> Data:
        """
        Send a mutation, once. It is sent again only while the shop says that it is too busy to begin.

        :raises Uncertain: it may have been carried out; read back before anything else.
        :raises Retryable, SignInNeeded, NeedsOperator, BadInput: it was certainly not carried out.
        """
        try:
            envelope = await self._when_not_busy(operation, variables, checks_version=False)
            if envelope.data and all(value is not None for value in envelope.data.values()):
                return self._parsed(operation, envelope, kind)  # carried out, whatever else is missing from the answer
            if not envelope.errors:
                raise self._no_answer("answered with nothing in it")
        except _NoAnswer as lost:
            if lost.was_sent:
                raise Uncertain(lost.what, **lost.facts) from lost
            raise _unchanged(lost) from lost.__cause__
        except CountermandError as refused:
            raise _unchanged(refused) from refused.__cause__
        if all(_was_not_executed(error) for error in envelope.errors):
            raise _unchanged(self._refused(operation, envelope.errors))
        raise Uncertain(f"the shop broke off ({_words(envelope.errors)})", shop=self._shop)

    async def _when_not_busy(
        self, operation: Operation, variables: Mapping[str, JsonValue], *, checks_version: bool
    ) -> Envelope:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(_Busy),
            stop=stop_after_attempt(self.patience.throttled) | stop_after_delay(_LONGEST_THROTTLE),
            wait=_as_long_as_asked,
            sleep=self.sleep,
            reraise=True,
        ):
            with attempt:
                envelope = self._opened(await self._post(operation, variables), checks_version=checks_version)
        return envelope

    async def _post(self, operation: Operation, variables: Mapping[str, JsonValue]) -> httpx.Response:
        try:
            return await self._http.post(
                self.settings.endpoint,
                json={"query": operation.text, "variables": dict(variables)},
                headers={"X-Shopify-Access-Token": self.settings.token.get_secret_value()},
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            lost = self._no_answer("cannot be reached")
            lost.was_sent = False
            raise lost from error
        except httpx.TimeoutException as error:
            seconds = self.settings.answer_within.total_seconds()
            raise self._no_answer(f"did not answer within {seconds:g} seconds") from error
        except httpx.RequestError as error:
            raise self._no_answer("broke the connection off") from error

    def _opened(self, response: httpx.Response, *, checks_version: bool) -> Envelope:
        """
        The body of an answer that is one; everything else is raised, sorted by who acts next.
        """
        status = response.status_code
        if status != httpx.codes.OK:
            raise self._closed(status, response.headers)
        served = response.headers.get(_VERSION_HEADER)
        if checks_version and served not in (None, self.settings.api_version):
            raise BadInput(
                f"the shop answers with version {served} of its API, but the settings pin {self.settings.api_version}",
                next="Set api_version of the shop to a version that Shopify still serves, and read what changed in it.",
                shop=self._shop,
            )
        try:
            envelope = Envelope.model_validate_json(response.content)
        except ValidationError as error:
            raise self._no_answer("answered with something that is no GraphQL answer") from error
        codes = {error.extensions.code for error in envelope.errors}
        if "THROTTLED" in codes:
            raise self._busy(_seconds_until_affordable(envelope))
        if "INTERNAL_SERVER_ERROR" in codes and not (envelope.data and any(envelope.data.values())):
            raise self._no_answer("had an internal error")
        return envelope

    def _closed(self, status: int, headers: httpx.Headers) -> CountermandError:
        domain = self.settings.domain
        if status == 429:
            return self._busy(_seconds(headers.get("Retry-After")))
        if status >= 500:
            return self._no_answer(f"answered with HTTP {status}")
        if status in (401, 403):
            return SignInNeeded(
                f"the shop {domain} does not accept the access token (HTTP {status})",
                next="Put a valid Admin API access token where the settings name it, then give the same command again.",
                shop=self._shop,
            )
        if status in (402, 423):
            return NeedsOperator(
                f"Shopify has closed the shop {domain} for apps (HTTP {status})",
                next="Sign in to the shop's admin, settle what Shopify asks for, then give the same command again.",
                shop=self._shop,
            )
        return BadInput(
            f"there is no Admin API of the shop {domain} at the address in the settings (HTTP {status})",
            next="Check domain, base_url and api_version of the shop.",
            shop=self._shop,
        )

    def _refused(self, operation: Operation, errors: tuple[TopError, ...]) -> CountermandError:
        if any(error.extensions.code == "ACCESS_DENIED" for error in errors):
            return self._access_denied(errors)
        return BadInput(
            f"the shop does not understand {operation.name} ({_words(errors)})",
            next="Check api_version of the shop; 2026-10 is the version that countermand was made for.",
            shop=self._shop,
        )

    def _access_denied(self, errors: tuple[TopError, ...]) -> SignInNeeded:
        texts = (error.extensions.required_access or error.message for error in errors)
        scopes = list(dict.fromkeys(scope for text in texts for scope in _SCOPE.findall(text)))
        missing = f"the scope {' or '.join(scopes)}" if scopes else f"an access right ({_words(errors)})"
        return SignInNeeded(
            f"the access token of the shop {self.settings.domain} lacks {missing}",
            next=f"Give the app {scopes[0] if scopes else 'that right'} in the shop's admin, and use its new token.",
            shop=self._shop,
        )

    def _parsed(self, operation: Operation, envelope: Envelope, kind: type[Data]) -> Data:
        try:
            return kind.model_validate(envelope.data)
        except ValidationError as error:
            raise self._no_answer(f"answered {operation.name} with something unreadable") from error

    def _no_answer(self, how: str) -> _NoAnswer:
        return _NoAnswer(f"the shop {self.settings.domain} {how}", shop=self._shop)

    def _busy(self, wait: float) -> _Busy:
        busy = _Busy(f"the shop {self.settings.domain} is too busy to answer", shop=self._shop)
        busy.wait = wait
        return busy


def _unchanged(error: CountermandError) -> CountermandError:
    error.done_so_far = NOTHING_SENT
    return error


def _as_long_as_asked(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, _Busy) else 0.0
    return asked + _jitter(state)


def _was_not_executed(error: TopError) -> bool:
    """
    The call as a whole was turned away. An error further down means that the mutation itself had run.
    """
    if error.extensions.code == "ACCESS_DENIED":
        return len(error.path or ()) <= 1
    return error.extensions.code in _NOT_EXECUTED


def _seconds_until_affordable(envelope: Envelope) -> float:
    cost = envelope.extensions.cost
    if cost is None:
        return 1.0
    missing = cost.requested_query_cost - cost.throttle_status.currently_available
    return min(max(missing, 0.0) / max(cost.throttle_status.restore_rate, 1.0), _LONGEST_WAIT)


def _seconds(written: str | None) -> float:
    try:
        return min(max(float(written or 1), 0.0), _LONGEST_WAIT)
    except ValueError:
        return 1.0


def _words(errors: tuple[TopError, ...]) -> str:
    return "; ".join(error.message for error in errors)[:300]
