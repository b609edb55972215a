"""
Whoever sits at the terminal: sees the steps as they happen, and answers questions.
"""

from __future__ import annotations

import asyncio
import getpass
import sys

from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape

from agent.redact import redactor


class TerminalPerson:
    """Speaks on stderr, listens on stdin."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @property
    def is_here(self) -> bool:
        """Questions are asked on a terminal only: a pipe is nobody."""
        return sys.stdin is not None and sys.stdin.isatty()

    async def ask(self, question: str) -> SecretStr | None:
        """See ``Person.ask``. The answer is not shown while it is typed."""
        answer = await asyncio.to_thread(getpass.getpass, f"  ? {question}: ")
        return SecretStr(answer.strip()) if answer.strip() else None

    async def agrees(self, question: str) -> bool:
        """See ``Person.agrees``."""
        self._console.print(f"  [bold]?[/] {escape(redactor.clean(question))} \\[yes/NO] ", end="")
        answer = await asyncio.to_thread(sys.stdin.readline)
        return answer.strip().lower() in ("y", "yes")

    async def step_done(self, name: str, seconds: float, failed: bool) -> None:
        """See ``Person.step_done``."""
        mark = "[red]✗[/]" if failed else "[green]✓[/]"
        self._console.print(f"  {mark} {escape(name):<32} [dim]{seconds:5.1f} s[/]")

    def says(self, sentence: str) -> None:
        """See ``Person.says``."""
        self._console.print(f"  [dim]…[/] {escape(redactor.clean(sentence))}")
