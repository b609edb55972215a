"""
The commands, the global options, and one place where every error becomes a sentence and an exit code.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import (
    backup,
    cancel,
    change,
    deciding,
    doctor,
    link,
    new_portal,
    record,
    replay,
    seeing,
    settle,
    signing_in,
    sweep,
    teach,
    worker,
)
from agent.cli.accounts import accounts
from agent.cli.context import Globals, told
from agent.cli.notify import notify
from agent.cli.selectors import selectors
from agent.cli.shop import shop
from agent.cli.trace import trace
from agent.cli.vault import vault
from agent.cli.visits import visits
from agent.errors import EXIT_CTRL_C, BadInput, CountermandError
from agent.redact import redactor, set_up_logging

_SWITCHES = ("--json", "--verbose")
_WITH_VALUE = "--config"


def build() -> typer.Typer:
    """The command line with every installed command."""
    app = typer.Typer(
        name="countermand",
        help="Withdraws supplier orders that a customer cancelled, and then cancels the shop order.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
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
        set_up_logging(verbose)
        context.obj.config, context.obj.json, context.obj.verbose = config, json, verbose

    app.command("cancel")(cancel.cancel)
    app.command("show")(seeing.show)
    app.command("list")(seeing.list_)
    app.command("events")(seeing.events)
    app.command("report")(seeing.report)
    app.command("retry")(deciding.retry)
    app.command("resolve")(deciding.resolve)
    app.command("approve")(deciding.approve)
    app.command("link")(link.link)
    app.command("change")(change.change)
    app.command("settle")(settle.settle)
    app.command("sweep")(sweep.sweep)
    app.command("abandon")(deciding.abandon)
    app.command("sign-in")(signing_in.sign_in)
    app.command("sign-out")(signing_in.sign_out)
    app.add_typer(accounts, name="accounts")
    app.command("worker")(worker.worker)
    app.command("recover")(worker.recover)
    app.command("doctor")(doctor.doctor)
    app.add_typer(selectors, name="selectors")
    app.add_typer(shop, name="shop")
    app.add_typer(notify, name="notify")
    app.add_typer(vault, name="vault")
    app.add_typer(visits, name="visits")
    app.command("trace")(trace)
    app.command("teach")(teach.teach)
    app.command("new-portal")(new_portal.new_portal)
    app.command("record")(record.record)
    app.command("replay")(replay.replay)
    app.command("backup")(backup.backup)
    app.command("restore")(backup.restore)
    for entry in sorted(entry_points(group="countermand.commands"), key=lambda entry: entry.name):
        app.command(entry.name)(entry.load())
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
    except typer.Abort:
        return EXIT_CTRL_C
    except typer.TyperException as error:
        where = getattr(error, "ctx", None)
        what = error.format_message().replace(": Value error, ", ": ").rstrip(".")
        if not what:  # no command at all: the help has been shown
            return error.exit_code
        return _fail(state, BadInput(what, next=f"See {where.command_path if where else 'countermand'} --help."))
    except CountermandError as error:
        return _fail(state, error)
    except KeyboardInterrupt:
        return EXIT_CTRL_C
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; nobody is left to tell
        return 0
    except Exception as error:
        return _bug(state, error)


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

        state.people.print(redactor.clean("".join(traceback.format_exception(error))), markup=False)
    return _fail(state, error)
