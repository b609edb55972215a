"""``countermand record``: a visit becomes a case, which is walked again whenever flows or editions change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.context import Globals
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.engine.ledger import Ledger

_CASES = Path("recordings")


def record(
    context: typer.Context,
    visit: Annotated[str, typer.Argument(metavar="VISIT", help="The visit, as countermand show names it.")],
    name: Annotated[str, typer.Option(help="What the case is called, e.g. refused-by-courier.")],
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="The folder of cases.")] = _CASES,
    canary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="Text that must not be in it, e.g. the customer's name. May be given several times. Passwords, tokens and order "
            "numbers that countermand knows are looked for in any case.",
        ),
    ] = None,
) -> None:
    """Make a case of what a visit saw, with everything personal replaced. Prints what was."""
    from rich.table import Table

    from agent.browser.recording.cases import make_case
    from agent.cli.person import TerminalPerson
    from agent.engine.workshop import Manner

    state: Globals = context.obj
    workshop = state.workshop(Manner(), TerminalPerson(state.people))
    folder, recording = make_case(
        _visit(state, visit), name, to, [*_secrets(state), *(canary or [])], _Orders(workshop.ledger).any_real
    )
    if state.json:
        state.print_json(
            {
                "case": str(folder),
                "visit": visit,
                "edition": recording.edition,
                "steps": [moment.step for take in recording.takes for moment in take.moments],
                "replaced": recording.replaced,
            }
        )
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for what, count in recording.replaced.items():
        table.add_row(f"{count:,}", f"{what} replaced or dropped")
    state.out.print(table)
    state.out.print(f"{folder}", markup=False, soft_wrap=True)
    state.people.print(f"Look at its pages in a browser, then run countermand replay {folder}", markup=False)


def _visit(state: Globals, visit: str) -> Path:
    folder = state.settings.home / "visits" / visit
    if Path(visit).name != visit or not folder.is_dir():
        raise BadInput(f"there is no visit {visit}", next="countermand show ID names the visits of a cancellation.")
    return folder


def _secrets(state: Globals) -> list[str]:
    """Everything secret that the settings and the vault know; loading it tells the redactor."""
    from agent.browser.session import StateStore
    from agent.redact import redactor
    from agent.storefront import storefront_named, typed_settings
    from agent.vault import Vault
    from agent.vault_key import vault_key

    settings = state.settings
    states = StateStore(Vault(settings.home, vault_key(settings)))
    for name, account in settings.accounts.items():
        if account.username is not None:
            redactor.learn(account.username)
        with _if_at_hand(state):
            if account.password is not None:
                redactor.learn(account.password.resolve(f"the password of account {name}", settings.base))
        with _if_at_hand(state):
            states.load(account.portal, name)
    for name, shop in settings.shops.items():
        with _if_at_hand(state):
            typed_settings(storefront_named(shop.kind), name, shop.own(name, settings.base))
    return redactor.secrets


@contextmanager
def _if_at_hand(state: Globals) -> Iterator[None]:
    """A secret that this machine does not have cannot be looked for; people are told."""
    try:
        yield
    except BadInput as error:
        state.people.print(f"not looked for: {error.what}", markup=False)


class _Orders:
    """Which numbers are those of orders that somebody asked for."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def any_real(self, numbers: set[str]) -> bool:
        return self._ledger.any_order(numbers)
