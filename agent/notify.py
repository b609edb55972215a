"""
Telling people, by whatever service they use: each address is one of Apprise's, and a secret.

A service that fails or hangs harms nothing: each is called in a thread of its own that nobody waits for longer than ``PATIENCE``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from agent.errors import BadInput
from agent.redact import redactor
from agent.settings import NotifySettings, SecretRef

PATIENCE = 15.0
"""Seconds that a service may take."""
_NO_ADDRESS = "is no address that Apprise knows"


@dataclass(frozen=True)
class Address:
    """Where people are told: what the settings call it, and the address itself."""

    name: str
    url: SecretStr


@dataclass(frozen=True)
class Sent:
    """What became of a message at one address."""

    address: str
    arrived: bool
    why_not: str = ""
    is_unusable: bool = False
    """It is no address at all: trying again is of no use."""


def addresses(settings: NotifySettings, base: Path) -> tuple[list[Address], list[BadInput]]:
    """The addresses of *settings*, and what is wrong with those whose secret is not there."""
    found, wrong = [], []
    for ref in settings.to:
        name = _named(ref)
        try:
            url = ref.resolve(f"the notification address {name}", base)
        except BadInput as error:
            wrong.append(error)
            continue
        redactor.learn(url)
        found.append(Address(name, url))
    return found, wrong


def check_is_address(address: Address) -> None:
    """
    Whether it is one that a message could go to. Nobody is called.

    :raises BadInput: it is none.
    """
    if _service(address) is None:
        raise BadInput(
            f"the notification address {address.name} {_NO_ADDRESS}", next="Correct it, then countermand notify test."
        )


def send(to: Sequence[Address], title: str, body: str, patience: float = PATIENCE) -> list[Sent]:
    """Tell every address at once, and say for each whether it arrived."""
    calls = [_Call(address, redactor.clean(title), redactor.clean(body)) for address in to]
    for call in calls:
        threading.Thread(target=call.run, name=f"notify {call.address.name}", daemon=True).start()
    return [call.result(patience) for call in calls]


class _Call:
    """One message to one address, in a thread of its own: a process that ends does not wait for it."""

    def __init__(self, address: Address, title: str, body: str) -> None:
        self.address = address
        self._title = title
        self._body = body
        self._ended = threading.Event()
        self._sent = Sent(address.name, False, "the service did not answer in time")

    def run(self) -> None:
        try:
            self._sent = self._send()
        except Exception as error:  # whatever a service's plug-in does, it is not ours to fall over
            self._sent = Sent(self.address.name, False, f"the service's plug-in broke: {type(error).__name__}")
        finally:
            self._ended.set()

    def _send(self) -> Sent:
        service = _service(self.address)
        if service is None:
            return Sent(self.address.name, False, f"it {_NO_ADDRESS}", is_unusable=True)
        arrived = service(title=self._title, body=self._body)
        return Sent(self.address.name, arrived, "" if arrived else "the service did not take it")

    def result(self, patience: float) -> Sent:
        return (
            self._sent
            if self._ended.wait(patience)
            else Sent(self.address.name, False, f"the service did not answer within {patience:g} s")
        )


def _named(ref: SecretRef) -> str:
    """What people call an address: where it is kept, for itself it is a secret."""
    return next(f"{kind} {place}" for kind, place in ref.model_dump().items() if place is not None)


def _service(address: Address) -> Callable[..., bool] | None:
    """What tells the people at *address*; ``None``: nobody can."""
    from apprise import Apprise, AppriseAsset  # imported here: it reads more than a hundred services

    _keep_quiet()
    asset = AppriseAsset(app_id="countermand", app_desc="countermand", app_url="")
    service = Apprise.instantiate(address.url.get_secret_value(), asset=asset)
    return None if service is None else service.notify


def _keep_quiet() -> None:
    """Apprise's own log names addresses in parts that are not to be seen."""
    log = logging.getLogger("apprise")
    log.handlers, log.propagate = [logging.NullHandler()], False
