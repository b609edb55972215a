"""``countermand cancel``: ask, do what is due, wait as long as was asked for, show the result."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.context import Globals
from agent.errors import EXIT_CTRL_C, BadInput, CountermandError
from agent.model import ErrorKind, OrderStage, Reason, ReasonChoice, Refund, Settle, ShopChoices, ShopReason

if TYPE_CHECKING:
    from datetime import datetime

    from agent.engine.advance import Engine
    from agent.engine.asking import Request
    from agent.engine.records import Cancellation, Wanted
    from agent.engine.workshop import Workshop
    from agent.model import Result
    from agent.settings import ShopPolicy

_NOT_KNOWN = (OrderStage.QUEUED, OrderStage.SUBMITTING, OrderStage.UNCERTAIN)
"""Whether such an order is submitted is still to be found out."""

NOTE_LIMIT = 255
"""The shop takes a staff note of at most this many characters."""


_LOOK_AGAIN = 0.3
"""Seconds between two looks at the ledger while a worker does the visits."""


class Wait(StrEnum):
    """How long the command waits."""

    NONE = "none"
    SUBMITTED = "submitted"
    DECIDED = "decided"
    DONE = "done"


def cancel(
    context: typer.Context,
    orders: Annotated[
        list[str],
        typer.Argument(
            metavar="ORDER…",
            help="Supplier order numbers. With a shop order they are withdrawn together, without one each for itself.",
        ),
    ],
    account: Annotated[str | None, typer.Option(help="The account the orders belong to.")] = None,
    reason: Annotated[Reason | None, typer.Option(help="Why, for the supplier.")] = None,
    reason_text: Annotated[str | None, typer.Option(help="Why, in the portal's own words.")] = None,
    shop: Annotated[str | None, typer.Option(help="The shop of the shop order.")] = None,
    shop_order: Annotated[
        str | None, typer.Option(help="The shop order to cancel once the supplier has agreed, e.g. '#1001'.")
    ] = None,
    refund: Annotated[
        Refund | None, typer.Option(help="Refund the customer with the cancellation, or leave it for later.")
    ] = None,
    shop_reason: Annotated[ShopReason | None, typer.Option(help="Why, for the shop.")] = None,
    note: Annotated[
        str | None, typer.Option(help=f"A staff note for the shop order, at most {NOTE_LIMIT} characters.")
    ] = None,
    restock: Annotated[
        bool | None, typer.Option("--restock/--no-restock", help="Put the items back into stock.")
    ] = None,
    notify: Annotated[bool | None, typer.Option("--notify/--no-notify", help="Tell the customer.")] = None,
    settle: Annotated[Settle, typer.Option(help="When the shop order is cancelled.")] = Settle.ON_APPROVAL,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Stop before the first click that cannot be undone.")
    ] = False,
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser.")] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask for a yes before the first click that cannot be undone.")
    ] = False,
    wait: Annotated[Wait, typer.Option(help="How long to wait.")] = Wait.SUBMITTED,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Stop waiting after this long, e.g. 30s or 2h. Never stops a visit."),
    ] = None,
) -> None:
    """Withdraw supplier orders, and cancel the shop order behind them once the supplier has agreed."""
    state: Globals = context.obj
    from agent.engine.asking import Request
    from agent.engine.workshop import Manner

    why = chosen_reason(reason, reason_text)
    wanted = _wanted(state, orders, account)
    shop_name, shop_choices = _shop(state, shop, shop_order, refund, shop_reason, note, restock, notify)
    limit = time_limit(timeout)
    together = [tuple(wanted)] if shop_order is not None else [(one,) for one in wanted]
    requests = [
        Request(
            wanted=group, reason=why, settle=settle, shop=shop_name, shop_order=shop_order, shop_choices=shop_choices
        )
        for group in together
    ]

    from agent.cli.person import TerminalPerson

    workshop = state.workshop(Manner(headed=headed, ask=ask), TerminalPerson(state.people))
    if dry_run:
        asyncio.run(_dry_run(state, workshop, wanted, why))
        return
    cancelling = Cancelling(state, workshop, wait, limit)
    try:
        asyncio.run(cancelling.all(requests))
    except (KeyboardInterrupt, asyncio.CancelledError):
        state.exit_code = cancelling.interrupted()


class Cancelling:
    """One run of the command: its requests, one after the other, and their results."""

    def __init__(self, state: Globals, workshop: Workshop, wait: Wait, limit: float | None) -> None:
        from agent.engine.advance import Engine

        self._state = state
        self._workshop = workshop
        self._engine: Engine = Engine(workshop)
        self._wait = wait
        self._limit = limit
        self._asked: list[str | CountermandError] = []
        """What came of asking, in the order of the command line: an id, or why not."""
        self._results: list[Result] = []
        self._codes: list[int] = []

    async def all(self, requests: Sequence[Request]) -> None:
        """Ask for all, do what is due, wait, show."""
        from agent.engine.asking import ask
        from agent.engine.results import failure

        deadline = self._deadline()
        for request in requests:
            try:
                self._asked.append((await ask(self._workshop, request)).id)
            except CountermandError as error:
                if len(requests) == 1:
                    raise
                self._asked.append(error)
        await self._do_what_is_due(deadline)
        for asked in self._asked:
            if isinstance(asked, str):
                self._finish(asked)
            else:
                self._add(failure(asked.report()), asked.exit_code)
        self._show(len(requests))

    async def go_on(self, ids: Sequence[str]) -> None:
        """Do what is due of cancellations that there are, wait, show."""
        self._asked = list(ids)
        await self._do_what_is_due(self._deadline())
        self.show(ids)

    def show(self, ids: Sequence[str]) -> None:
        """Show cancellations as they stand."""
        for id in ids:
            self._finish(id)
        self._show(len(ids))

    def _deadline(self) -> float | None:
        return None if self._limit is None else self._workshop.clock.monotonic() + self._limit

    async def _do_what_is_due(self, deadline: float | None) -> None:
        try:
            await self._until_settled(deadline)
        except Exception as error:
            self._nothing_is_open(error)
            raise

    @property
    def _ids(self) -> list[str]:
        return [asked for asked in self._asked if isinstance(asked, str)]

    def _nothing_is_open(self, error: Exception) -> None:
        """Whatever broke, a click without a known outcome comes first: that is what a person must hear."""
        from agent.errors import Uncertain

        for cancellation in map(self._workshop.ledger.get, self._ids):
            for order in cancellation.orders:
                if order.stamp is not None and order.stamp.is_open:
                    raise Uncertain(
                        f"order {order.order_id} may have been submitted, and then this happened: {error}"
                    ) from error

    async def _until_settled(self, deadline: float | None) -> None:
        clock, ledger = self._workshop.clock, self._workshop.ledger
        while self._wait is not Wait.NONE:
            left_to_worker = self._is_left_to_worker()
            if not left_to_worker:
                await self._engine.advance(clock.now(), self._ids)
            waiting = [one for one in map(ledger.get, self._ids) if self._goes_on(one, clock.now())]
            if not waiting:
                return
            pause = max(0.0, (min(_due(one) for one in waiting) - clock.now()).total_seconds())
            if left_to_worker:
                pause = _LOOK_AGAIN
            if deadline is not None and clock.monotonic() + pause >= deadline:
                await clock.wait(deadline - clock.monotonic())
                return
            await clock.wait(pause)

    def _is_left_to_worker(self) -> bool:
        """A worker does the visits where one is running, except those that a person wants to see or be asked about."""
        from agent.engine.worker import any_worker
        from agent.engine.workshop import Manner

        return self._workshop.manner == Manner() and any_worker(self._workshop.settings.home)

    def _goes_on(self, cancellation: Cancellation, now: datetime) -> bool:
        """Whether there is something left to do or wait for, within what was asked for."""
        if cancellation.due_at is None:
            return False
        is_down = cancellation.error is not None and cancellation.error.kind is ErrorKind.RETRYABLE
        if is_down and cancellation.stage.value != "awaiting_decision":
            return False
        if cancellation.due_at <= now:
            return True
        if cancellation.is_held:  # only watched, which may take for ever; unless a look is due once QUIET is over
            return not cancellation.stage.is_final and self._engine.is_in_quiet(cancellation)
        submitted = all(order.stage not in _NOT_KNOWN for order in cancellation.orders)
        decided = all(order.stage.is_decided for order in cancellation.orders)
        return not {Wait.SUBMITTED: submitted, Wait.DECIDED: decided}.get(self._wait, False)

    def _finish(self, id: str) -> None:
        from agent.engine.results import exit_code_when_stopped, result_of
        from agent.report import write_report

        cancellation = self._workshop.ledger.get(id)
        write_report(self._workshop.ledger, self._workshop.settings.home, id)
        result = result_of(cancellation, self._workshop.ledger, self._workshop.settings.home)
        self._add(result, exit_code_when_stopped(cancellation, result))

    def _add(self, result: Result, code: int) -> None:
        self._results.append(result)
        self._codes.append(code)

    def _show(self, asked: int) -> None:
        from agent.cli.output import show_result
        from agent.engine.results import worst

        if self._state.json:
            if asked == 1:
                self._state.print_json(self._results[0])
            else:
                self._state.print_json({"results": [result.model_dump(mode="json") for result in self._results]})
        for result in self._results:
            show_result(self._state, result)
        self._state.exit_code = worst(self._codes)

    def interrupted(self) -> int:
        """Ctrl-C: before a stamp nothing has happened; after one a person must know."""
        self._results, self._codes = [], []
        for id in self._ids:
            self._finish(id)
        if self._results:
            self._show(len(self._results))
        if 50 in self._codes:
            self._state.people.print(
                "Interrupted after a click whose outcome is not known. Give the same command again: it waits, looks at the order first, and never submits twice on hope."
            )
            return 50
        self._state.people.print(
            "Interrupted. Nothing was submitted that is not recorded; give the same command again to go on."
        )
        return EXIT_CTRL_C


async def _dry_run(state: Globals, workshop: Workshop, wanted: Sequence[Wanted], reason: ReasonChoice) -> None:
    from agent.browser.evidence import read_journal
    from agent.engine.visits import Visits

    seen: list[dict[str, object]] = []
    for one in wanted:
        folder = await Visits(workshop).dry_run(one, reason)
        journal = read_journal(folder)
        pictures = [str(folder / step.picture) for step in journal.steps if step.picture] if journal else []
        ending = journal.end.message if journal and journal.end else ""
        seen.append({"order_id": one.order_id, "visit": folder.name, "ended": ending, "pictures": pictures})
        state.people.print(f"Order {one.order_id}: {ending}. Nothing was submitted or recorded as asked.")
        if pictures:
            state.people.print(f"The page at that point: {pictures[-1]}", markup=False, soft_wrap=True)
    if state.json:
        state.print_json({"dry_run": seen[0] if len(seen) == 1 else seen})


def _due(cancellation: Cancellation) -> datetime:
    assert cancellation.due_at is not None
    return cancellation.due_at


def chosen_reason(key: Reason | None, text: str | None) -> ReasonChoice:
    """The reason that was given by one of the two options; giving none or both is bad input."""
    if (key is None) == (text is None or not text.strip()):
        raise BadInput(
            "give the reason for the supplier, once: --reason or --reason-text", next=f"Reasons: {', '.join(Reason)}."
        )
    return ReasonChoice(key=key, text=text.strip() if text else None)


def _wanted(state: Globals, orders: Sequence[str], account: str | None) -> list[Wanted]:
    from agent.engine.records import Wanted
    from agent.portal import portal_named

    name, settings = state.settings.account(account)
    portal = portal_named(settings.portal)
    numbers = dict.fromkeys(portal.order_id(order) for order in orders)
    return [Wanted(portal.name, name, number) for number in numbers]


def _shop(
    state: Globals,
    shop: str | None,
    order: str | None,
    refund: Refund | None,
    reason: ShopReason | None,
    note: str | None,
    restock: bool | None,
    notify: bool | None,
) -> tuple[str | None, ShopChoices | None]:
    given = {
        "--shop": shop,
        "--refund": refund,
        "--shop-reason": reason,
        "--note": note,
        "--restock": restock,
        "--notify": notify,
    }
    if order is None:
        stray = [option for option, value in given.items() if value is not None]
        if stray:
            raise BadInput(
                f"{', '.join(stray)} only goes with --shop-order", next="Add --shop-order, e.g. --shop-order '#1001'."
            )
        return None, None
    if not order.strip():
        raise BadInput("--shop-order is empty", next="Give the shop order's name, e.g. --shop-order '#1001'.")
    if note is not None and len(note) > NOTE_LIMIT:
        raise BadInput(f"the note has {len(note)} characters; the shop takes at most {NOTE_LIMIT}", next="Shorten it.")
    name, settings = state.settings.shop(shop)
    policy: ShopPolicy = settings.policy
    refund, reason = refund or policy.refund, reason or policy.reason
    restock = policy.restock if restock is None else restock
    notify = policy.notify if notify is None else notify
    missing = [
        option
        for option, value in (
            ("--refund now|later", refund),
            ("--shop-reason", reason),
            ("--restock or --no-restock", restock),
            ("--notify or --no-notify", notify),
        )
        if value is None
    ]
    if missing or refund is None or reason is None or restock is None or notify is None:
        raise BadInput(
            f"the shop order's cancellation needs {', '.join(missing)}",
            next=f"Give it here, or once for all in policy of [shops.{name}]. Nothing is assumed where money moves.",
        )
    return name, ShopChoices(refund=refund, reason=reason, note=note, restock=restock, notify=notify)


def time_limit(text: str | None) -> float | None:
    """The seconds of ``--timeout``; ``None``: no limit."""
    from agent.settings import parse_duration

    if text is None:
        return None
    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise BadInput(f"--timeout: {error}", next="Write e.g. --timeout 30s.") from None
