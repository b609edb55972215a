"""``python -m agent.cli``: the same as ``countermand``."""

from agent.cli import main

main()
