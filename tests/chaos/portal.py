"""
A portal for chaos: real sockets, its own memory, requests that land late, and no idea of idempotency.

It counts what it received and who was there at the same time; whatever the worker believes, this is what happened.
"""

from __future__ import annotations

import random
import socketserver
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Request:
    """A cancellation request that was received."""

    order: str
    lands_at: float


@dataclass
class ChaosPortal:
    """
    Orders are placed, then requested, then cancelled.

    :param lands_within: seconds from receiving a request until it takes effect: at least, at most.
    :param answers_after: seconds from then until the supplier has agreed.
    """

    lands_within: tuple[float, float]
    answers_after: float = 0.5
    requests: list[Request] = field(default_factory=list)
    overlaps: list[str] = field(default_factory=list)
    """Accounts that had two visits at once."""
    _inside: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        portal = self

        class Conversation(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                account = self.rfile.readline().decode().strip()
                portal._enter(account)
                try:
                    for line in self.rfile:
                        what, order = line.decode().split()
                        if what == "goodbye":
                            break
                        self.wfile.write(f"{portal._answer(what, order)}\n".encode())
                except OSError:
                    pass  # the visitor was killed
                finally:
                    portal._leave(account)
                with suppress(OSError):
                    self.wfile.write(b"goodbye\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation)
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
    def received(self) -> Counter[str]:
        """How many requests were received, per order."""
        with self._lock:
            return Counter(request.order for request in self.requests)

    def _enter(self, account: str) -> None:
        with self._lock:
            self._inside[account] += 1
            if self._inside[account] > 1:
                self.overlaps.append(account)

    def _leave(self, account: str) -> None:
        with self._lock:
            self._inside[account] -= 1

    def _answer(self, what: str, order: str) -> str:
        now = time.monotonic()
        with self._lock:
            if what == "submit":
                self.requests.append(Request(order, now + random.uniform(*self.lands_within)))
                return "received"
            landed = [
                request.lands_at for request in self.requests if request.order == order and request.lands_at <= now
            ]
        if not landed:
            return "placed"
        return "cancelled" if min(landed) + self.answers_after <= now else "requested"
