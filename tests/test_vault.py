"""The vault: sealed at rest, whole or not at all, useless without its key."""

from __future__ import annotations

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from agent.errors import BadInput
from agent.model import KeptToken
from agent.redact import Redactor
from agent.vault import Vault, VaultTokens

SECRET = b"canary: the signed-in state"
posix_only = pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")


class Full:
    """A file that nothing can be written to."""

    def __init__(self, handle: int, error: BaseException) -> None:
        self._handle, self._error = handle, error

    def __enter__(self) -> Full:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def write(self, content: bytes) -> None:
        raise self._error


def modes(home: Path) -> dict[str, str]:
    return {path.relative_to(home).as_posix(): f"{stat.S_IMODE(path.stat().st_mode):04o}" for path in home.rglob("*")}


def test_what_was_sealed_comes_back(tmp_path: Path) -> None:
    """
    Another process with the same home opens what was sealed.
    """
    Vault(tmp_path).save("state-aliexpress-main", SECRET)

    assert SECRET == Vault(tmp_path).load("state-aliexpress-main")


def test_nothing_sealed_is_nothing(tmp_path: Path) -> None:
    """
    A name that nothing was sealed under gives nothing, and leaves nothing behind.
    """
    assert Vault(tmp_path / "home").load("state-aliexpress-main") is None
    assert not (tmp_path / "home").exists()


def test_the_files_do_not_show_it(tmp_path: Path) -> None:
    """
    No file under the home holds the content in clear.
    """
    Vault(tmp_path).save("x", SECRET)

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"vault.key", "x.sealed", ".lock"} == {path.name for path in files}
    assert [] == [path for path in files if SECRET in path.read_bytes() or b"canary" in path.read_bytes()]


@posix_only
def test_only_the_owner_can_read(tmp_path: Path) -> None:
    """
    Key and sealed files are for their owner only, whatever the umask.
    """
    before = os.umask(0)
    try:
        Vault(tmp_path).save("x", SECRET)
    finally:
        os.umask(before)

    assert {"vault": "0700", "vault/.lock": "0600", "vault.key": "0600", "vault/x.sealed": "0600"} == modes(tmp_path)


@posix_only
@pytest.mark.parametrize("file", ["vault.key", "vault/x.sealed"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_what_others_can_read_is_refused(tmp_path: Path, file: str, mode: int) -> None:
    """
    A key or sealed file with loose permissions is not used; the next step mends it.
    """
    Vault(tmp_path).save("x", SECRET)
    (tmp_path / file).chmod(mode)

    with pytest.raises(BadInput, match=f"can be read by others .mode {mode:04o}.") as caught:
        Vault(tmp_path).load("x")

    assert f"Run: chmod 600 {tmp_path / file}" == caught.value.next


@posix_only
@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_a_folder_that_others_can_enter_is_refused(tmp_path: Path, mode: int) -> None:
    """
    Nothing is sealed into it or opened from it; the next step mends it, and nothing is lost.
    """
    Vault(tmp_path).save("x", SECRET)
    folder = tmp_path / "vault"
    folder.chmod(mode)

    with pytest.raises(BadInput, match=f"can be read by others .mode {mode:04o}.") as opening:
        Vault(tmp_path).load("x")
    with pytest.raises(BadInput, match=f"can be read by others .mode {mode:04o}.") as sealing:
        Vault(tmp_path).save("x", b"other")

    assert {f"Run: chmod 700 {folder}"} == {opening.value.next, sealing.value.next}
    folder.chmod(0o700)
    assert SECRET == Vault(tmp_path).load("x")


@pytest.mark.parametrize("at", ["write", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_is_interrupted_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, error: BaseException
) -> None:
    """
    A full disk, or Ctrl-C, anywhere while it is written: the old content stays, and the next write goes well.
    """
    vault = Vault(tmp_path)
    vault.save("x", SECRET)

    def stops(*_: object) -> None:
        raise error

    with monkeypatch.context() as cut:
        if at == "write":
            cut.setattr("agent.vault_key.os.fdopen", lambda handle, mode: Full(handle, error))
        else:
            cut.setattr(f"agent.vault_key.os.{at}", stops)
        with pytest.raises(type(error)):
            vault.save("x", b"newer")

    assert SECRET == Vault(tmp_path).load("x")
    vault.save("x", b"newer")
    assert b"newer" == Vault(tmp_path).load("x")
    left = {path.name for path in (tmp_path / "vault").iterdir()} - {".lock", "x.sealed"}
    assert set() == left
    assert [] == [path for path in (tmp_path / "vault").iterdir() if SECRET in path.read_bytes()]


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    """
    A sealed file copied to another home is useless there.
    """
    Vault(tmp_path / "a").save("x", SECRET)
    Vault(tmp_path / "b").save("x", b"other")
    (tmp_path / "b" / "vault" / "x.sealed").write_bytes((tmp_path / "a" / "vault" / "x.sealed").read_bytes())

    with pytest.raises(BadInput, match="is damaged, or was sealed with another key"):
        Vault(tmp_path / "b").load("x")


@pytest.mark.parametrize("damage", [b"", b"short", b"\xff" * 200])
def test_a_damaged_file_is_a_sentence(tmp_path: Path, damage: bytes) -> None:
    """
    A sealed file that was cut off or overwritten is said, not guessed at.
    """
    Vault(tmp_path).save("x", SECRET)
    (tmp_path / "vault" / "x.sealed").write_bytes(damage)

    with pytest.raises(BadInput, match="is damaged"):
        Vault(tmp_path).load("x")


def test_one_changed_byte_is_noticed(tmp_path: Path) -> None:
    """
    Nobody can change a sealed file without the key.
    """
    Vault(tmp_path).save("x", SECRET)
    path = tmp_path / "vault" / "x.sealed"
    content = bytearray(path.read_bytes())
    content[40] = ord("A") if content[40] != ord("A") else ord("B")
    path.write_bytes(content)

    with pytest.raises(BadInput, match="is damaged"):
        Vault(tmp_path).load("x")


def test_a_key_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    """
    A broken key file is not replaced by a new one: that would lose everything sealed.
    """
    Vault(tmp_path).save("x", SECRET)
    (tmp_path / "vault.key").write_bytes(b"no key")

    with pytest.raises(BadInput, match="is no key"):
        Vault(tmp_path).save("y", SECRET)

    assert b"no key" == (tmp_path / "vault.key").read_bytes()


def test_sealing_again_replaces_it_whole(tmp_path: Path) -> None:
    """
    The newest content counts, and no half-written file stays.
    """
    vault = Vault(tmp_path)
    for number in range(20):
        vault.save("x", SECRET * (number + 1))

    assert SECRET * 20 == vault.load("x")
    assert {".lock", "x.sealed"} == {path.name for path in (tmp_path / "vault").iterdir()}


def test_several_processes_agree_on_one_key(tmp_path: Path) -> None:
    """
    Made by several at once, there is one key, and everybody opens what anybody sealed.
    """
    vaults = [Vault(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda numbered: numbered[1].save(f"n{numbered[0]}", SECRET), enumerate(vaults)))

    assert {SECRET} == {Vault(tmp_path).load(f"n{number}") for number in range(8)}
    assert [] == [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_forgetting_removes_it(tmp_path: Path) -> None:
    """
    What is forgotten is gone, and forgetting twice is no error.
    """
    vault = Vault(tmp_path)
    vault.save("x", SECRET)

    vault.forget("x")
    vault.forget("x")

    assert None is vault.load("x")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a\\b", "x y", "ä"])
def test_a_name_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    """
    A name cannot lead out of the vault's folder.
    """
    with pytest.raises(ValueError, match="not a name for a sealed file"):
        Vault(tmp_path).save(name, SECRET)


def test_tokens_are_sealed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What a storefront keeps comes back, and is not to be found in clear. Whoever keeps or loads it never shows it.
    """
    keeping, loading = Redactor(), Redactor()
    kept = KeptToken(token=SecretStr("canary-of-a-token"), ends_at=datetime(2026, 11, 21, tzinfo=UTC))
    tokens = VaultTokens(Vault(tmp_path))
    before = tokens.load("shopify-main")

    monkeypatch.setattr("agent.vault.redactor", keeping)
    tokens.save("shopify-main", kept)
    monkeypatch.setattr("agent.vault.redactor", loading)
    after = VaultTokens(Vault(tmp_path)).load("shopify-main")

    assert (None, kept) == (before, after)
    assert [] == [path for path in tmp_path.rglob("*") if path.is_file() and b"canary-of" in path.read_bytes()]
    assert ["[hidden]"] * 2 == [one.clean("canary-of-a-token") for one in (keeping, loading)]


def test_a_token_that_cannot_be_understood_is_none(tmp_path: Path) -> None:
    """
    It was kept by another version: a new one is asked for, and nothing fails.
    """
    vault = Vault(tmp_path)

    vault.save("token-shopify-main", b"shpat_canary")

    assert VaultTokens(vault).load("shopify-main") is None
