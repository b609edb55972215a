"""
The points that the shop lets us spend. Every call costs some, and they come back by the second.
"""

from __future__ import annotations

from datetime import datetime

from flows.shopify.replies import Cost, ThrottleStatus
from flows.shopify.transport import LONGEST_WAIT, Now


class Bucket:
    """
    What is left, as far as the last answer told. Others may spend from it too, so it only saves calls that would be
    turned away; being turned away is handled all the same.
    """

    def __init__(self, now: Now) -> None:
        self._now = now
        self._status: ThrottleStatus | None = None
        self._at: datetime = now()
        self._costs: dict[str, float] = {}

    def note(self, operation: str, cost: Cost | None) -> None:
        """An answer to *operation* said what it costs and what is left."""
        if cost is not None:
            self._status, self._at = cost.throttle_status, self._now()
            self._costs[operation] = cost.requested_query_cost

    def seconds_until(self, operation: str) -> float:
        """How long to wait before *operation* can be afforded; 0 while its cost or what is left is not known."""
        if self._status is None or operation not in self._costs:
            return 0.0
        restored = max((self._now() - self._at).total_seconds(), 0.0) * self._status.restore_rate
        return _seconds(self._costs[operation] - self._status.currently_available - restored, self._status)


def seconds_until_affordable(cost: Cost | None) -> float:
    """How long the shop needs until a call that it turned away can be afforded."""
    if cost is None:
        return 1.0
    return _seconds(cost.requested_query_cost - cost.throttle_status.currently_available, cost.throttle_status)


def _seconds(missing: float, status: ThrottleStatus) -> float:
    return min(max(missing, 0.0) / max(status.restore_rate, 1.0), LONGEST_WAIT)
