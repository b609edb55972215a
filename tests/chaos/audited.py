"""
``python audited.py FILE …``: the command line, with every address that its process connects to or looks up written to FILE.

With ``AUDIT_PLANTED=HOST:PORT`` it connects there, too, when something is asked for: the control.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

from agent.cli.app import run
from agent.engine.ledger import Ledger

PLANTED = "AUDIT_PLANTED"
_WATCHED = (
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
)


def listen(file: str) -> None:
    """Python itself says whenever any of its code goes to the network."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _WATCHED:
            address = arguments[:2] if event.startswith("socket.get") else arguments[1]
            os.write(handle, f"{json.dumps([event, address], default=str)}\n".encode())

    sys.addaudithook(hook)


def plant(address: str) -> None:
    """Somebody built in a call home."""
    host, port = address.rsplit(":", 1)
    claim = Ledger.claim

    def claiming(self: Ledger, *arguments: Any, **named: Any) -> Any:
        socket.create_connection((host, int(port)), timeout=10).close()
        return claim(self, *arguments, **named)

    Ledger.claim = claiming  # type: ignore[method-assign]


if __name__ == "__main__":
    listen(sys.argv[1])
    if PLANTED in os.environ:
        plant(os.environ[PLANTED])
    sys.exit(run(sys.argv[2:]))
