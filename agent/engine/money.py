"""
Amounts of money as portals write them. What cannot be read for certain is not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_SIGNS = {
    "US $": "USD",
    "US$": "USD",
    "€": "EUR",
    "£": "GBP",
    "R$": "BRL",
    "AU $": "AUD",
    "AU$": "AUD",
    "A$": "AUD",
    "C $": "CAD",
    "C$": "CAD",
    "CA$": "CAD",
    "MX$": "MXN",
    "NZ$": "NZD",
    "S$": "SGD",
    "SG$": "SGD",
    "HK$": "HKD",
    "₩": "KRW",
    "₹": "INR",
    "₽": "RUB",
    "₪": "ILS",
    "₺": "TRY",
    "₴": "UAH",
    "zł": "PLN",
    "Fr.": "CHF",
}
"""A bare $ or ¥ is the sign of several currencies: it is none here."""
_THREE_DECIMALS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_SPACES = re.compile(r"[\s\u00a0\u2007\u2009\u202f]+")
_SIGN = "|".join(re.escape(sign) for sign in sorted(_SIGNS, key=len, reverse=True))
_CURRENCY = rf"(?:{_SIGN}|[A-Z]{{3}})"
_NUMBER = r"[0-9](?:[0-9.,'’ ]*[0-9])?"
_AMOUNT = re.compile(rf"(?:(?P<before>{_CURRENCY}) ?(?P<first>{_NUMBER})|(?P<last>{_NUMBER}) ?(?P<after>{_CURRENCY}))")
_GROUPED = re.compile(r"[0-9]{1,3}(?:([.,'’ ])[0-9]{3})(?:\1[0-9]{3})*(?:(?!\1)[.,]([0-9]{1,2}))?")
_PLAIN = re.compile(r"[0-9]+(?:[.,]([0-9]{1,2}))?")


@dataclass(frozen=True)
class Money:
    """An amount in a currency, named by its three letters."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.currency} {self.amount}"


def read_money(text: str) -> Money | None:
    """
    The amount that *text* is, e.g. ``US $50.01``, ``€ 1.234,56``, ``1 234,56 €``; ``None``: it is none for certain.

    A single separator before three last digits groups thousands, except where a currency has three decimals: there it is unclear.
    """
    found = _AMOUNT.fullmatch(_SPACES.sub(" ", text).strip())
    if found is None:
        return None
    sign, number = found["before"] or found["after"], found["first"] or found["last"]
    currency = _SIGNS.get(sign, sign)
    shape = _PLAIN.fullmatch(number)
    decimals = shape[1] if shape else None
    if shape is None:
        shape = _GROUPED.fullmatch(number)
        if shape is None or (currency in _THREE_DECIMALS and not shape[2] and len(re.findall(r"[^0-9]", number)) == 1):
            return None
        decimals = shape[2]
    whole = re.sub(r"[^0-9]", "", number[: -len(decimals) - 1] if decimals else number)
    return Money(Decimal(f"{whole}.{decimals}" if decimals else whole), currency)
