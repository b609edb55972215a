"""
Small files that travel: sealed with a passphrase, so that whoever finds one on the way has nothing.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import SecretStr

from agent.errors import BadInput

VARIABLE = "COUNTERMAND_PASSPHRASE"
"""Where the passphrase comes from when nobody is there to type it."""
SHORTEST = 12
"""Characters: the file may lie in a mailbox for years, and guessing is cheap."""
_MAGIC = b"countermand account 1\n"
_SALT, _NONCE, _TAG = 16, 12, 16


def seal(content: bytes, passphrase: SecretStr) -> bytes:
    """*content* sealed with *passphrase*."""
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    return _MAGIC + salt + nonce + AESGCM(_key(passphrase, salt)).encrypt(nonce, content, _MAGIC)


def unseal(sealed: bytes, passphrase: SecretStr, what: str) -> bytes:
    """
    What was sealed with *passphrase*.

    :param what: the file's name, for the message.
    :raises BadInput: it is no such file, or it does not open.
    """
    check_is_ours(sealed, what)
    body = sealed[len(_MAGIC) :]
    salt, nonce, content = body[:_SALT], body[_SALT : _SALT + _NONCE], body[_SALT + _NONCE :]
    try:
        return AESGCM(_key(passphrase, salt)).decrypt(nonce, content, _MAGIC)
    except InvalidTag:
        raise BadInput(
            f"{what} does not open: the passphrase is another one, or the file is damaged",
            next="Give the passphrase again; if it is right, export once more.",
        ) from None


def check_is_ours(sealed: bytes, what: str) -> None:
    """
    Whether it is worth asking for a passphrase.

    :raises BadInput: it is no such file, or not all of it.
    """
    if not sealed.startswith(_MAGIC):
        raise BadInput(
            f"{what} is no exported account", next="Give the file that countermand accounts export has written."
        )
    if len(sealed) <= len(_MAGIC) + _SALT + _NONCE + _TAG:
        raise BadInput(f"{what} is cut off", next="Copy it once more, or export once more.")


def _key(passphrase: SecretStr, salt: bytes) -> bytes:
    """A tenth of a second and 64 MB for each guess."""
    return Scrypt(salt=salt, length=32, n=2**16, r=8, p=1).derive(passphrase.get_secret_value().encode())
