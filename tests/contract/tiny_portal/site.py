"""
TinyMart itself: four pages, each drawn by its own script a little after it has come, and a record of what was sent.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

_FRAME = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>TinyMart</title><body>One moment …
<script>setTimeout(() => (document.body.innerHTML = {content}), 200)</script>"""

_ORDERS = '<h1>My orders</h1><ul><li>Order {no}, a lamp <a href="/order?no={no}">Details</a></li></ul>'
_DETAILS = """<h1>Order <span id="number">{no}</span></h1><p id="status">{status}</p>
<form action="/cancel"><input type="hidden" name="no" value="{no}"><button>Cancel order</button></form>"""
_CANCEL = """<h1>Why?</h1><form method="post" action="/done?no={no}">
<label><input type="radio" name="why" value="mind"> I changed my mind</label>
<label><input type="radio" name="why" value="else"> Something else</label><button>Send</button></form>"""
_DONE = "<p>We have your request</p>"


class TinySite:
    """
    The shop, served on a free loopback port.

    :param record: where each request to cancel is written, one JSON line each.
    """

    order = "700000000042"

    def __init__(self, record: Path) -> None:
        self._record = record
        self._record.touch()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.address = f"http://www.tinymart.localhost:{self._server.server_address[1]}"

    @property
    def received(self) -> list[dict[str, str]]:
        """The requests to cancel that came in."""
        return [json.loads(line) for line in self._record.read_text(encoding="utf-8").splitlines()]

    def page(self, path: str, no: str) -> str | None:
        """The content of a page; ``None`` if there is none at *path*."""
        match path:
            case "/orders":
                return _ORDERS.format(no=self.order)
            case "/order":
                # Requests are granted at once.
                return _DETAILS.format(no=no, status="Cancelled" if self.received else "Being packed")
            case "/cancel":
                return _CANCEL.format(no=no)
            case "/done":
                return _DONE
            case _:
                return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                no = parse_qs(urlsplit(self.path).query)["no"][0]
                with site._record.open("a", encoding="utf-8") as record:
                    record.write(json.dumps({"order": no, "why": sent["why"][0]}) + "\n")
                self._answer()

            def _answer(self) -> None:
                address = urlsplit(self.path)
                content = site.page(address.path, parse_qs(address.query).get("no", [""])[0])
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(_FRAME.format(content=json.dumps(content or "nothing here")).encode())

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing: the record says it."""

        return Handler

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
