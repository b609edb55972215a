"""
The global options, and one place where every error becomes a sentence and an exit code.

Nothing else is imported before the command is known (`agent.cli.commands`): asking for help costs little more than Python itself.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.commands import Group
from agent.cli.context import Globals, told

_SWITCHES = ("--json", "--verbose")
_WITH_VALUE = "--config"


def build() -> typer.Typer:
    """The command line with every installed command, none of them imported yet."""
    app = typer.Typer(
        name="countermand",
        cls=Group,
        help="Withdraws supplier orders that a customer cancelled, and then cancels the shop order.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def _(
        context: typer.Context,
        config: Annotated[
            Path | None,
            typer.Option(help="The settings file; default: countermand.toml here, else in the config folder."),
        ] = None,
        json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
        verbose: Annotated[bool, typer.Option("--verbose", help="Say more on stderr.")] = False,
    ) -> None:
        from agent.redact import set_up_logging

        set_up_logging(verbose)
        context.obj.config, context.obj.json, context.obj.verbose = config, json, verbose

    return app


def run(arguments: Sequence[str]) -> int:
    """
    Run one command.

    :returns: the exit code (design 8).
    """
    signal.signal(
        signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT)
    )  # being told to stop is Ctrl-C: finish tidily
    state = Globals()
    words = globals_first(arguments)
    state.json = "--json" in words  # known before the command line is understood, for its own errors
    try:
        command = typer.main.get_command(build())
        code = command.main(args=words, prog_name="countermand", standalone_mode=False, obj=state)
        return code if isinstance(code, int) and code else state.exit_code
    except typer.Exit as stop:
        return stop.exit_code
    except (typer.Abort, KeyboardInterrupt):
        from agent.errors import EXIT_CTRL_C

        return EXIT_CTRL_C
    except typer.TyperException as error:
        from agent.errors import BadInput

        where = getattr(error, "ctx", None)
        what = error.format_message()
        if where is not None and what == where.get_help():  # no command at all
            sys.stdout.write(f"{what}\n")
            return error.exit_code
        what = what.replace(": Value error, ", ": ").rstrip(".")
        return _fail(state, BadInput(what, next=f"See {where.command_path if where else 'countermand'} --help."))
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; nobody is left to tell
        return 0
    except Exception as error:
        from agent.errors import CountermandError

        return _fail(state, error) if isinstance(error, CountermandError) else _bug(state, error)


def globals_first(arguments: Sequence[str]) -> list[str]:
    """The global options may stand anywhere on the line; they are moved before the command."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in _SWITCHES:
            front.append(word)
        elif word == _WITH_VALUE:
            front += [word, *(value for value in [next(words, None)] if value is not None)]
        elif word.startswith(f"{_WITH_VALUE}="):
            front.append(word)
        else:
            rest.append(word)
    return front + rest


def _fail(state: Globals, error: Exception) -> int:
    from agent.cli.output import show_error
    from agent.engine.results import failure

    report, code = told(error)
    show_error(state, report)
    if state.json:
        state.print_json(failure(report))
    return code


def _bug(state: Globals, error: Exception) -> int:
    if state.verbose:
        import traceback

        from agent.redact import redactor

        state.people.print(redactor.clean("".join(traceback.format_exception(error))), markup=False)
    return _fail(state, error)
