"""
``python leaky.py …``: the command line with a vault that seals nothing and a redactor that blots nothing out.

What the search for secrets must find, if it is worth anything.
"""

from __future__ import annotations

import sys

from agent.cli.app import run
from agent.redact import Redactor
from agent.vault import Vault


def save(self: Vault, name: str, content: bytes) -> None:
    path = self._path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def load(self: Vault, name: str) -> bytes | None:
    path = self._path(name)
    return path.read_bytes() if path.exists() else None


def clean(self: Redactor, text: str) -> str:
    return text


if __name__ == "__main__":
    for owner, function in ((Vault, save), (Vault, load), (Redactor, clean)):
        setattr(owner, function.__name__, function)
    sys.exit(run(sys.argv[1:]))
