"""
A portal that comes as a package of its own works through its entry point, without a change in the agent.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from agent.browser.confirming import write_confirmations
from agent.browser.editions import Editions
from agent.errors import BadInput
from agent.portal import portal_named
from tests.conftest import CommandLine, Ran, needs_browser
from tests.contract.tiny_portal.site import TinySite

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("third-party")]

ROOT = Path(__file__).parents[2]
SOURCES = Path(__file__).parent / "tiny_portal"
PACKAGE = "countermand_tinymart"

CONFIG = """\
home = "home"
[portals.tinymart]
hosts = {{ www = "{address}" }}
pace = {{ between_visits = "0s", between_pages = "0s" }}
looks = {{ first = "200ms", longest = "1s" }}
[accounts.main]
portal = "tinymart"
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the package was built and installed, from nothing but what is here."""
    folder = tmp_path_factory.mktemp("third_party")
    shutil.copytree(SOURCES / PACKAGE, folder / "sources" / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SOURCES / "pyproject.toml", folder / "sources")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    command = [*pip, "--no-build-isolation", "--target", str(folder / "installed"), str(folder / "sources")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert 0 == ended.returncode, ended.stderr
    return folder / "installed"


@pytest.fixture
def tinymart(tmp_path: Path) -> Iterator[TinySite]:
    """The shop, open."""
    with TinySite(tmp_path / "record.jsonl") as site:
        yield site


class Countermand:
    """The command line of this checkout where the package is installed."""

    def __init__(self, folder: Path, site: TinySite, installed: Path) -> None:
        self.users = folder / "home" / "selectors" / "tinymart"
        self._path = os.pathsep.join([str(installed), str(ROOT)])
        (folder / "countermand.toml").write_text(CONFIG.format(address=site.address), encoding="utf-8")
        self._command = CommandLine(folder / "countermand.toml", folder)

    def __call__(self, *arguments: str) -> Ran:
        """Run it to its end."""
        return self._command(*arguments, env={"PYTHONPATH": self._path})


@pytest.fixture
def countermand(tmp_path: Path, tinymart: TinySite, installed: Path) -> Countermand:
    """The command line, led to TinyMart, with its edition confirmed there as an operator would have."""
    started = Countermand(tmp_path, tinymart, installed)
    base = Editions("tinymart", installed / PACKAGE / "editions", started.users).load()
    write_confirmations(
        started.users,
        base,
        ["www.tinymart.localhost"],
        date(2026, 11, 21),
        targets=["details.cancel", "cancel.submit"],
        statuses=list(base.edition.statuses),
        questions=[],
    )
    return started


@needs_browser
def test_an_order_is_withdrawn(countermand: Countermand, tinymart: TinySite) -> None:
    """
    `cancel` goes the package's walks in a browser, sends one request, and reads the answer.
    """
    ran = countermand(
        "cancel", tinymart.order, "--account", "main", "--reason", "no_longer_needed", "--wait", "done", "--json"
    )

    assert 0 == ran.code, ran.err
    assert "done" == ran.json["stage"]
    assert [("tinymart", tinymart.order, "approved", "Cancelled")] == [
        (order["portal"], order["order_id"], order["stage"], order["status_text"]) for order in ran.json["orders"]
    ]
    assert [{"order": tinymart.order, "why": "mind"}] == tinymart.received


def test_without_the_package_there_is_no_such_portal() -> None:
    """
    Nothing of TinyMart is known here: the package alone brings it.
    """
    with pytest.raises(BadInput, match="there is no portal tinymart"):
        portal_named("tinymart")


def test_its_editions_are_listed_and_checked(countermand: Countermand, installed: Path) -> None:
    """
    `selectors list` shows the package's edition and the operator's, and `selectors lint` finds nothing wrong.
    """
    listed, linted = countermand("selectors", "list", "--json"), countermand("selectors", "lint", "--json")

    assert [
        ("2026-11-20", False, installed / PACKAGE / "editions/2026-11-20.yaml"),
        ("2026-11-20.1", True, countermand.users / "2026-11-20.1.yaml"),
    ] == [
        (row["edition"], row["used"], Path(row["file"]))
        for row in listed.json["editions"]
        if row["portal"] == "tinymart"
    ]
    assert (0, True) == (linted.code, linted.json["ok"])


def _blocks() -> list[str]:
    text = (ROOT / "docs/portals.md").read_text(encoding="utf-8")
    blocks: list[str] = re.findall(r"^```(?:toml|python|yaml)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return blocks


@pytest.mark.parametrize("block", _blocks(), ids=lambda block: block.splitlines()[0])
def test_the_documents_examples_are_this_package(block: str) -> None:
    """
    What docs/portals.md shows is taken from the package that the tests above run.
    """
    files = [SOURCES / "pyproject.toml", *SOURCES.glob(f"{PACKAGE}/**/*.py"), *SOURCES.glob(f"{PACKAGE}/**/*.yaml")]

    assert any(block in file.read_text(encoding="utf-8") for file in files), block
