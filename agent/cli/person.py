"""
Whoever sits at the terminal: sees the steps as they happen, and answers questions.
"""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape

from agent.redact import redactor

if TYPE_CHECKING:
    from rich.progress import Progress


class TerminalPerson:
    """
    Speaks on stderr, listens on stdin.

    :param bar: what is drawn on the same terminal; it is taken away while a question waits for its answer.
    """

    def __init__(self, console: Console, bar: Progress | None = None) -> None:
        self._console = console
        self._bar = bar

    @property
    def is_here(self) -> bool:
        """Questions are asked on a terminal only: a pipe is nobody."""
        return sys.stdin is not None and sys.stdin.isatty()

    async def ask(self, question: str) -> SecretStr | None:
        """See ``Person.ask``. The answer is not shown while it is typed."""
        with self._without_bar():
            answer = await asyncio.to_thread(getpass.getpass, f"  ? {question}: ")
        return SecretStr(answer.strip()) if answer.strip() else None

    async def agrees(self, question: str) -> bool:
        """See ``Person.agrees``."""
        with self._without_bar():
            self._console.print(f"  [bold]?[/] {escape(redactor.clean(question))} \\[yes/NO] ", end="")
            answer = await _line()
        return answer.strip().lower() in ("y", "yes")

    async def choose(self, question: str, options: Sequence[str]) -> int | None:
        """See ``Person.choose``. Anything but a number of the list is asked again; nothing is none of them."""
        with self._without_bar():
            self._console.print(f"  [bold]?[/] {escape(redactor.clean(question))}")
            for number, option in enumerate(options, start=1):
                self._console.print(f"    {number:>2}  {escape(redactor.clean(option))}")
            while True:
                self._console.print(f"  [bold]?[/] \\[1-{len(options)}, or Enter for none of these] ", end="")
                answer = (await _line()).strip()
                if not answer:
                    return None
                if answer.isdigit() and 1 <= int(answer) <= len(options):
                    return int(answer) - 1

    async def presses_enter(self, sentence: str) -> bool:
        """See ``Person.presses_enter``."""
        with self._without_bar():
            self._console.print(f"  [bold]?[/] {escape(redactor.clean(sentence))} \\[Enter] ", end="")
            return bool(await _line())

    async def step_done(self, name: str, seconds: float, failed: bool) -> None:
        """See ``Person.step_done``."""
        mark = "[red]✗[/]" if failed else "[green]✓[/]"
        self._console.print(f"  {mark} {escape(name):<32} [dim]{seconds:5.1f} s[/]")

    def says(self, sentence: str) -> None:
        """See ``Person.says``."""
        self._console.print(f"  [dim]…[/] {escape(redactor.clean(sentence))}")

    @contextmanager
    def _without_bar(self) -> Iterator[None]:
        if self._bar is None:
            yield
            return
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()


async def _line() -> str:
    """What is typed at the terminal, up to Enter. No thread waits for it: Ctrl-C ends a question at once."""
    loop, typed = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin, typed.set)
    try:
        await typed.wait()
    finally:
        loop.remove_reader(sys.stdin)
    return sys.stdin.readline()
