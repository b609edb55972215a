"""
Trying again, decided once: only what certainly changed nothing, a bounded number of times and for a bounded time, with jitter.
"""

from __future__ import annotations

from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from agent.errors import Retryable


def patiently(attempts: int = 3, seconds: float = 20.0) -> AsyncRetrying:
    """
    Try a read again while it raises ``Retryable``; the last error is the one that is raised.

    :param attempts: how often at the most.
    :param seconds: no further attempt starts after this long.
    """
    return AsyncRetrying(
        retry=retry_if_exception_type(Retryable),
        stop=stop_after_attempt(attempts) | stop_after_delay(seconds),
        wait=wait_random_exponential(multiplier=0.25, max=3),
        reraise=True,
    )
