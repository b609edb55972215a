"""
What must stay true of the project's files.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from agent.browser.launch import INSTALLED

ROOT = Path(__file__).parents[2]


def test_selectors_hold_no_python() -> None:
    """
    A module in `selectors/` could be imported instead of Python's own `selectors`.
    """
    assert [] == sorted((ROOT / "selectors").rglob("*.py*"))


@pytest.mark.parametrize("package", ["agent", "flows", "fixtures"])
def test_packages_say_that_they_are_typed(package: str) -> None:
    """
    Without `py.typed`, whoever adds a portal would get no type checks against ours.
    """
    assert (ROOT / package / "py.typed").is_file()


def test_set_up_finds_the_browser_that_a_run_finds() -> None:
    """
    The set-up must not install a browser where a run has one, nor be content with one that a run would not find.
    """
    found = re.search(
        r"^browsers=\((.*?)^\)", (ROOT / "scripts/setup").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )

    assert found is not None
    assert list(INSTALLED) == shlex.split(found[1])


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-bench.txt"])
def test_locked_packages_are_pinned_and_hashed(name: str) -> None:
    """
    Each package is named with one version and its hashes, and no place to download from is named.
    """
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.lstrip().startswith("#")]
    entry = re.compile(r"[a-zA-Z0-9._-]+==[^\s;]+( ; [^#]+)?\s+(--hash=sha256:[0-9a-f]{64}\s*)+")

    assert [] == [line for line in entries if not entry.fullmatch(line)]
    assert "://" not in text


def test_locked_packages_cover_what_the_project_asks_for() -> None:
    """
    A dependency that was added without `make lock` would be missing after the set-up.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    development = project["optional-dependencies"]["dev"]
    compared = project["optional-dependencies"]["bench"]

    assert set() == _names(project["dependencies"]) - _locked("requirements.txt")
    assert set() == _names(project["dependencies"] + development) - _locked("requirements-dev.txt")
    assert set() == _names(development) & _locked("requirements.txt")
    assert set() == _names(compared) - _locked("requirements-bench.txt")
    assert set() == _names(compared) & _locked("requirements-dev.txt")


def _names(requirements: list[str]) -> set[str]:
    return {_plain(re.split(r"[^a-zA-Z0-9._-]", requirement)[0]) for requirement in requirements}


def _locked(name: str) -> set[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return {_plain(found) for found in re.findall(r"^([a-zA-Z0-9._-]+)==", text, flags=re.MULTILINE)}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
