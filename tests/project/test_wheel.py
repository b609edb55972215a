"""
The wheel holds all that a run needs: it is built, installed into an empty environment, and the demo runs there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = [
    pytest.mark.slow,
    # The wheel and the environment are made once; spread over workers they would be made by each.
    pytest.mark.xdist_group("wheel"),
]

ROOT = Path(__file__).parents[2]
WHEELHOUSE = ROOT / ".cache" / "wheelhouse"
FOLDERS = ("agent", "fixtures", "flows", "selectors")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, freshly built."""
    folder = tmp_path_factory.mktemp("dist")
    _run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT], cwd=folder)
    (built,) = folder.glob("countermand-*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """An environment outside the checkout with nothing in it but the wheel and its pinned packages."""
    if not (WHEELHOUSE / ".complete").is_file():
        pytest.fail(
            "the packages for this test are not here: `make test-slow` fetches them, scripts/wheelhouse alone too"
        )
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "env", with_pip=True, symlinks=True)
    pip: list[str | Path] = [folder / "env/bin/python", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    _run([*pip, "--find-links", WHEELHOUSE, "--require-hashes", "-r", ROOT / "requirements.txt"], cwd=folder)
    _run([*pip, wheel], cwd=folder)
    return folder


def test_wheel_holds_the_packages_and_the_selectors_whole(wheel: Path) -> None:
    """
    Pages, schemas, templates, migrations and editions travel along; tests and their recordings, benchmarks and tools do not.
    """
    here = {
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and not path.is_relative_to(ROOT / "fixtures" / "recordings")
    }
    with ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert here == inside


def test_editions_lie_beside_the_installed_flows(elsewhere: Path) -> None:
    """
    The flows find their editions where they lie in a checkout: in `selectors` beside `flows`.
    """
    code = "import flows, pathlib; print(pathlib.Path(flows.__file__).parent.parent / 'selectors')"
    selectors = Path(_run([elsewhere / "env/bin/python", "-c", code], cwd=elsewhere).strip())

    assert selectors.is_relative_to(elsewhere)
    assert [] != list(selectors.glob("aliexpress/*.yaml"))


def test_demo_runs_from_the_wheel(elsewhere: Path) -> None:
    """
    `countermand demo` withdraws its order and settles it in the shop, far from the checkout.
    """
    printed = _run([elsewhere / "env/bin/countermand", "demo", "--json", "--dir", elsewhere / "demo"], cwd=elsewhere)
    result = json.loads(printed)

    assert "done" == result["stage"]
    assert "cancelled" == result["shop"]["stage"]


def _run(command: Sequence[str | Path], *, cwd: Path) -> str:
    """What *command* printed; the test fails with all of it if the command failed. It sees nothing of this checkout."""
    ours = ("COUNTERMAND_", "PYTEST_", "PYTHONPATH", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    if browser := os.environ.get("COUNTERMAND_BROWSER__PATH"):
        environment["COUNTERMAND_BROWSER__PATH"] = browser
    ended = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if ended.returncode != 0:
        pytest.fail(f"{command[0]} ended with {ended.returncode}\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout
