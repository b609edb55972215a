"""
A supplier's page is an untrusted site: the browser's sandbox is on wherever the user is not root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.browser.launch import driver, find_browser, launch
from agent.errors import BadInput
from agent.settings import BrowserSettings
from tests.conftest import needs_browser

pytestmark = [
    needs_browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0,
        reason="not root: every other test starts its browser with the sandbox on",
    ),
    pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv on this machine: nobody else can be played"),
]


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """The browser's program, run by ``nobody`` in a folder of their own."""
    nobody = pwd.getpwnam("nobody")
    home = Path(tempfile.mkdtemp(prefix="countermand-nobody-"))
    program = home / "browser"
    program.write_text(
        f"#!/bin/sh\ncd {home}\n"
        f"exec setpriv --reuid={nobody.pw_uid} --regid={nobody.pw_gid} --clear-groups env HOME={home} TMPDIR={home} "
        f'{find_browser(BrowserSettings())} "$@" --user-data-dir={home}/profile\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    yield program
    shutil.rmtree(home)


async def test_root_has_nobody_start_it_with_the_sandbox_on(
    unprivileged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It works without ``--no-sandbox``, and what renders pages is filtered by the kernel.
    """
    monkeypatch.setattr("agent.browser.launch.sandbox_allowed", lambda: True)
    async with driver() as playwright:
        try:
            browser = await launch(playwright, BrowserSettings(path=unprivileged), headed=False)
        except BadInput as error:
            if not Path("/proc/self/ns/user").exists() or _no_namespaces():
                pytest.skip(f"the kernel gives users who are not root no namespaces here: {error.what}")
            raise
        page = await browser.new_page()
        await page.set_content("<h1>In the sandbox</h1>")
        processes = _family(f"--user-data-dir={unprivileged.parent}/profile")
        renderers = [folder for folder, line in processes.items() if "--type=renderer" in line]

        assert "In the sandbox" == await page.inner_text("h1")
        assert renderers
        assert [] == [line for line in processes.values() if "--no-sandbox" in line]
        assert {"2"} == {_status(folder, "Seccomp") for folder in renderers}
        await browser.close()


def _family(word: str) -> dict[Path, str]:
    """The command lines of the process that was started with *word*, and of all below it."""
    lines, parents = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            lines[folder] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            parents[folder] = folder.parent / _status(folder, "PPid")
        except OSError:
            continue  # it ended meanwhile
    family = {folder for folder, line in lines.items() if word in line}
    while more := {folder for folder, parent in parents.items() if parent in family} - family:
        family |= more
    return {folder: lines[folder] for folder in family}


def _status(folder: Path, name: str) -> str:
    lines = (folder / "status").read_text(encoding="utf-8").splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def _no_namespaces() -> bool:
    allowed = Path("/proc/sys/user/max_user_namespaces")
    return allowed.exists() and allowed.read_text(encoding="utf-8").strip() == "0"
