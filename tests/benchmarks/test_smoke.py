"""The whole of ``make bench``, with one round of everything: each part works, and what it leaves can be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks.__main__ import PARTS
from benchmarks.peers import DEFAULT, FLOOR, OFF, SCRIPT, TRACED
from benchmarks.results import read_run
from tests.conftest import MORE, needs_browser

ROOT = Path(__file__).parents[2]
OFTEN = ("walks", "sweep", "start")


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("part", [part if part in OFTEN else pytest.param(part, marks=MORE) for part in PARTS])
def test_every_part_works(tmp_path: Path, part: str) -> None:
    """
    It ends well, prints its table, and leaves JSON that can be compared, and a picture.
    """
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--only", part, "--out", str(tmp_path / "results")]

    # Chromium makes a socket there, and sockets have short names: a test's own folder is too deep.
    with tempfile.TemporaryDirectory(prefix="bench-") as short:
        ran = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": short},
            capture_output=True,
            text=True,
            timeout=600,
        )
        left = list(Path(short).glob("countermand-bench-*"))

    assert 0 == ran.returncode, ran.stderr[-3000:]
    (result,) = (tmp_path / "results").glob("*.json")
    run = read_run(result)
    assert run.figures
    assert "times and counts" in ran.stdout
    assert json.loads(result.read_text())["machine"]["cores"] == os.cpu_count()
    assert result.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in result.with_suffix(".svg").read_text()
    assert [] == left
    if part == "walks":
        ours = {peer.name for peer in (DEFAULT, FLOOR, OFF, SCRIPT, TRACED)}
        assert ours <= {row.name.removesuffix(", at 0 ms") for row in run.figures}
