"""
Secrets at rest: signed-in states and tokens, encrypted with a key of their own.

Sealed files lie in ``COUNTERMAND_HOME/vault/``; the key is kept elsewhere (``vault_key.py``). A copied sealed file is useless without it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from filelock import FileLock
from pydantic import ValidationError

from agent.errors import BadInput
from agent.model import KeptToken
from agent.redact import redactor
from agent.vault_key import Key, KeyFile, refuse_loose, write_whole

_NAME = re.compile(r"[A-Za-z0-9._-]+")


class Vault:
    """
    Seals small files under a key. Writing replaces as a whole: a reader sees the old or the new one, never half.

    :param key: where the key is; default: a file under *home*, made on first use.
    """

    def __init__(self, home: Path, key: Key | None = None) -> None:
        self._folder = home / "vault"
        self._key = key or KeyFile(home / "vault.key")

    def save(self, name: str, content: bytes) -> None:
        """Seal *content* under *name* (letters, digits, ``.``, ``_``, ``-``), replacing what was there."""
        path = self._path(name)
        with self._alone():
            write_whole(path, Fernet(self._key.present()).encrypt(content))

    def load(self, name: str) -> bytes | None:
        """
        What was sealed under *name*; ``None`` if nothing was.

        :raises BadInput: it cannot be opened with this key, or others could read it.
        """
        path = self._path(name)
        if not path.exists():
            return None
        try:
            return self._open(path)
        except InvalidToken:
            pass
        with self._alone():  # the key may just have been changed under us
            try:
                return self._open(path)
            except InvalidToken:
                raise BadInput(
                    f"{path} cannot be opened: it is damaged, or was sealed with another key than that of {self._key.where}",
                    next="Bring back the right key, or remove the sealed file and sign in again.",
                ) from None

    def has(self, name: str) -> bool:
        """Whether anything is sealed under *name*; whether it opens is another matter."""
        return self._path(name).exists()

    def forget(self, name: str) -> None:
        """Remove what was sealed under *name*."""
        self._path(name).unlink(missing_ok=True)

    def rotate(self) -> tuple[int, str]:
        """
        Seal everything with a new key. Cut off anywhere, everything can still be opened, and the next rotation ends it.

        :returns: how many files that were, and what a person has to do besides (empty: nothing).
        :raises BadInput: a file cannot be opened; the old key stays, and both open what they open.
        """
        with self._alone():
            cipher = Fernet(self._key.begin_change())
            files = sorted(self._folder.glob("*.sealed"))
            contents = [(path, self._opened_or_named(path)) for path in files]  # all of them, before any is changed
            for path, content in contents:
                write_whole(path, cipher.encrypt(content))
            return len(files), self._key.end_change()

    def _opened_or_named(self, path: Path) -> bytes:
        try:
            return self._open(path)
        except InvalidToken:
            raise BadInput(
                f"the key was not changed: {path} cannot be opened with it",
                next="Remove that file (its account must then sign in again), and give the command again.",
            ) from None

    def _open(self, path: Path) -> bytes:
        refuse_loose(self._folder)
        refuse_loose(path)
        keys = [self._key.present(), self._key.next()]
        return MultiFernet([Fernet(key) for key in keys if key is not None]).decrypt(path.read_bytes())

    def _alone(self) -> FileLock:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_loose(self._folder)
        return FileLock(self._folder / ".lock", mode=0o600)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a name for a sealed file: {name!r}")
        return self._folder / f"{name}.sealed"


class VaultTokens:
    """The token store that storefronts are handed. Every token that passes is blotted out of logs and messages."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def load(self, key: str) -> KeptToken | None:
        """The token kept under *key*, or ``None``."""
        content = self._vault.load(f"token-{key}")
        if content is None:
            return None
        try:
            kept = KeptToken.model_validate_json(content)
        except ValidationError:  # from another version of countermand: a new one is asked for
            return None
        redactor.learn(kept.token)
        return kept

    def save(self, key: str, kept: KeptToken) -> None:
        """Keep *kept* under *key*."""
        redactor.learn(kept.token)
        plain = {"token": kept.token.get_secret_value(), "ends_at": kept.ends_at.isoformat()}
        self._vault.save(f"token-{key}", json.dumps(plain).encode())
