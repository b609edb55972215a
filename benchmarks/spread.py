"""
Honest figures from repeated measurements: medians, where four fifths of them lie, and how sure a ratio is.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_DRAWS = 2000
_SURE = 0.95

Middle = Callable[[Sequence[float]], float]


@dataclass(frozen=True)
class Spread:
    """A value, and the interval that says how much it is worth."""

    value: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """The median, from the tenth to the ninetieth hundredth."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return Spread(statistics.median(values), tenths[0], tenths[-1])


def ratio(above: Sequence[float], below: Sequence[float], middle: Middle = statistics.median) -> Spread:
    """
    The ratio of the middles, and between what it lies with 95 % certainty (bootstrap).

    The values at one place come from one round, in which the machine was equally busy for both: rounds are drawn as they are.
    The same values always give the same interval.

    :raises ValueError: they are not from the same rounds.
    """
    rounds = list(zip(above, below, strict=True))
    chance = random.Random(len(rounds))
    drawn = sorted(_ratio(chance.choices(rounds, k=len(rounds)), middle) for _ in range(_DRAWS))
    tail = round((1 - _SURE) / 2 * _DRAWS)
    return Spread(_ratio(rounds, middle), drawn[tail], drawn[-1 - tail])


def _ratio(rounds: Sequence[tuple[float, float]], middle: Middle) -> float:
    return middle([one for one, _ in rounds]) / middle([other for _, other in rounds])
