"""The redactor: what it was told of is blotted out, everywhere, and nothing else is."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger
from pydantic import SecretStr

from agent.redact import HIDDEN, Redactor, redactor, set_up_logging

PASSWORD = "correct horse & battery"


@pytest.fixture
def knows() -> Redactor:
    knows = Redactor()
    knows.learn(SecretStr(PASSWORD))
    return knows


def test_a_secret_is_blotted_out_wherever_it_stands(knows: Redactor) -> None:
    """
    In the middle of a sentence, twice, at the end: it is gone, and the rest stays.
    """
    assert f"a {HIDDEN}b{HIDDEN} c" == knows.clean(f"a {PASSWORD}b{PASSWORD} c")


def test_a_secret_in_an_address_is_blotted_out(knows: Redactor) -> None:
    """
    Also as it is written in a query.
    """
    assert f"?pass={HIDDEN}" == knows.clean("?pass=correct%20horse%20%26%20battery")


def test_the_longer_secret_goes_first() -> None:
    """
    A secret that contains another one does not leave its rest standing.
    """
    knows = Redactor()
    for secret in ("horse", "horse-battery"):
        knows.learn(secret)

    assert f"{HIDDEN} and {HIDDEN}" == knows.clean("horse-battery and horse")


def test_what_was_not_told_stays(knows: Redactor) -> None:
    """
    Order numbers and ordinary words are not secrets.
    """
    text = "order 8190101000004512 cannot be cancelled: it was shipped on 2026-11-20"

    assert text == knows.clean(text)


def test_a_very_short_secret_does_not_blot_out_words() -> None:
    """
    Three letters would be found in every other word.
    """
    knows = Redactor()
    knows.learn("the")

    assert "the other" == knows.clean("the other")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("signed in as buyer@example.com today", f"signed in as {HIDDEN} today"),
        ("first.last+tag@sub.example.co.uk", HIDDEN),
        ("token shpat_0123456789abcdef, more", f"token {HIDDEN}, more"),
        ("shpss_0123456789abcdef", HIDDEN),
        ("@ no address", "@ no address"),
        ("gid://shopify/Order/5600000001001", "gid://shopify/Order/5600000001001"),
    ],
)
def test_addresses_and_tokens_need_not_be_told(text: str, expected: str) -> None:
    """
    E-mail addresses and shop tokens are known by their shape.
    """
    assert expected == Redactor().clean(text)


def test_an_address_keeps_only_what_is_allowed(knows: Redactor) -> None:
    """
    Of a query the named parameters stay; fragment and everything else go.
    """
    url = "http://www.example/p/order/detail.html?orderId=8190101000004512&token=abc#frag"

    assert "http://www.example/p/order/detail.html?orderId=8190101000004512" == knows.clean_url(
        url, frozenset({"orderId"})
    )
    assert "http://www.example/p/order/detail.html" == knows.clean_url(url)


_TEXT = st.characters(codec="utf-8", exclude_characters="\0")  # the mark that stands for HIDDEN below


@given(
    st.text(_TEXT, min_size=4, max_size=20).filter(lambda secret: secret not in HIDDEN), st.text(_TEXT), st.text(_TEXT)
)
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    """
    Whatever the secret is and wherever it stands, it is not in what comes out.
    """
    knows = Redactor()
    knows.learn(secret)

    cleaned = knows.clean(f"{before}{secret}{after}")

    assert HIDDEN in cleaned
    assert secret not in cleaned.replace(HIDDEN, "\0")


def test_the_log_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A secret in a message or an argument does not reach the log; nor do a traceback's variables.
    """
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    set_up_logging(verbose=True)
    redactor.learn("hush-hush-hush")
    secret = "".join(["hush-", "hush-", "hush"])
    try:
        logger.info("said {}", secret)
        try:
            raise ValueError("broken")
        except ValueError:
            logger.exception("it broke")
    finally:
        logger.remove()

    logged = stream.getvalue()
    assert f"said {HIDDEN}" in logged
    assert "it broke" in logged
    assert "hush-hush" not in logged


@pytest.mark.parametrize("verbose, logged", [(False, False), (True, True)])
def test_quiet_unless_asked(monkeypatch: pytest.MonkeyPatch, verbose: bool, logged: bool) -> None:
    """
    Without ``--verbose`` only warnings and worse are logged.
    """
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    set_up_logging(verbose)
    try:
        logger.info("a detail")
        logger.warning("a warning")
    finally:
        logger.remove()

    assert ("a detail" in stream.getvalue(), "a warning" in stream.getvalue()) == (logged, True)
