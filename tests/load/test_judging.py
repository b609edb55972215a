"""The load benchmark says what went wrong by the sites' own records: it can fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.many import judged
from benchmarks.pretend import Figure, Pretend

GOOD = [("portal", "1"), ("portal", "2"), ("shop", "#1")]


def sites(folder: Path, received: list[tuple[str, str]]) -> Pretend:
    """Two orders were asked for, one with a shop order; what the sites received is *received*."""
    (folder / "orders.csv").write_text("order,shop_order\n1,#1\n2,\n")
    places = {f"{name}_record": str(folder / name) for name in ("portal", "shop")}
    for name in ("portal", "shop"):
        lines = [json.dumps({"order": order, "operation": "orderCancel"}) for site, order in received if site == name]
        (folder / name).write_text("\n".join(lines))
    return Pretend(folder, places)


def test_once_each_is_right(tmp_path: Path) -> None:
    """
    One submit for each order, one orderCancel for each shop order.
    """
    assert [] == judged(sites(tmp_path, GOOD))


@pytest.mark.parametrize(
    "received, said",
    [
        ([*GOOD, ("portal", "1")], "order 1 was submitted 2 times instead of 1"),
        (GOOD[1:], "order 1 was submitted 0 times instead of 1"),
        ([*GOOD, ("portal", "3")], "order 3 was submitted 1 times instead of 0"),
        ([*GOOD, ("shop", "#1")], "shop order #1 was cancelled 2 times instead of 1"),
        (GOOD[:2], "shop order #1 was cancelled 0 times instead of 1"),
        ([*GOOD, ("shop", "#2")], "shop order #2 was cancelled 1 times instead of 0"),
    ],
)
def test_whatever_else_happened_is_said(tmp_path: Path, received: list[tuple[str, str]], said: str) -> None:
    """
    Twice, never, or without being asked for: each is a sentence of its own.
    """
    assert [said] == judged(sites(tmp_path, received))


def test_a_bar_is_missed_from_the_bar_on() -> None:
    """
    A figure must be below its bar; without one it misses nothing.
    """
    assert [False, True, True, False] == [
        Figure("", value, "s", at_most).is_missed for value, at_most in ((4.9, 5), (5, 5), (6, 5), (6, None))
    ]
