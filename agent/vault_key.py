"""
Where the vault's key is kept: in a file of its own beside the vault, in the OS keyring, or wherever the environment gets it from.

While keys are being changed there are two, the present and the next one, so that a change that is cut off in the middle loses nothing.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Protocol

from cryptography.fernet import Fernet

from agent.errors import BadInput
from agent.settings import SecretRef, Settings

VARIABLE = "COUNTERMAND_KEY"
"""The environment variable that holds the key, where one does."""
NEXT_VARIABLE = "COUNTERMAND_KEY_NEXT"
"""The one that holds the next key, while keys are changed."""
MAKE_ONE = "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"


class Key(Protocol):
    """The vault's key."""

    where: str
    """For people, e.g. the file's name."""

    def present(self) -> bytes:
        """
        The key that new content is sealed with; made on first use where it is ours to make.

        :raises BadInput: it is not there, is none, or others could read it.
        """

    def next(self) -> bytes | None:
        """The key that a change has begun to use; ``None``: none is under way."""

    def begin_change(self) -> bytes:
        """
        The next key, kept beside the present one from now on; that of a change that was cut off, if there is one.

        :raises BadInput: it has to be given, and was not.
        """

    def end_change(self) -> str:
        """
        Everything is sealed with the next key: it is the present one now.

        :returns: what a person has to do besides; empty: nothing.
        """


class KeyFile:
    """A file that is for its owner only, made on first use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = path.with_name(f"{path.name}.next")
        self.where = str(path)

    def present(self) -> bytes:
        """See ``Key.present``."""
        if not self._path.exists():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_first(self._path, Fernet.generate_key())
        return _read(self._path)

    def next(self) -> bytes | None:
        """See ``Key.next``."""
        try:
            return _read(self._next)
        except FileNotFoundError:
            return None

    def begin_change(self) -> bytes:
        """See ``Key.begin_change``."""
        self.present()
        if not self._next.exists():
            write_first(self._next, Fernet.generate_key())
        return _read(self._next)

    def end_change(self) -> str:
        """See ``Key.end_change``."""
        os.replace(self._next, self._path)
        return ""


class KeyInKeyring:
    """An entry of the OS keyring, made on first use."""

    def __init__(self, entry: str) -> None:
        self._entry = entry
        self.where = f"the OS keyring entry countermand/{entry}"

    def present(self) -> bytes:
        """See ``Key.present``."""
        return checked(self._get(self._entry) or self._make(self._entry), self.where)

    def next(self) -> bytes | None:
        """See ``Key.next``."""
        kept = self._get(self._next)
        return None if kept is None else checked(kept, self.where)

    def begin_change(self) -> bytes:
        """See ``Key.begin_change``."""
        self.present()
        return checked(self._get(self._next) or self._make(self._next), self.where)

    def end_change(self) -> str:
        """See ``Key.end_change``."""
        kept = self._get(self._next)
        assert kept is not None
        self._do("set_password", self._entry, kept)
        self._do("delete_password", self._next)
        return ""

    @property
    def _next(self) -> str:
        return f"{self._entry}.next"

    def _get(self, entry: str) -> str | None:
        found = self._do("get_password", entry)
        return str(found) if found else None

    def _make(self, entry: str) -> str:
        key = Fernet.generate_key().decode()
        self._do("set_password", entry, key)
        return key

    def _do(self, what: str, *arguments: str) -> object:
        import keyring  # imported here: it searches for back ends, which costs tens of milliseconds
        from keyring.errors import KeyringError

        try:
            return getattr(keyring, what)("countermand", *arguments)
        except KeyringError as error:
            raise BadInput(
                f"the vault's key comes from {self.where}, which cannot be used ({error})",
                next=f"Unlock the keyring, or keep the key in a file or in {VARIABLE} instead.",
            ) from None


class GivenKey:
    """A key that somebody else keeps, and hands to us by the environment or a file of theirs."""

    def __init__(self, ref: SecretRef, base: Path) -> None:
        self._ref, self._base = ref, base
        self.where = f"the environment variable {ref.env}" if ref.env else f"the file {ref.file}"

    def present(self) -> bytes:
        """See ``Key.present``."""
        return checked(self._ref.resolve("the vault's key", self._base).get_secret_value(), self.where)

    def next(self) -> bytes | None:
        """See ``Key.next``."""
        given = os.environ.get(NEXT_VARIABLE)
        return checked(given, f"the environment variable {NEXT_VARIABLE}") if given else None

    def begin_change(self) -> bytes:
        """See ``Key.begin_change``."""
        key = self.next()
        if key is None:
            raise BadInput(
                f"the vault's key comes from {self.where}, so the next one must be given, too",
                next=f"Set {NEXT_VARIABLE} to a new key and give the command again. This makes one: {MAKE_ONE}",
            )
        return key

    def end_change(self) -> str:
        """See ``Key.end_change``."""
        return f"Put the new key where the old one was, in {self.where}, and then unset {NEXT_VARIABLE}."


def vault_key(settings: Settings) -> Key:
    """Where the settings say that the vault's key is; else ``COUNTERMAND_KEY``, else a file of ours under the home."""
    ref = settings.vault.key
    if ref is None and os.environ.get(VARIABLE):
        ref = SecretRef(env=VARIABLE)
    if ref is None:
        return KeyFile(settings.home / "vault.key")
    return KeyInKeyring(ref.keyring) if ref.keyring else GivenKey(ref, settings.base)


def checked(key: str | bytes, where: str) -> bytes:
    """
    *key*, if it is one.

    :raises BadInput: it is none.
    """
    content = key.encode() if isinstance(key, str) else key
    try:
        Fernet(content.strip())
    except ValueError:
        raise BadInput(
            f"{where} is no key", next=f"Bring back the right key from your backup. A new one is made by: {MAKE_ONE}"
        ) from None
    return content.strip()


def refuse_loose(path: Path) -> None:
    """
    A file or folder that others can read keeps no secret.

    :raises BadInput: they can.
    """
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    if os.name == "posix" and mode & 0o077:
        own = "700" if stat.S_ISDIR(status.st_mode) else "600"
        raise BadInput(f"{path} can be read by others (mode {mode:04o})", next=f"Run: chmod {own} {path}")


def write_whole(path: Path, content: bytes) -> None:
    """A reader sees the old content or the new one, never half."""
    temporary = _temporary(path, content)
    try:
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_first(path: Path, content: bytes) -> None:
    """Two processes may make it at once: the first one's stays."""
    temporary = _temporary(path, content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _read(path: Path) -> bytes:
    content = path.read_bytes()
    refuse_loose(path)
    return checked(content, str(path))


def _temporary(path: Path, content: bytes) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:  # a full disk, or Ctrl-C
        os.unlink(name)
        raise
    return Path(name)
