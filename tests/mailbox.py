"""Where notifications arrive in tests: a server on this machine that keeps what it is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Mailbox:
    """What came, and how the next one is received."""

    def __init__(self, port: int) -> None:
        self.url = f"json://127.0.0.1:{port}/hook-secret-5c71"
        """As Apprise writes it; the last part is the secret."""
        self.messages: list[dict[str, Any]] = []
        self.calls = 0
        self.status = 200
        self.lets_go = threading.Event()
        """Until it is set, nothing is answered."""
        self.lets_go.set()

    @property
    def titles(self) -> list[str]:
        """The first lines of what came."""
        return [str(message["title"]) for message in self.messages]

    @property
    def bodies(self) -> list[str]:
        """What came, without the first lines."""
        return [str(message["message"]) for message in self.messages]


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mailbox of the test's own."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            box.calls += 1
            box.lets_go.wait(60)
            if box.status == 200:
                box.messages.append(json.loads(body))
            self.send_response(box.status)
            self.end_headers()

        def log_message(self, format: str, *words: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    box = Mailbox(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield box
    finally:
        box.lets_go.set()
        server.shutdown()
        server.server_close()
        thread.join()
