"""
What every command shares: global options, settings, how results and errors are shown.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

    from agent.engine.workshop import Manner, Workshop
    from agent.model import ErrorReport
    from agent.settings import Settings
    from agent.walk import Person


_WIDE = 160


@dataclass
class Globals:
    """The global options, and what follows from them."""

    config: Path | None = None
    json: bool = False
    verbose: bool = False
    exit_code: int = field(default=0, init=False)

    @cached_property
    def settings(self) -> Settings:
        """The settings, read once."""
        from agent.settings import load_settings

        return load_settings(self.config)

    @cached_property
    def people(self) -> Console:
        """Where people are spoken to: stderr, so that stdout holds results only."""
        return _console(stderr=True)

    @cached_property
    def out(self) -> Console:
        """Where results for people go."""
        return _console(stderr=False)

    def workshop(self, manner: Manner, person: Person) -> Workshop:
        """Everything a visit needs, on this machine."""
        from agent.engine.clock import SystemClock
        from agent.engine.database import open_database
        from agent.engine.ledger import Ledger
        from agent.engine.workshop import Workshop
        from agent.vault import Vault
        from agent.vault_key import vault_key

        database = open_database(self.settings.home, self.settings.ledger_address())
        clock = SystemClock()
        return Workshop(
            settings=self.settings,
            database=database,
            ledger=Ledger(database, clock, "countermand"),
            clock=clock,
            vault=Vault(self.settings.home, vault_key(self.settings)),
            person=person,
            manner=manner,
        )

    def print_json(self, document: BaseModel | dict[str, object]) -> None:
        """One JSON document on stdout."""
        import json

        text = (
            json.dumps(document, indent=2, default=plain)
            if isinstance(document, dict)
            else document.model_dump_json(indent=2)
        )
        sys.stdout.write(f"{text}\n")

    def print_json_line(self, document: dict[str, object]) -> None:
        """One JSON document on one line of stdout, at once: somebody follows."""
        import json

        sys.stdout.write(f"{json.dumps(document, default=plain)}\n")
        sys.stdout.flush()


def told(error: Exception) -> tuple[ErrorReport, int]:
    """An error as results show it, without secrets, and its exit code. What is none of our errors is a bug of ours."""
    from agent.errors import EXIT_BUG, CountermandError, no_room
    from agent.model import ErrorKind, ErrorReport
    from agent.redact import redactor

    error = no_room(error) or error
    if isinstance(error, CountermandError):
        report, code = error.report(), error.exit_code
    else:
        what = f"this is a bug in countermand: {type(error).__name__}: {error}"
        then = "Give the command again with --verbose and report what it prints."
        report, code = ErrorReport(kind=ErrorKind.BUG, message=what, next=then), EXIT_BUG
    clean = ErrorReport(kind=report.kind, message=redactor.clean(report.message), next=redactor.clean(report.next))
    return clean, code


def duration(option: str, text: str) -> timedelta:
    """
    The length of time given with *option*.

    :raises BadInput: it is none, or longer than calendars go.
    """
    from agent.errors import BadInput
    from agent.settings import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadInput(f"{option}: {error}", next=f"Write e.g. {option} 30s.") from None
    except OverflowError:
        raise BadInput(f"{option}: “{text}” is too long a time", next=f"Write e.g. {option} 30s.") from None


def plain(value: object) -> str:
    """Times as the result object writes them."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = _WIDE  # a file or a pipe has no edge to break lines at
    return console
