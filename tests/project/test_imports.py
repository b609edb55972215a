"""
The directions in which the packages import each other (pyproject.toml, ``tool.importlinter``); breaking one shows.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("agent", "flows", "fixtures")

# contract, file of the tree, line that is added to it
PLANTED = [
    ("layers", "agent/model.py", "import agent.engine"),
    ("layers", "agent/errors.py", "import agent.settings"),
    ("layers", "agent/walk.py", "import agent.browser"),
    ("layers", "agent/engine/__init__.py", "import agent.cli"),
    ("layers", "agent/retry.py", "import agent.settings"),
    ("layers", "agent/stray.py", "'''A module that has no place in the layers.'''"),
    ("agent-knows-no-site", "agent/engine/__init__.py", "import flows.shopify"),
    ("agent-knows-no-site", "agent/cli/__init__.py", "import fixtures.shopify"),
    ("fixtures-know-no-flows", "fixtures/shopify/__init__.py", "import flows.shopify"),
    ("flows-know-no-fixtures", "flows/shopify/__init__.py", "import fixtures.shopify"),
    ("flows-see-the-walk-only", "flows/aliexpress/__init__.py", "import agent.settings"),
    ("flows-see-the-walk-only", "flows/shopify/__init__.py", "from agent import vault"),
    ("playwright-in-browser", "agent/engine/__init__.py", "import playwright.async_api"),
    ("playwright-in-browser", "flows/aliexpress/__init__.py", "from playwright.async_api import Page"),
    ("playwright-in-browser", "fixtures/aliexpress/__init__.py", "import playwright"),
    ("tables-and-queue-in-engine", "agent/report/__init__.py", "from sqlalchemy import select"),
    ("tables-and-queue-in-engine", "agent/cli/__init__.py", "import alembic.command"),
    ("tables-and-queue-in-engine", "flows/shopify/__init__.py", "import dbos"),
    ("shop-client-in-shopify", "flows/aliexpress/__init__.py", "import httpx"),
    ("shop-client-in-shopify", "agent/retry.py", "import httpx"),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the packages and their contracts, to be spoilt."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(tree: Path, *arguments: str) -> tuple[int, str]:
    """Checks the contracts on *tree*: exit code and what was printed."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo", *arguments]
    ended = subprocess.run(command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return ended.returncode, ended.stdout


def contracts() -> dict[str, str]:
    """The contracts of this project: id and name."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"]: contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]}


def test_imports_run_one_way(tree: Path) -> None:
    """
    The code as it is keeps every contract.
    """
    code, printed = lint_imports(tree)

    assert 0 == code, printed


def test_every_contract_has_a_planted_violation() -> None:
    """
    A contract that nothing has ever broken may be written wrongly.
    """
    assert set(contracts()) == {contract for contract, _, _ in PLANTED}


@pytest.mark.parametrize(("contract", "file", "line"), PLANTED, ids=lambda part: part)
def test_a_planted_violation_fails(tree: Path, contract: str, file: str, line: str) -> None:
    """
    One forbidden import breaks the contract that forbids it.
    """
    planted = tree / file
    before = planted.read_text(encoding="utf-8") if planted.exists() else ""
    planted.write_text(f"{before}\n{line}\n", encoding="utf-8")

    code, printed = lint_imports(tree, "--contract", contract)

    assert 1 == code, printed
    assert f"{contracts()[contract]} BROKEN" in " ".join(printed.split())
