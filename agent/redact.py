"""
Keeps secrets out of everything that people or machines may read later: logs, messages, journals.

Every secret that is loaded is told to the redactor; what is told is replaced wherever it would appear.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from loguru import logger
from pydantic import SecretStr

if TYPE_CHECKING:
    from loguru import Record

HIDDEN = "[hidden]"
_SHORTEST = 4  # anything shorter would blot out ordinary words
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_TOKEN = re.compile(r"\b(?:shp[a-z]{2}|shpss)_[A-Za-z0-9]{8,}\b")


class Redactor:
    """Knows the secrets of this process and blots them out."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def learn(self, secret: SecretStr | str) -> None:
        """Blot *secret* out from now on, in clear and as it stands in addresses."""
        value = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
        if len(value) >= _SHORTEST:
            self._secrets |= {value, quote(value, safe="")}

    @property
    def secrets(self) -> list[str]:
        """Everything that it was told."""
        return sorted(self._secrets)

    def clean(self, text: str) -> str:
        """*text* without known secrets, e-mail addresses and shop tokens."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return _TOKEN.sub(HIDDEN, _EMAIL.sub(HIDDEN, text))

    def clean_url(self, url: str, keep: frozenset[str] = frozenset()) -> str:
        """*url* without fragment and query, except the parameters named in *keep* (order numbers)."""
        parts = urlsplit(url)
        pairs = (pair for pair in parts.query.split("&") if pair.split("=", 1)[0] in keep)
        return self.clean(urlunsplit((parts.scheme, parts.netloc, parts.path, "&".join(pairs), "")))


redactor = Redactor()
"""The one of this process: settings and vault tell it what they load."""


def set_up_logging(verbose: bool) -> None:
    """Logs go to stderr, redacted; without *verbose* only warnings and worse. Tracebacks never show variables' values."""

    def blot(record: Record) -> None:
        record["message"] = redactor.clean(record["message"])

    logger.remove()
    logger.configure(patcher=blot)
    logger.add(
        sys.stderr,
        level="DEBUG" if verbose else "WARNING",
        format="{time:HH:mm:ss} {level: <7} {message}",
        backtrace=False,
        diagnose=False,
    )
