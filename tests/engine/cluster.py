"""A PostgreSQL server of the test's own: made in a temporary folder, reached by a socket in it, and gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import psycopg
import pytest

_PLACES = "/usr/lib/postgresql/*/bin"
_NOT_AS_ROOT = ("postgres", "nobody")

How = Literal["fast", "immediate"]
_SIGNALS: dict[How, int] = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


def _binaries() -> Path | None:
    """The folder with the server's programs, newest version first."""
    folders = [path for path in Path("/").glob(_PLACES.lstrip("/")) if (path / "postgres").exists()]
    newest = max(folders, key=lambda path: float(path.parent.name), default=None)
    found = shutil.which("initdb")
    return newest or (Path(found).resolve().parent if found else None)


class Cluster:
    """One server; every test gets a database of its own."""

    def __init__(self, folder: Path, binaries: Path, user: str | None) -> None:
        self._folder, self._binaries, self._user = folder, binaries, user
        self._name = user or pwd.getpwuid(os.getuid()).pw_name
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0

    def make(self) -> None:
        """Make the cluster's files."""
        self._run("initdb", "--pgdata", str(self._folder / "data"), "--auth=trust", "--no-sync", "--encoding=UTF8")

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["-k", str(self._folder), "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200"]
        command = [str(self._binaries / "postgres"), "-D", str(self._folder / "data"), *options]
        self._process = subprocess.Popen(
            command, user=self._user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder
        )
        deadline = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < deadline, "PostgreSQL did not start"
            assert self._process.poll() is None, "PostgreSQL ended at once"
            time.sleep(0.1)

    def stop(self, how: How = "immediate") -> None:
        """Stop it, by default at once, as a crash of the machine would."""
        if self._process is not None:
            self._process.send_signal(_SIGNALS[how])
            self._process.wait(30)
            self._process = None

    def restart(self, how: How = "immediate") -> None:
        """Away for a moment, as with ``pg_ctl restart -m HOW``."""
        assert self._process is not None
        self.stop(how)
        self.start()

    def database(self) -> str:
        """The address of a new, empty database."""
        self._count += 1
        name = f"ledger_{os.getpid()}_{self._count}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._address(name)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._address("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _address(self, database: str) -> str:
        return f"postgresql://{self._name}@/{database}?host={self._folder}"

    def _run(self, program: str, *arguments: str) -> None:
        ran = subprocess.run(
            [str(self._binaries / program), *arguments],
            user=self._user,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=self._folder,
        )
        assert 0 == ran.returncode, ran.stderr


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running server; skips, and says so, where there is none to run."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (on Debian: apt install postgresql)")
    user = None
    if os.geteuid() == 0:  # the server refuses to run as root
        known = {entry.pw_name for entry in pwd.getpwall()}
        user = next((name for name in _NOT_AS_ROOT if name in known), None)
        if user is None:
            pytest.skip("PostgreSQL does not run as root, and there is no other user here to run it")
    folder = Path(tempfile.mkdtemp(prefix="countermand-pg-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        made = Cluster(folder, binaries, user)
        made.make()
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
