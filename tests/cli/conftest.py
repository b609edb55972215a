"""What the command line's tests start from."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.cli.app import run
from fixtures.aliexpress.seed import MAIN
from fixtures.playground import Playground
from tests.conftest import Ran
from tests.engine.conftest import bench

__all__ = ["bench"]

Within = Callable[..., Ran]


@pytest.fixture
def within(
    playground: Playground, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Within]:
    """The command line in this process, for what is decided before a browser opens: a process of its own takes a second."""
    for name in [name for name in os.environ if name.startswith("COUNTERMAND_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)

    def ran(*arguments: str, config: Path | None = None) -> Ran:
        code = run(["--config", str(config or playground.config), *arguments])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    yield ran
    signal.signal(signal.SIGTERM, before)


def without_credentials(playground: Playground) -> None:
    """A person signs in to account main: nothing is stored."""
    text = playground.config.read_text()
    stored = f'username = "{MAIN}"\npassword = {{ file = "password" }}\n'
    assert stored in text
    playground.config.write_text(text.replace(stored, "", 1))
