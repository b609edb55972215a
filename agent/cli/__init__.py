"""The command line: ``countermand …``."""

from __future__ import annotations

import sys


def main() -> None:
    """The program's entry."""
    from agent.cli.app import run  # the command line is built only when it is run

    sys.exit(run(sys.argv[1:]))
