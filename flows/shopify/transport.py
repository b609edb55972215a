"""
One POST to a shop, and what can go wrong on the way there and back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import httpx
from pydantic import JsonValue
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from agent.errors import BadInput, CountermandError, NeedsOperator, Retryable
from flows.shopify.settings import Patience, ShopifySettings

LONGEST_WAIT = 20.0
"""No single wait is longer, whatever the shop asks for."""
_LONGEST_THROTTLE = 60.0
_LONGEST_READ = 30.0
_jitter = wait_random_exponential(multiplier=0.1, max=2)

Sleep = Callable[[float], Awaitable[None]]
Now = Callable[[], datetime]
Got = TypeVar("Got")


class Busy(Retryable):
    """The shop asked us to wait; the call was not executed."""

    wait = 1.0


class NoAnswer(Retryable):
    """Nothing came that can be read as an answer."""

    was_sent = True


def utc_now() -> datetime:
    """The time now."""
    return datetime.now(UTC)


class Transport:
    """
    Posts to one shop.

    :param shop: the shop's name in the settings, for messages.
    :param sleep: how to wait; tests let no time pass.
    :param now: this machine's clock.
    """

    def __init__(
        self,
        shop: str,
        settings: ShopifySettings,
        http: httpx.AsyncClient,
        *,
        patience: Patience,
        sleep: Sleep = asyncio.sleep,
        now: Now = utc_now,
    ) -> None:
        self.shop = shop
        self.settings = settings
        self.patience = patience
        self.sleep = sleep
        self.now = now
        self._http = http

    async def post(self, address: str, body: Mapping[str, JsonValue], headers: Mapping[str, str]) -> httpx.Response:
        """
        Send once, and come back with whatever the shop answers below status 500.

        :raises NoAnswer: no answer came; ``was_sent`` says whether the shop may have heard it.
        :raises Busy: 429.
        """
        try:
            response = await self._http.post(address, json=dict(body), headers=dict(headers))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            lost = self.no_answer("cannot be reached")
            lost.was_sent = False
            raise lost from error
        except httpx.TimeoutException as error:
            seconds = self.settings.answer_within.total_seconds()
            raise self.no_answer(f"did not answer within {seconds:g} seconds") from error
        except httpx.RequestError as error:
            raise self.no_answer("broke the connection off") from error
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise self.busy(_seconds(response.headers.get("Retry-After")))
        if response.status_code >= 500:
            raise self.no_answer(f"answered with HTTP {response.status_code}")
        return response

    async def patiently(self, ask: Callable[[], Awaitable[Got]]) -> Got:
        """Ask again a few times while no answer comes: only for what changes nothing."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(NoAnswer),
            stop=stop_after_attempt(self.patience.reads) | stop_after_delay(_LONGEST_READ),
            wait=wait_random_exponential(multiplier=0.25, max=3),
            sleep=self.sleep,
            reraise=True,
        )
        return await retrying(ask)

    async def when_not_busy(self, ask: Callable[[], Awaitable[Got]]) -> Got:
        """Ask again while the shop says that it is too busy to begin; what it turned away was not executed."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Busy),
            stop=stop_after_attempt(self.patience.throttled) | stop_after_delay(_LONGEST_THROTTLE),
            wait=_as_long_as_asked,
            sleep=self.sleep,
            reraise=True,
        )
        return await retrying(ask)

    def closed(self, status: int) -> CountermandError:
        """The shop turned the call away with that status: who opens the door."""
        domain = self.settings.domain
        if status in (402, 423):
            return NeedsOperator(
                f"Shopify has closed the shop {domain} for apps (HTTP {status})",
                next="Sign in to the shop's admin, settle what Shopify asks for, then give the same command again.",
                shop=self.shop,
            )
        return BadInput(
            f"there is no Admin API of the shop {domain} at the address in the settings (HTTP {status})",
            next="Check domain, base_url and api_version of the shop.",
            shop=self.shop,
        )

    def no_answer(self, how: str) -> NoAnswer:
        """The shop did not answer: *how*."""
        return NoAnswer(f"the shop {self.settings.domain} {how}", shop=self.shop)

    def busy(self, wait: float) -> Busy:
        """The shop wants to be asked again in *wait* seconds."""
        busy = Busy(f"the shop {self.settings.domain} is too busy to answer", shop=self.shop)
        busy.wait = wait
        return busy


def _as_long_as_asked(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, Busy) else 0.0
    return asked + _jitter(state)


def _seconds(written: str | None) -> float:
    try:
        return min(max(float(written or 1), 0.0), LONGEST_WAIT)
    except ValueError:
        return 1.0
