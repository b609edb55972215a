"""``python -m fixtures``: both pretend sites for anybody outside, until told to stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CommandLine

LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Program:
    """The program, running."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "fixtures", "--dir", str(folder), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=20)[1]
        self.places: dict[str, str] = json.loads(line)

    def control(self, path: str, body: object = None) -> Any:
        """Ask the portal's control endpoint."""
        request = urllib.request.Request(
            self.places["control"] + path, None if body is None else json.dumps(body).encode()
        )
        with LOCAL.open(request, timeout=20) as answer:
            return json.load(answer)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Stop it: the exit code, and what else was on stdout."""
        self.process.send_signal(how)
        out, _ = self.process.communicate(timeout=30)
        return self.process.returncode, out


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    started = Program(tmp_path / "fixtures")
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.communicate(timeout=20)


def test_one_line_says_where_everything_is(program: Program, tmp_path: Path) -> None:
    """
    One JSON line with exactly these names, and nothing else on stdout; told to stop, it stops with 0.
    """
    places = program.places
    settings = tomllib.loads(Path(places["config"]).read_text())
    empty = [Path(places[name]).read_text() for name in ("portal_record", "shop_record")]
    code, rest = program.stop()

    assert ["config", "home", "portal", "shop", "control", "portal_record", "shop_record"] == list(places)
    folder = str(tmp_path / "fixtures")
    assert all(places[name].startswith(folder) for name in ("config", "home", "portal_record", "shop_record"))
    assert ".localhost:" in places["portal"]
    assert places["shop"] == settings["shops"]["main"]["base_url"]
    assert (0, "", ["", ""]) == (code, rest, empty)


def test_its_settings_have_no_pace_and_a_short_quiet(program: Program) -> None:
    """
    Nothing in a test has to wait for manners that are meant for live portals.
    """
    portal = tomllib.loads(Path(program.places["config"]).read_text())["portals"]["aliexpress"]

    assert ({"between_visits": "0s", "between_pages": "0s"}, "5s") == (portal["pace"], portal["quiet"])


def test_the_control_endpoint_scripts_the_portal(program: Program) -> None:
    """
    Orders can be looked at and changed, and what was received can be read.
    """
    order = next(order for order in program.control("/orders") if order["state"] == "placed")

    program.control(f"/orders/{order['number']}", {"seller": "silent"})

    assert "silent" == program.control(f"/orders/{order['number']}")["seller"]
    assert [] == program.control("/record")


@pytest.mark.slow
def test_the_command_line_reads_its_settings(program: Program, tmp_path: Path) -> None:
    """
    ``--config`` with the printed name is all that a caller needs.
    """
    ran = CommandLine(Path(program.places["config"]), tmp_path)("list", "--json")

    assert (0, {"results": [], "page": 1, "pages": 1, "total": 0}) == (ran.code, ran.json)


def test_the_records_remain(program: Program) -> None:
    """
    After Ctrl-C the records, the settings and the state are still there.
    """
    code, _ = program.stop(signal.SIGINT)

    assert 0 == code
    assert all(Path(program.places[name]).is_file() for name in ("config", "portal_record", "shop_record"))


@pytest.mark.slow
def test_two_programs_do_not_get_in_each_others_way(program: Program, tmp_path: Path) -> None:
    """
    Each takes free ports of its own.
    """
    other = Program(tmp_path / "other")
    addresses = [program.places["portal"], other.places["portal"], program.places["shop"], other.places["shop"]]
    other.stop()

    assert 4 == len(set(addresses))


def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    """
    A file in the way: exit 2 and a sentence, no traceback.
    """
    (tmp_path / "file").write_text("in the way")
    command = [sys.executable, "-m", "fixtures", "--dir", str(tmp_path / "file")]

    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (2, "") == (ran.returncode, ran.stdout)
    assert f"the folder {tmp_path / 'file'} cannot be used" in ran.stderr
    assert "Traceback" not in ran.stderr
