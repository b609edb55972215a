"""
Signing in again with the stored password, silently: once, then not before a pause is over, whichever process it is.

What the portal did not take is never tried again: that locks accounts. Only other settings, or a person who signs in, change that.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import SecretStr

from agent.engine.workshop import Workshop
from agent.errors import SignInNeeded
from agent.portal import Credentials

_SALT = 8
_TRACE = 2
"""Bytes: enough to tell a corrected password from the refused one, far too few to find out what it was."""


class Typed(SecretStr):
    """
    A password that tells when it is about to be typed: until then no attempt was made, whatever went wrong.

    :param tells: is told.
    """

    def __init__(self, password: SecretStr, tells: Callable[[], None]) -> None:
        super().__init__(password.get_secret_value())
        self._tells = tells

    def get_secret_value(self) -> str:
        """See ``SecretStr.get_secret_value``."""
        self._tells()
        return super().get_secret_value()


def check_may_try(workshop: Workshop, portal: str, account: str, credentials: Credentials) -> None:
    """
    Whether the stored password may be typed now by ourselves.

    :raises SignInNeeded: the portal has refused it, or the last attempt was not long ago.
    """
    known = workshop.accounts.get(portal, account)
    if known.refused is not None:
        check_not_refused(workshop, portal, account, credentials)
        return  # corrected since
    pause = workshop.settings.portal(portal).sign_in_again
    if known.tried_at is not None and abs(workshop.clock.now() - known.tried_at) < pause:
        raise SignInNeeded(
            f"account {account} is signed out again: its stored password was last tried at {known.tried_at:%Y-%m-%d %H:%M} UTC, and is not tried twice within {pause}",
            next=f"Run countermand sign-in {account}.",
        )


def check_not_refused(workshop: Workshop, portal: str, account: str, credentials: Credentials) -> None:
    """
    Whether the portal has refused these very credentials before.

    :raises SignInNeeded: it has.
    """
    refused = workshop.accounts.get(portal, account).refused
    if refused is not None and is_trace_of(refused, credentials):
        raise SignInNeeded(
            f"account {account} is signed out, and the portal did not accept its stored username and password, which are not tried again",
            next=f"Correct them in the settings, or run countermand sign-in {account}.",
        )


def trace_of(credentials: Credentials) -> str:
    """What the ledger keeps of a sign-in that was refused."""
    salt = os.urandom(_SALT)
    return (salt + _derived(salt, credentials)).hex()


def is_trace_of(trace: str, credentials: Credentials) -> bool:
    """Whether *credentials* are, but for a chance in 65 536, those that were refused."""
    content = bytes.fromhex(trace)
    return content[_SALT:] == _derived(content[:_SALT], credentials)


def _derived(salt: bytes, credentials: Credentials) -> bytes:
    spelled = f"{credentials.username.get_secret_value()}\0{credentials.password.get_secret_value()}"
    return Scrypt(salt=salt, length=16, n=2**14, r=8, p=1).derive(spelled.encode())[:_TRACE]
