"""Telling people: each address for itself, and none of them harms anything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from agent.notify import Address, Sent, addresses, send
from agent.redact import redactor
from agent.settings import NotifySettings, SecretRef
from tests.mailbox import Mailbox, mailbox


@pytest.fixture
def box() -> Iterator[Mailbox]:
    """Somebody's address."""
    with mailbox() as box:
        yield box


def at(box: Mailbox, name: str = "env BOX") -> Address:
    """The address of *box*."""
    return Address(name, SecretStr(box.url))


def test_a_message_arrives(box: Mailbox) -> None:
    """
    Title and body, as they were given.
    """
    assert [Sent("env BOX", True)] == send([at(box)], "countermand: done", "Order 1 is done.")
    assert (["countermand: done"], ["Order 1 is done."]) == (box.titles, box.bodies)


def test_what_is_secret_stays(box: Mailbox) -> None:
    """
    Every message goes through the redactor.
    """
    redactor.learn("swordfish-9921")

    send([at(box)], "for swordfish-9921", "buyer@example.com has the password swordfish-9921")

    assert (["for [hidden]"], ["[hidden] has the password [hidden]"]) == (box.titles, box.bodies)


def test_each_address_for_itself(box: Mailbox) -> None:
    """
    One that refuses, one that is no address, one where nobody listens: the last one is told all the same.
    """
    with mailbox() as gone:
        nobody = gone.url
    to = [Address("a", SecretStr("no-such-service://x")), Address("b", SecretStr(nobody)), at(box)]
    with mailbox() as refuses:
        refuses.status = 500
        sent = send([at(refuses, "c"), *to], "countermand: done", "Order 1 is done.")

    assert [("c", False), ("a", False), ("b", False), ("env BOX", True)] == [(one.address, one.arrived) for one in sent]
    assert ["a"] == [one.address for one in sent if one.is_unusable]
    assert all(one.why_not for one in sent[:3])
    assert 1 == len(box.messages)


def test_one_that_hangs_is_not_waited_for(box: Mailbox) -> None:
    """
    The others are told at once, and nobody waits longer than was said.
    """
    with mailbox() as hangs:
        hangs.lets_go.clear()
        send([at(box)], "countermand: done", "the services have been read once")
        started = time.monotonic()
        sent = send([at(hangs, "hangs"), at(box)], "countermand: done", "Order 1 is done.", patience=0.5)
        took = time.monotonic() - started

    assert [("hangs", False), ("env BOX", True)] == [(one.address, one.arrived) for one in sent]
    assert "did not answer within 0.5 s" in sent[0].why_not
    assert took < 4  # the service's own limit is longer
    assert 2 == len(box.messages)


def test_addresses_are_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, box: Mailbox) -> None:
    """
    They are called by where they are kept; one that is not there leaves the others, and a sentence.
    """
    monkeypatch.setenv("BOX", box.url)
    (tmp_path / "other").write_text(box.url)
    settings = NotifySettings(to=[SecretRef(env="BOX"), SecretRef(env="NOT_SET"), SecretRef(file=Path("other"))])

    found, wrong = addresses(settings, tmp_path)

    assert ["env BOX", "file other"] == [address.name for address in found]
    assert [box.url] * 2 == [address.url.get_secret_value() for address in found]
    assert ["the notification address env NOT_SET comes from the environment variable NOT_SET, which is not set"] == [
        error.what for error in wrong
    ]
    assert box.url not in f"{found}{redactor.clean(box.url)}"
