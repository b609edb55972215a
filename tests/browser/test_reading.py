"""
Reading what a portal wrote: numbers, states, equal texts. No browser.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.browser.edition import Edition
from agent.browser.editions import Editions
from agent.browser.reading import numbers_in, same_text, state_of
from flows.aliexpress.portal import PORTAL

NUMBER = "8190101000004512"


@cache
def edition() -> Edition:
    """AliExpress's newest edition."""
    return Editions(PORTAL.name, PORTAL.editions, Path("nowhere")).load().edition


@pytest.mark.parametrize(
    "text, numbers",
    [
        (f"Ref. Number: {NUMBER}", {NUMBER}),
        (f"Order ID: {NUMBER} Copy", {NUMBER}),
        (f"주문 번호:: {NUMBER}복사", {NUMBER}),
        (f"{NUMBER} and {NUMBER[:-1]}0", {NUMBER, f"{NUMBER[:-1]}0"}),
        ("Sep 15, 2026, 3 items, US $12.50, 555 014", set()),
        ("123456789", set()),
        ("", set()),
    ],
)
def test_numbers_in_a_text(text: str, numbers: set[str]) -> None:
    """
    An order number is a run of ten digits or more, whatever label stands before it.
    """
    assert numbers == numbers_in(text)


@pytest.mark.parametrize(
    "address, numbers",
    [
        (f"https://m.example.com/p?tradeOrderId={NUMBER}&spm=99999999999", {NUMBER}),
        (f"https://m.example.com/p?orderId={NUMBER}&tradeOrderId={NUMBER[:-1]}9", {NUMBER, f"{NUMBER[:-1]}9"}),
        (f"https://m.example.com/{NUMBER}?token=1", set()),
        (f"https://m.example.com/p#orderId={NUMBER}", set()),
    ],
)
def test_numbers_in_an_address(address: str, numbers: set[str]) -> None:
    """
    In an address only the parameters that hold order numbers count: other long numbers are tracking noise.
    """
    assert numbers == numbers_in(address, ["tradeOrderId", "orderId"])


@settings(max_examples=40, deadline=None)
@given(st.from_regex(r"[1-9][0-9]{15}", fullmatch=True), st.from_regex(r"[0-9]{1,4}", fullmatch=True))
def test_longer_number_is_another(number: str, more: str) -> None:
    """
    A number within a longer one is not found.
    """
    assert number not in numbers_in(f"Ref. Number: {number}{more}")
    assert number not in numbers_in(f"Ref. Number: {more}{number}")


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("I don’t need  this order anymore ", "i don't need this order anymore", True),
        ("Submit:", "submit", True),
        ("Cancelled.", "Cancelled", True),
        ("Line one\n  line two", "line one line two", True),
        ("Processed", "Processing", False),
        ("Cancel", "Cancel order", False),
        ("", "x", False),
    ],
)
def test_same_text(one: str, other: str, same: bool) -> None:
    """
    Spaces, case, apostrophes and a final stop make no difference to a reader; words do.
    """
    assert same == same_text(one, other)
    assert same == same_text(other, one)


@pytest.mark.parametrize(
    "text, language, state",
    [
        ("Awaiting shipment", "en", "placed"),
        ("Processing", "en", "placed"),
        ("Processed", "en", "shipped"),
        ("PROCESSING ", "en", "placed"),
        ("Canceled", "en", "cancelled"),
        ("Pendiente de envío", "es", "placed"),
        ("Aguardando a entrega ", "pt", "shipped"),
        ("Cancellation requested\nTime left for the seller: 1 day 2:03:04", "en", "cancel_requested"),
        ("Awaiting shipment", "es", None),
        ("Pendiente de envío", "en", None),
        ("Not Completed", "en", None),
        ("Completed by tomorrow", "en", None),
        ("", "en", None),
    ],
)
def test_state_of(text: str, language: str, state: str | None) -> None:
    """
    A state is read from a whole line in the page's own language, never from a part of it.
    """
    assert state == state_of(text, edition(), language)


def test_states_are_told_apart() -> None:
    """
    No two states share a text in one language.
    """
    seen: dict[tuple[str, str], str] = {}
    twice = []
    for state, status in edition().statuses.items():
        for language, texts in status.texts.items():
            for text in texts:
                other = seen.setdefault((language, text.casefold()), state)
                if other != state:
                    twice.append((language, text, other, state))

    assert [] == twice
