"""
Which commands there are, and where each one lives: a command is imported when it is given, so that no other waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Command(NamedTuple):
    """A command before it is imported."""

    name: str
    place: str
    """``module:object``, below ``agent.cli``; the object is a function, or a group of commands."""
    summary: str
    """The first sentence of its help, which the list of commands shows without importing it."""


SECTIONS: dict[str, tuple[Command, ...]] = {
    "Cancelling": (
        Command(
            "cancel",
            "cancel:cancel",
            "Withdraw supplier orders, and cancel the shop order behind them once the supplier has agreed.",
        ),
        Command(
            "link",
            "link:link",
            "Say which shop order a supplier order belongs to, so that cancel finds one by the other.",
        ),
        Command("change", "change:change", "Alter what is to happen in the shop, until it happens."),
        Command(
            "sweep",
            "sweep:sweep",
            "Look now at every order that waits for its supplier's decision: one browser session per account, however many"
            " orders.",
        ),
    ),
    "Looking": (
        Command("list", "seeing:list_", "List the cancellations, those that changed last first."),
        Command("show", "seeing:show", "Show one cancellation."),
        Command("events", "seeing:events", "List every change of one cancellation."),
        Command("report", "seeing:report", "Write the report of one cancellation as a page, and print where it is."),
        Command("visits", "visits:visits", "What visits have left: journals, pictures, traces."),
        Command(
            "trace",
            "trace:trace",
            "Show what was done in a visit: in Playwright's trace viewer until Ctrl-C, or as a list with --json or where"
            " there is no screen.",
        ),
    ),
    "Answering": (
        Command(
            "approve",
            "deciding:approve",
            "Say yes to the submit that a cancellation waits with, for what the order costs as it was read.",
        ),
        Command(
            "resolve",
            "deciding:resolve",
            "Say what you saw at the portal about an order that may have been submitted.",
        ),
        Command("retry", "deciding:retry", "Do now what is due next."),
        Command("settle", "settle:settle", "Cancel the shop order where the suppliers answered differently."),
        Command("abandon", "deciding:abandon", "Give a cancellation up."),
    ),
    "Accounts and shop": (
        Command("sign-in", "signing_in:sign_in", "Sign in at the portal and keep the signed-in state, encrypted."),
        Command("sign-out", "signing_in:sign_out", "Forget the signed-in state of an account."),
        Command("accounts", "accounts:accounts", "The accounts: signed in, proven, paused."),
        Command("shop", "shop:shop", "The shop whose orders are cancelled."),
        Command("notify", "notify:notify", "Telling people of what needs them."),
        Command("vault", "vault:vault", "The key that signed-in states and tokens are sealed with."),
    ),
    "Running": (
        Command(
            "worker",
            "worker:worker",
            "Do what is due, for every account, until told to stop (Ctrl-C or SIGTERM: what is under way is ended first).",
        ),
        Command("recover", "worker:recover", "Give what a worker had begun, and will not come back to, to the others."),
        Command(
            "doctor",
            "doctor:doctor",
            "Check settings, folders, vault, ledger, editions, notifications and browser.",
        ),
        Command("backup", "backup:backup", "Write the ledger into one file, while others work with it."),
        Command("restore", "backup:restore", "Put the ledger back as a backup has it, after a yes."),
    ),
    "Portals": (
        Command(
            "selectors",
            "selectors:selectors",
            "Look at editions (dated selectors files), compare and check them.",
        ),
        Command(
            "teach",
            "teach:teach",
            "Show countermand a portal's pages: it asks you to point at what it does not know, and remembers it.",
        ),
        Command(
            "record",
            "record:record",
            "Make a case of what a visit saw, with everything personal replaced.",
        ),
        Command("replay", "replay:replay", "Walk recordings again, without portal and network."),
        Command(
            "new-portal",
            "new_portal:new_portal",
            "Add the skeleton of another supplier's portal to a checkout.",
        ),
    ),
}
"""The commands of the agent, as the list of commands shows them."""

_OTHERS = "Installed beside"


class Group(TyperGroup):
    """The commands of ``countermand``: its own, and those that packages offer as ``countermand.commands``."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._imported = _Imported()
        self.commands = self._imported

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List them in sections. Only what other packages offer is imported: nobody else knows what it says of itself."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(command.name, command.summary) for command in commands])
        if others := self._imported.others:
            with formatter.section(_OTHERS):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(limit=200)) for name in others])


class _Imported(MutableMapping[str, Any]):
    """Commands by name, each imported when it is asked for."""

    def __init__(self) -> None:
        self._ours = {command.name: command for commands in SECTIONS.values() for command in commands}
        self._added: dict[str, Any] = {}

    @property
    def others(self) -> dict[str, EntryPoint]:
        """What other packages offer, by name. A name of ours stays ours."""
        from importlib.metadata import entry_points

        found = sorted(entry_points(group="countermand.commands"), key=lambda entry: entry.name)
        return {entry.name: entry for entry in found if entry.name not in self._ours}

    def __getitem__(self, name: str) -> Any:
        if name not in self._added:
            self._added[name] = _as_command(name, self._load(name))
        return self._added[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._added[name] = command

    def __delitem__(self, name: str) -> None:
        del self._added[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*self._ours, *self.others])

    def __len__(self) -> int:
        return len(self._ours) + len(self.others)

    def _load(self, name: str) -> Any:
        if ours := self._ours.get(name):
            module, _, thing = ours.place.partition(":")
            return getattr(import_module(f"agent.cli.{module}"), thing)
        return self.others[name].load()


def _as_command(name: str, loaded: Any) -> Any:
    if isinstance(loaded, typer.Typer):
        group = typer.main.get_group(loaded)
        group.name = name
        return group
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name)(loaded)
    return typer.main.get_command(alone)
