"""
Secrets at rest: signed-in states and tokens, encrypted with a key of their own.

``COUNTERMAND_HOME/vault.key`` is made on first use with mode 0600; sealed files lie in ``COUNTERMAND_HOME/vault/``.
A copied sealed file is useless without the key.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from agent.errors import BadInput

_NAME = re.compile(r"[A-Za-z0-9._-]+")


class Vault:
    """Seals small files under a key. Writing replaces as a whole: a reader sees the old or the new one, never half."""

    def __init__(self, home: Path) -> None:
        self._key_file = home / "vault.key"
        self._folder = home / "vault"

    def save(self, name: str, content: bytes) -> None:
        """Seal *content* under *name* (letters, digits, ``.``, ``_``, ``-``), replacing what was there."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_whole(self._path(name), self._cipher().encrypt(content))

    def load(self, name: str) -> bytes | None:
        """
        What was sealed under *name*; ``None`` if nothing was.

        :raises BadInput: it cannot be opened with this key, or others could read it.
        """
        path = self._path(name)
        if not path.exists():
            return None
        _refuse_loose(path)
        try:
            return self._cipher().decrypt(path.read_bytes())
        except InvalidToken:
            raise BadInput(
                f"{path} cannot be opened: it is damaged, or was sealed with another key than {self._key_file}",
                next="Bring back the right key file, or remove the sealed file and sign in again.",
            ) from None

    def forget(self, name: str) -> None:
        """Remove what was sealed under *name*."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a name for a sealed file: {name!r}")
        return self._folder / f"{name}.sealed"

    def _cipher(self) -> Fernet:
        if not self._key_file.exists():
            self._key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_first(self._key_file, Fernet.generate_key())
        _refuse_loose(self._key_file)
        try:
            return Fernet(self._key_file.read_bytes().strip())
        except ValueError:
            raise BadInput(
                f"{self._key_file} is no key", next="Bring back the right key file from your backup."
            ) from None


class VaultTokens:
    """The token store that storefronts are handed."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def load(self, key: str) -> str | None:
        """The token kept under *key*, or ``None``."""
        content = self._vault.load(f"token-{key}")
        return content.decode() if content is not None else None

    def save(self, key: str, token: str) -> None:
        """Keep *token* under *key*."""
        self._vault.save(f"token-{key}", token.encode())


def _refuse_loose(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        raise BadInput(f"{path} can be read by others (mode {mode:04o})", next=f"Run: chmod 600 {path}")


def _write_whole(path: Path, content: bytes) -> None:
    temporary = _temporary(path, content)
    os.replace(temporary, path)


def _write_first(path: Path, content: bytes) -> None:
    """Two processes may make the key at once: the first one's stays."""
    temporary = _temporary(path, content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _temporary(path: Path, content: bytes) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
