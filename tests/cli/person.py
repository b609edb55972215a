"""An operator for tests: answers at a terminal, and points in the browser's window with the screen's own mouse."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fixtures.aliexpress.visit import Visit

_WINDOW = struct.pack("HHHH", 60, 400, 0, 0)

_REPORTS = """<script>(() => {
  let mouse = null;
  addEventListener('mousemove', event => { mouse = [event.clientX, event.clientY]; }, true);
  setInterval(() => {
    if (document.visibilityState !== 'visible') return;
    const places = {};
    for (const element of document.querySelectorAll('button, h1, input, [role=slider], [class*=title], [class*=reminder]')) {
      const box = element.getBoundingClientRect();
      if (box.width) places[element.innerText.trim() || element.getAttribute('aria-label')] = [box.x + box.width / 2, box.y + box.height / 2];
    }
    fetch(%s, {method: 'POST', mode: 'no-cors', body: JSON.stringify({page: location.pathname, mouse, places})});
  }, 100);
})()</script>"""
"""The pretend site tells where its words are, and where it last saw the mouse: the window's frame is nobody's to know."""


class Screen:
    """A screen of the test's own, with a mouse; pages of the pretend site report where their words are."""

    def __init__(self, display: str, reports: _Reports) -> None:
        self.display = display
        self._reports = reports

    def click_on(self, words: str, *, times: int = 1) -> None:
        """A real click on *words* of the page in front."""
        page, (x, y) = self._reports.find(words)
        left, top = self._corner(page)
        self._mouse("mousemove", str(round(left + x)), str(round(top + y)))
        time.sleep(0.2)
        self._mouse("click", "--repeat", str(times), "--delay", "60", "1")

    def finds(self, words: str) -> None:
        """Wait until some page shows *words*."""
        self._reports.find(words)

    def click_through(self, words: str, *, to: str) -> None:
        """Click on *words*, and once more if nothing came of it, as people do; until some page shows *to*."""
        for patience in (10.0, 20.0):
            self.click_on(words)
            try:
                self._reports.find(to, patience)
                return
            except AssertionError:
                if patience == 20.0:
                    raise

    def slide(self, words: str, *, by: int) -> None:
        """Take hold of *words* and move them to the right, as a hand does it."""
        page, (x, y) = self._reports.find(words)
        left, top = self._corner(page)
        self._mouse("mousemove", str(round(left + x)), str(round(top + y)), "mousedown", "1")
        for _ in range(10):
            self._mouse("mousemove_relative", "--", str(by // 10), "0", "sleep", "0.02")
        self._mouse("mouseup", "1")

    def types(self, text: str) -> None:
        """Type on the screen's own keyboard, into the field that was clicked last."""
        self._mouse("type", "--delay", "30", text)

    def _corner(self, page: str) -> tuple[float, float]:
        """Where on the screen the page begins: the mouse is put somewhere, and the page says where it sees it."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            for x, y in ((600, 500), (250, 300)):  # a pop-up is small
                seen = [self._seen_at(page, *place) for place in ((x, y), (x + 10, y + 20))]
                if (10.0, 20.0) == (seen[1][0] - seen[0][0], seen[1][1] - seen[0][1]):  # no report from before the move
                    return x - seen[0][0], y - seen[0][1]
        raise AssertionError("no page saw the mouse")

    def _seen_at(self, page: str, x: int, y: int) -> tuple[float, float]:
        self._mouse("mousemove", str(x), str(y))
        time.sleep(0.4)
        return self._reports.mouse(page)

    def _mouse(self, *words: str) -> None:
        subprocess.run(["xdotool", *words], env={**os.environ, "DISPLAY": self.display}, check=True, timeout=20)


@dataclass(frozen=True)
class _Report:
    places: dict[str, tuple[float, float]]
    mouse: tuple[float, float] | None
    at: float


class _Reports:
    """What each page said last: one in the background goes on talking."""

    def __init__(self) -> None:
        self._last: dict[str, _Report] = {}

    def take(self, report: dict[str, Any]) -> None:
        places = {words: (x, y) for words, (x, y) in report["places"].items()}
        mouse = report["mouse"] and (report["mouse"][0], report["mouse"][1])
        self._last[report["page"]] = _Report(places, mouse, time.monotonic())

    def find(self, words: str, patience: float = 20.0) -> tuple[str, tuple[float, float]]:
        """The page that shows *words*, and where."""
        asked = time.monotonic()
        while time.monotonic() < asked + patience:
            for page, report in list(self._last.items()):
                if report.at > asked + 0.2 and words in report.places:
                    return page, report.places[words]
            time.sleep(0.05)
        there = [words for report in self._last.values() for words in report.places]
        raise AssertionError(f"“{words}” is on no page; there: {', '.join(there)}")

    def mouse(self, page: str) -> tuple[float, float]:
        """Where *page* last saw the mouse."""
        return self._last[page].mouse or (0.0, 0.0)


@contextmanager
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """A private screen; skips, and says so, where there is no Xvfb or no xdotool."""
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on this machine: nobody can point at anything (apt install xvfb xdotool)")
    reports = _Reports()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reports.take(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shell = Visit._shell
    script = _REPORTS % json.dumps(f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(
        Visit, "_shell", lambda self, name, boot: shell(self, name, boot).replace("</body>", f"{script}</body>")
    )
    read, write = os.pipe()
    xvfb = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1300x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    try:
        os.close(write)
        number = os.read(read, 16).decode().strip()
        yield Screen(f":{number}", reports)
    finally:
        os.close(read)
        xvfb.terminate()
        xvfb.wait(20)
        server.shutdown()
        server.server_close()


class Terminal:
    """``countermand`` at a terminal, with a person who reads and types."""

    def __init__(self, config: Path, display: str, arguments: Sequence[str]) -> None:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, _WINDOW)
        env = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERMAND_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "--config", str(config), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**env, "DISPLAY": display, "TERM": "dumb"},
            start_new_session=True,
        )
        os.close(slave)
        self._master = master
        self.shown = ""
        self._read_up_to = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def reads(self, words: str, seconds: float = 60) -> None:
        """Wait until *words* are shown, wherever lines break, after what was read before."""
        until = time.monotonic() + seconds
        while (place := " ".join(self.shown.split()).find(words, self._read_up_to)) < 0:
            assert time.monotonic() < until, f"“{words}” was not shown; the end of what was:\n{self.shown[-3000:]}"
            assert self._process.poll() is None or self._reader.is_alive(), f"it ended:\n{self.shown[-3000:]}"
            time.sleep(0.05)
        self._read_up_to = place + len(words)

    def types(self, line: str) -> None:
        """Answer."""
        os.write(self._master, f"{line}\n".encode())

    def is_asked(self, words: str, answer: str) -> None:
        """Read a question and answer it."""
        self.reads(words)
        self.reads("[yes/NO]")
        self.types(answer)

    def ends(self, seconds: float = 60) -> int:
        """The exit code, once it has ended."""
        code = self._process.wait(seconds)
        self._reader.join(5)
        return code

    def close(self) -> None:
        """Nothing is left behind."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)
        self._reader.join(5)
        os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._master, 4096)
            except OSError:
                return  # the other end is closed
            if not part:
                return
            self.shown += part.decode(errors="replace").replace("\r\n", "\n")
