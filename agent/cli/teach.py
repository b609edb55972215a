"""``countermand teach``: withdraw an order that is really to be withdrawn, and point at what countermand does not know."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.asked import chosen_reason
from agent.cli.cancel import Cancelling, Wait
from agent.cli.context import Globals
from agent.errors import ApprovalNeeded, BadInput, NeedsOperator
from agent.model import Reason, ReasonChoice, Settle

if TYPE_CHECKING:
    from agent.cli.person import TerminalPerson
    from agent.engine.asking import Request
    from agent.engine.workshop import Workshop


def teach(
    context: typer.Context,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account, as the settings name it.")],
    order: Annotated[
        str | None, typer.Option(metavar="N", help="An order that is to be withdrawn: it is, while you point.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="ID", help="A cancellation that the supplier has answered: teach the answer.")
    ] = None,
    reason: Annotated[Reason | None, typer.Option(help="Why, for the supplier; default: you are asked.")] = None,
    reason_text: Annotated[str | None, typer.Option(help="Why, in the portal's own words.")] = None,
) -> None:
    """Show countermand a portal's pages: it asks you to point at what it does not know, and remembers it."""
    from agent.browser.launch import need_screen
    from agent.cli.person import TerminalPerson
    from agent.engine.workshop import Manner

    state: Globals = context.obj
    if state.json:
        raise BadInput("teach is a conversation: it has no --json", next="Leave out --json.")
    if (order is None) == (after is None):
        raise BadInput("give --order N, or --after ID", next="See countermand teach --help.")
    name, _ = state.settings.account(account)
    person = TerminalPerson(state.people)
    if not person.is_here:
        raise NeedsOperator("teaching needs a person at a terminal", next="Run this command at a terminal.")
    need_screen()
    workshop = state.workshop(Manner(headed=True, teach=True), person)
    cancelling = Cancelling(state, workshop, Wait.SUBMITTED, None)
    try:
        if order is not None:
            request = asyncio.run(_request(state, person, name, order, reason, reason_text))
            asyncio.run(cancelling.all([request]))
        else:
            asyncio.run(_answer(state, workshop, name, after or ""))
    except (KeyboardInterrupt, asyncio.CancelledError):
        state.exit_code = cancelling.interrupted()
    _tell_of_pin(state, name)


async def _request(
    state: Globals,
    person: TerminalPerson,
    account: str,
    typed: str,
    reason: Reason | None,
    reason_text: str | None,
) -> Request:
    """What is asked for, after a yes: teaching withdraws the order like ``cancel``."""
    from agent.engine.asking import Request
    from agent.engine.records import Wanted
    from agent.portal import portal_named

    portal = portal_named(state.settings.account(account)[1].portal)
    wanted = Wanted(portal.name, account, portal.order_id(typed))
    if reason is None and reason_text is None:
        why = await _asked_reason(person)
    else:
        why = chosen_reason(reason, reason_text)
    if not await person.agrees(f"Order {wanted.order_id} will really be withdrawn while you teach. Go on?"):
        raise ApprovalNeeded(
            f"nobody said yes to the cancellation of order {wanted.order_id}",
            next="Teach with an order that is to be withdrawn.",
        )
    return Request(wanted=(wanted,), reason=why, settle=Settle.NEVER)


async def _asked_reason(person: TerminalPerson) -> ReasonChoice:
    reasons = list(Reason)
    place = await person.choose("Why is it withdrawn?", [one.value.replace("_", " ") for one in reasons])
    if place is None:
        raise BadInput("a request needs a reason", next="Give --reason or --reason-text.")
    return ReasonChoice(key=reasons[place])


async def _answer(state: Globals, workshop: Workshop, account: str, id: str) -> None:
    from agent.cli.output import show_result
    from agent.engine.results import exit_code_when_stopped, result_of
    from agent.engine.visits import Visits
    from agent.report import keep_report

    cancellation = workshop.ledger.get(id)
    orders = [one for one in cancellation.orders if one.account == account]
    if not orders:
        raise BadInput(f"cancellation {id} has no order of account {account}", next=f"Run countermand show {id}.")
    visits = Visits(workshop)
    for order in orders:
        await visits.teach_answer(cancellation, order)
    cancellation = workshop.ledger.get(id)
    keep_report(workshop.ledger, workshop.settings.home, id)
    result = result_of(cancellation, workshop.ledger, workshop.settings.home)
    show_result(state, result)
    state.exit_code = exit_code_when_stopped(cancellation, result)


def _tell_of_pin(state: Globals, account: str) -> None:
    portal = state.settings.account(account)[1].portal
    if (pin := state.settings.portal(portal).edition) is not None:
        state.people.print(
            f"The settings pin edition {pin}: what was taught is used once edition in \\[portals.{portal}] is removed."
        )
