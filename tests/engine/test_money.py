"""Amounts of money as portals write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.engine.money import Money, read_money


@pytest.mark.parametrize(
    "text, expected",
    [
        ("US $50.01", "USD 50.01"),
        ("US $1,234.50", "USD 1234.50"),
        ("US $1,234,567", "USD 1234567"),
        ("  US\u00a0$ 7\n", "USD 7"),
        ("€ 1.234,56", "EUR 1234.56"),
        ("1 234,56 €", "EUR 1234.56"),
        ("1\u202f234,56\u00a0€", "EUR 1234.56"),
        ("0,99€", "EUR 0.99"),
        ("R$132,74", "BRL 132.74"),
        ("AU $12.5", "AUD 12.5"),
        ("C$12.50", "CAD 12.50"),
        ("MX$1,200.00", "MXN 1200.00"),
        ("₩12,345", "KRW 12345"),
        ("12,34 zł", "PLN 12.34"),
        ("CHF 1'234.50", "CHF 1234.50"),
        ("SAR 99.95", "SAR 99.95"),
        ("£1,234", "GBP 1234"),
    ],
)
def test_amounts_as_they_are_written(text: str, expected: str) -> None:
    """
    Sign or letters before or after, comma or point, grouped or not.
    """
    assert expected == str(read_money(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "50.01",
        "$50.01",
        "¥1,200",
        "US $",
        "US $-5.00",
        "US $5.00 off",
        "US $5.00 US $6.00",
        "Total US $5.00",
        "€1.2.3",
        "€1,23,456",
        "€1.234.56",
        "US $1.234,567",
        "US $12,3456",
        "KWD 1.234",
        "€ 5,00 €",
        "US $٥٠",
        "free",
    ],
)
def test_what_is_not_certain_is_not_read(text: str) -> None:
    """
    No currency, one of several, several amounts, an unknown shape: that is no amount, and so a person is asked.
    """
    assert read_money(text) is None


@given(cents=st.integers(min_value=0, max_value=10**9), style=st.sampled_from(["US ${:,.2f}", "{:,.2f} USD"]))
def test_what_is_written_is_read(cents: int, style: str) -> None:
    """
    Every amount comes back to the cent.
    """
    amount = Decimal(cents) / 100

    assert Money(amount, "USD") == read_money(style.format(amount))


@given(st.text(max_size=20))
def test_nothing_breaks_it(text: str) -> None:
    """
    Whatever stands there, it is an amount or it is none.
    """
    found = read_money(text)

    assert found is None or found.amount >= 0
