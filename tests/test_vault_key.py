"""The vault's key: where it is kept, and that it can be changed without losing anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from cryptography.fernet import Fernet
from keyring.backend import KeyringBackend

from agent.errors import BadInput
from agent.settings import Settings
from agent.vault import Vault
from agent.vault_key import NEXT_VARIABLE, VARIABLE, KeyFile, vault_key, write_whole

SECRET = b"canary: the signed-in state"


class Remembered(KeyringBackend):
    """An OS keyring that forgets everything at the end of the test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[(service, username)] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[(service, username)]


@pytest.fixture
def os_keyring() -> Iterator[Remembered]:
    """A keyring of this test's own."""
    before, ours = keyring.get_keyring(), Remembered()
    keyring.set_keyring(ours)
    yield ours
    keyring.set_keyring(before)


def vault(home: Path, **key: str) -> Vault:
    """The vault as a command opens it, with the key where the settings say."""
    table = {"home": home, **({"vault": {"key": key}} if key else {})}
    return Vault(home, vault_key(Settings(**table)))  # type: ignore[arg-type]


def sealed(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / "vault").glob("*.sealed")}


# -- where it is kept


def test_in_the_keyring(tmp_path: Path, os_keyring: Remembered) -> None:
    """
    The keyring's key is made on first use, opens what it sealed, and no key lies in the home.
    """
    vault(tmp_path, keyring="vault").save("x", SECRET)

    assert SECRET == vault(tmp_path, keyring="vault").load("x")
    assert [("countermand", "vault")] == list(os_keyring.entries)
    assert not (tmp_path / "vault.key").exists()


def test_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    ``COUNTERMAND_KEY`` wins over the file of ours, which is not even made.
    """
    monkeypatch.setenv(VARIABLE, Fernet.generate_key().decode())
    vault(tmp_path).save("x", SECRET)

    assert SECRET == vault(tmp_path).load("x")
    assert not (tmp_path / "vault.key").exists()
    monkeypatch.setenv(VARIABLE, Fernet.generate_key().decode())
    with pytest.raises(BadInput, match=f"another key than that of the environment variable {VARIABLE}"):
        vault(tmp_path).load("x")


@pytest.mark.parametrize("key", ["short", "ä" * 44, "A" * 43])
def test_a_variable_that_holds_no_key_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """
    What is no key is not used, and the message shows how to make one; the value itself is not shown.
    """
    monkeypatch.setenv(VARIABLE, key)

    with pytest.raises(BadInput, match=f"the environment variable {VARIABLE} is no key") as caught:
        vault(tmp_path).save("x", SECRET)

    assert "python3 -c" in caught.value.next
    assert key not in str(caught.value) + caught.value.next


def test_in_a_file_of_somebody_elses(tmp_path: Path) -> None:
    """
    The settings may name a file, such as a container's secret.
    """
    (tmp_path / "given").write_bytes(Fernet.generate_key() + b"\n")
    vault(tmp_path / "home", file=str(tmp_path / "given")).save("x", SECRET)

    assert SECRET == vault(tmp_path / "home", file=str(tmp_path / "given")).load("x")


# -- changing it


def test_after_a_change_the_old_key_opens_nothing(tmp_path: Path) -> None:
    """
    Everything is sealed anew, and comes back as it was.
    """
    ours = vault(tmp_path)
    for number in range(5):
        ours.save(f"n{number}", SECRET)
    old_key, old = (tmp_path / "vault.key").read_bytes(), sealed(tmp_path)

    assert (5, "") == ours.rotate()

    (tmp_path / "before").mkdir()
    (tmp_path / "before" / "vault.key").write_bytes(old_key)
    (tmp_path / "before" / "vault.key").chmod(0o600)
    assert {SECRET} == {vault(tmp_path).load(f"n{number}") for number in range(5)}
    assert not set(old.values()) & set(sealed(tmp_path).values())
    (tmp_path / "before" / "vault").mkdir(mode=0o700)
    copied = tmp_path / "before" / "vault" / "n0.sealed"
    copied.write_bytes(sealed(tmp_path)["n0.sealed"])
    copied.chmod(0o600)
    with pytest.raises(BadInput, match="another key"):
        vault(tmp_path / "before").load("n0")


@pytest.mark.parametrize("written", range(5))
def test_cut_off_anywhere_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int) -> None:
    """
    Whether nothing, some or all of it was sealed anew: everything opens, something new can be sealed, and the next change ends it.
    """
    ours = vault(tmp_path)
    for number in range(4):
        ours.save(f"n{number}", SECRET)
    left = [written]

    def as_far_as(path: Path, content: bytes) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        real(path, content)

    def stop(key: KeyFile) -> str:
        raise KeyboardInterrupt

    real = write_whole
    with monkeypatch.context() as cut:
        cut.setattr("agent.vault.write_whole", as_far_as)
        cut.setattr(KeyFile, "end_change", stop)
        with pytest.raises(KeyboardInterrupt):
            ours.rotate()

    again = vault(tmp_path)
    assert {SECRET} == {again.load(f"n{number}") for number in range(4)}
    again.save("new", SECRET)
    assert (5, "") == again.rotate()
    assert {SECRET} == {vault(tmp_path).load(name) for name in ("n0", "n1", "n2", "n3", "new")}
    assert not (tmp_path / "vault.key.next").exists()


def test_a_file_that_does_not_open_stops_the_change(tmp_path: Path) -> None:
    """
    Nothing is sealed anew while something cannot be opened: it might only need its right key. Without it, the change goes on.
    """
    ours = vault(tmp_path)
    ours.save("x", SECRET)
    (tmp_path / "vault" / "y.sealed").write_bytes(b"damaged")
    (tmp_path / "vault" / "y.sealed").chmod(0o600)
    before = sealed(tmp_path)

    with pytest.raises(BadInput, match=r"the key was not changed: .*y\.sealed cannot be opened"):
        ours.rotate()

    assert before == sealed(tmp_path)
    assert SECRET == vault(tmp_path).load("x")
    (tmp_path / "vault" / "y.sealed").unlink()
    assert (1, "") == vault(tmp_path).rotate()


def test_others_seal_and_open_meanwhile(tmp_path: Path) -> None:
    """
    Other processes go on while the key is changed, again and again: nothing of theirs is lost.
    """
    over, wrong = threading.Event(), list[object]()
    vault(tmp_path).save("n0", SECRET)

    def work(name: str) -> None:
        while not over.is_set():
            try:
                vault(tmp_path).save(name, SECRET)
                if vault(tmp_path).load(name) != SECRET or vault(tmp_path).load("n0") != SECRET:
                    wrong.append(name)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        vault(tmp_path).rotate()
    over.set()
    for thread in threads:
        thread.join(30)

    assert [] == wrong


def test_in_the_keyring_it_is_changed_there(tmp_path: Path, os_keyring: Remembered) -> None:
    """
    The keyring has the new key afterwards, and no other.
    """
    vault(tmp_path, keyring="vault").save("x", SECRET)
    old = dict(os_keyring.entries)

    assert (1, "") == vault(tmp_path, keyring="vault").rotate()

    assert list(old) == list(os_keyring.entries)
    assert old != os_keyring.entries
    assert SECRET == vault(tmp_path, keyring="vault").load("x")


def test_a_key_that_is_given_needs_its_next_one_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Who keeps the key gives the next one, too, and is told to put it in place; until that is done both are known.
    """
    new = Fernet.generate_key().decode()
    monkeypatch.setenv(VARIABLE, Fernet.generate_key().decode())
    vault(tmp_path).save("x", SECRET)

    with pytest.raises(BadInput, match="so the next one must be given") as caught:
        vault(tmp_path).rotate()
    monkeypatch.setenv(NEXT_VARIABLE, new)
    count, besides = vault(tmp_path).rotate()
    meanwhile = vault(tmp_path).load("x")
    monkeypatch.setenv(VARIABLE, new)
    monkeypatch.delenv(NEXT_VARIABLE)

    assert NEXT_VARIABLE in caught.value.next
    assert (1, True) == (count, VARIABLE in besides)
    assert (SECRET, SECRET) == (meanwhile, vault(tmp_path).load("x"))
