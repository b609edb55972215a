"""Medians, spreads and ratios say what the measurements say, and how sure that is."""

from __future__ import annotations

import statistics

import pytest

from benchmarks.spread import Spread, ratio, spread


def test_the_median_is_given_with_four_fifths_around_it() -> None:
    """
    Ten in the hundred are below the interval, ten above it; one that took for ever moves nothing.
    """
    assert Spread(51, 11, 91) == spread([*range(1, 101), 10**6])


def test_one_measurement_has_no_spread() -> None:
    """
    What was measured once is shown as it is.
    """
    assert Spread(7.0, 7.0, 7.0) == spread([7.0])


def test_a_ratio_is_that_of_the_medians() -> None:
    """
    Not the mean of the ratios of rounds, and no outlier moves it.
    """
    assert 2.0 == ratio([20, 22, 18, 20, 900], [10, 11, 9, 10, 10]).value


def test_a_ratio_is_sure_where_every_round_agrees() -> None:
    """
    The machine was busier in some rounds, and both felt it: the interval does not widen for that.
    """
    busy = [1.0, 3.0, 1.1, 2.5, 1.0, 5.0, 1.2, 1.0, 4.0, 1.0]

    found = ratio([2 * one for one in busy], busy)

    assert Spread(2.0, 2.0, 2.0) == found


def test_a_ratio_is_unsure_where_rounds_differ() -> None:
    """
    The interval holds the ratio, and is wider for fewer rounds.
    """
    above, below = [12.0, 15, 9, 14, 11, 10], [10.0, 8, 12, 9, 11, 10]

    few, many = ratio(above, below), ratio(above * 20, below * 20)

    assert few.low < few.value < few.high
    assert many.high - many.low < few.high - few.low


def test_the_same_measurements_give_the_same_interval() -> None:
    """
    Chance draws the rounds, and a result can still be checked.
    """
    assert ratio([3, 4, 9, 1], [1, 2, 3, 4]) == ratio([3, 4, 9, 1], [1, 2, 3, 4])


def test_another_middle_can_be_asked_for() -> None:
    """
    For many orders one after the other, the sum counts.
    """
    assert 13.0 == ratio([1, 1, 37], [1, 1, 1], statistics.fmean).value


def test_only_the_same_rounds_are_compared() -> None:
    """
    A peer that missed a round was not measured beside the other.
    """
    with pytest.raises(ValueError):
        ratio([1, 2, 3], [1, 2])
