"""
Nothing phones home: our process speaks to the configured shop and to nobody else, the browser to the configured portal and nobody else.

Python's audit hook hears every connection and look-up of our own process. The browser is given a proxy that is not asked for hosts of
this machine, as all of the pretend portal's are, and that writes down whom it is asked for otherwise.
"""

from __future__ import annotations

import json
import signal
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import pytest

from agent.browser.launch import driver, launch
from agent.settings import BrowserSettings
from fixtures.aliexpress.seed import ORDERS
from fixtures.playground import Playground
from tests.chaos.audited import PLANTED
from tests.conftest import CommandLine, needs_browser

pytestmark = pytest.mark.slow

PROGRAM = str(Path(__file__).with_name("audited.py"))
SHOP = ("--shop-order", "#1001", "--refund", "now")
REASON = ("--reason", "no_longer_needed", "--json")


class RecordingProxy:
    """Writes down for whom it is asked, and refuses."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __enter__(self) -> Self:
        asked = self.asked

        class Request(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                asked.append(self.rfile.readline().decode(errors="replace").strip())
                self.wfile.write(b"HTTP/1.1 502 Not here\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Request)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.server_address[1]
        return port

    @property
    def environment(self) -> dict[str, str]:
        """What leads a browser to it: lower and upper case, for who reads which differs."""
        own = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), f"http://127.0.0.1:{self.port}")
        own["no_proxy"] = "localhost,127.0.0.1"
        return own | {name.upper(): value for name, value in own.items()}


@pytest.fixture
def proxy() -> Iterator[RecordingProxy]:
    """A proxy that listens."""
    with RecordingProxy() as started:
        yield started


def connected(file: Path) -> set[tuple[str, int]]:
    """Every address that was connected to or looked up."""
    found = (json.loads(line) for line in file.read_text().splitlines())
    return {(str(address[0]), int(address[1])) for _, address in found}


def shop(playground: Playground) -> tuple[str, int]:
    """The address of the fake shop."""
    parts = urlsplit(playground.shop.url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


@needs_browser
def test_a_command_speaks_to_shop_and_portal_only(
    playground: Playground, countermand: CommandLine, tmp_path: Path, proxy: RecordingProxy
) -> None:
    """
    One order from the request to the settled shop order.
    """
    heard = tmp_path / "heard"
    process = countermand.start(
        "cancel",
        ORDERS["placed"],
        *REASON,
        *SHOP,
        "--wait",
        "done",
        program=(PROGRAM, str(heard)),
        env=proxy.environment,
    )
    out, err = process.communicate(timeout=180)

    assert 0 == process.returncode, err
    assert ("done", "cancelled") == (json.loads(out)["stage"], json.loads(out)["shop"]["stage"])
    assert {shop(playground)} == connected(heard)
    assert [] == proxy.asked


@needs_browser
def test_a_worker_speaks_to_shop_and_portal_only(
    playground: Playground, countermand: CommandLine, tmp_path: Path, proxy: RecordingProxy
) -> None:
    """
    A worker with its queue, from its start to its end.
    """
    heard = tmp_path / "heard"
    worker = countermand.start("--json", "worker", program=(PROGRAM, str(heard)), env=proxy.environment)
    try:
        asked = countermand("cancel", ORDERS["placed"], *REASON, *SHOP, "--wait", "done")
    finally:
        worker.send_signal(signal.SIGTERM)
        _, err = worker.communicate(timeout=90)

    assert 0 == worker.returncode, err
    assert (0, "done", "cancelled") == (asked.code, asked.json["stage"], asked.json["shop"]["stage"])
    assert {shop(playground)} == connected(heard)
    assert [] == proxy.asked


def test_a_call_home_would_be_heard(
    playground: Playground, countermand: CommandLine, tmp_path: Path, proxy: RecordingProxy
) -> None:
    """
    The control of our own process: a connection that somebody built in is found.
    """
    heard = tmp_path / "heard"
    process = countermand.start(
        "cancel", ORDERS["placed"], *REASON, "--wait", "none",
        program=(PROGRAM, str(heard)), env={PLANTED: f"127.0.0.1:{proxy.port}"},
    )  # fmt: skip
    _, err = process.communicate(timeout=60)

    assert 0 == process.returncode, err
    assert {("127.0.0.1", proxy.port)} == connected(heard)


@needs_browser
async def test_a_browser_that_calls_home_would_be_heard(proxy: RecordingProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The control of the browser: what it asks of another machine goes through the proxy, in clear or not.
    """
    for name, value in proxy.environment.items():
        monkeypatch.setenv(name, value)
    async with driver() as playwright:
        browser = await launch(playwright, BrowserSettings(), headed=False)
        page = await browser.new_page()
        await page.set_content('<img src="http://planted.example/"><img src="https://secret.example/">')
        deadline = time.monotonic() + 30
        while len(proxy.asked) < 2:
            assert time.monotonic() < deadline, proxy.asked
            await page.wait_for_timeout(50)
        await browser.close()

    assert any("http://planted.example/" in line for line in proxy.asked)
    assert any("CONNECT secret.example:443" in line for line in proxy.asked)
