"""``countermand cancel``: ask, do what is due, wait as long as was asked for, show the result."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from loguru import logger

from agent.cli.asked import NOTE_LIMIT, Asked, requests_for
from agent.cli.context import Globals, duration, told
from agent.cli.finding import check_before_finding, find_and_request, is_incomplete
from agent.errors import EXIT_CTRL_C, BadInput, CountermandError
from agent.model import ErrorKind, OrderStage, Reason, ReasonChoice, Refund, Settle, ShopReason

if TYPE_CHECKING:
    from datetime import datetime

    from agent.cli.batch_results import BatchResults
    from agent.engine.advance import Engine
    from agent.engine.asking import Request
    from agent.engine.records import Cancellation, Wanted
    from agent.engine.workshop import Workshop
    from agent.model import Result

_NOT_KNOWN = (OrderStage.QUEUED, OrderStage.SUBMITTING, OrderStage.UNCERTAIN)
"""Whether such an order is submitted is still to be found out."""


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
        list[str] | None,
        typer.Argument(
            metavar="ORDER…",
            help="Supplier order numbers. With a shop order they are withdrawn together, without one each for itself. "
            "Left out beside --shop-order, they are looked for in the shop order.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Take the orders from a .csv or .jsonl file, or from - (stdin). Its columns are called like these "
            "options: order, account, reason, …; what a row leaves empty is taken from the options given here.",
        ),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="With --from: leave out the lines that cannot be used.")
    ] = False,
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
    only_these: Annotated[
        bool, typer.Option("--only-these", help="Leave other supplier orders be that the shop order names.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Stop before the first click that cannot be undone.")
    ] = False,
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser.")] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask for a yes before the first click that cannot be undone.")
    ] = False,
    slow_mo: Annotated[
        int | None,
        typer.Option(
            "--slow-mo",
            metavar="MS",
            min=1,
            max=60_000,
            help="With --headed: wait this many milliseconds after each action.",
        ),
    ] = None,
    step: Annotated[bool, typer.Option("--step", help="Wait for Enter at the terminal before each step.")] = False,
    pause_on_failure: Annotated[
        bool,
        typer.Option("--pause-on-failure", help="With --headed: leave the page of a failed step open until Enter."),
    ] = False,
    wait: Annotated[Wait, typer.Option(help="How long to wait.")] = Wait.SUBMITTED,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Stop waiting after this long, e.g. 30s or 2h. Never stops a visit."),
    ] = None,
) -> None:
    """Withdraw supplier orders, and cancel the shop order behind them once the supplier has agreed."""
    state: Globals = context.obj
    _one_source(orders, file, shop_order, skip_bad)
    _somebody_follows(headed=headed, slow_mo=slow_mo, step=step, pause_on_failure=pause_on_failure)
    asked = Asked(
        order=tuple(orders or ()),
        account=account,
        reason=reason,
        reason_text=reason_text,
        shop=shop,
        shop_order=shop_order,
        refund=refund,
        shop_reason=shop_reason,
        note=note,
        restock=restock,
        notify=notify,
        settle=settle,
        only_these=only_these or None,
    )
    limit = None if timeout is None else duration("--timeout", timeout).total_seconds()
    requests: Sequence[Request | BadInput] = []
    watch: BatchResults | None = None
    if file is not None:
        from agent.cli.batch import read_batch
        from agent.cli.batch_results import BatchResults

        batch = read_batch(file, asked, state.settings, skip_bad=skip_bad)
        requests = [item.request for item in batch.items]
        watch = BatchResults(state, batch)

    from agent.cli.person import TerminalPerson
    from agent.engine.telling import telling
    from agent.engine.workshop import Manner

    person = TerminalPerson(state.people, watch.bar if watch else None)
    manner = Manner(headed=headed, ask=ask, slow_mo=slow_mo or 0, step=step, pause_on_failure=pause_on_failure)
    if file is None and person.is_here and not state.json:
        from agent.cli.asking_for import ask_for_what_is_missing

        asked = asyncio.run(ask_for_what_is_missing(person, state.settings, asked))
    queued = wait is Wait.NONE and not person.is_here
    must_find = file is None and is_incomplete(asked)
    if must_find:
        check_before_finding(state.settings, asked)
    elif file is None:
        requests = requests_for(state.settings, asked, queued=queued)
    workshop = state.workshop(manner, person)
    if must_find:
        requests = asyncio.run(find_and_request(workshop, asked, queued=queued))
    if dry_run:
        asyncio.run(_dry_run(state, workshop, requests, from_file=file is not None))
        return
    cancelling = Cancelling(state, workshop, wait, limit, watch)
    try:
        with telling(workshop):
            asyncio.run(cancelling.all(requests))
    except (KeyboardInterrupt, asyncio.CancelledError):
        state.exit_code = cancelling.interrupted()
    if watch:
        watch.says_where()


def _one_source(orders: Sequence[str] | None, file: str | None, shop_order: str | None, skip_bad: bool) -> None:
    if orders and file is not None:
        raise BadInput(
            "give order numbers or --from FILE, not both", next="Leave one of them out, or add the orders to the file."
        )
    if not orders and file is None and shop_order is None:
        raise BadInput(
            "Missing argument ORDER…, or --from FILE, or --shop-order", next="See countermand cancel --help."
        )
    if skip_bad and file is None:
        raise BadInput("--skip-bad only goes with --from", next="Leave out --skip-bad.")


def _somebody_follows(*, headed: bool, slow_mo: int | None, step: bool, pause_on_failure: bool) -> None:
    """What is for a person who follows needs the window they look at, and the terminal they press Enter at."""
    for option, is_given in (("--slow-mo", slow_mo is not None), ("--pause-on-failure", pause_on_failure)):
        if is_given and not headed:
            raise BadInput(f"{option} is for somebody who sees the browser", next="Add --headed, or leave it out.")
    at_terminal = sys.stdin is not None and sys.stdin.isatty()
    for option, is_given in (("--step", step), ("--pause-on-failure", pause_on_failure)):
        if is_given and not at_terminal:
            raise BadInput(
                f"{option} waits for Enter, and there is no terminal to press it at",
                next="Give the command at a terminal, or leave it out.",
            )


class Watch(Protocol):
    """Hears how the requests of a file stand while the work goes on."""

    def begins(self) -> None:
        """The work begins; nothing has been asked yet."""

    def stands(self, number: int, result: Result, code: int, *, is_over: bool) -> None:
        """Where request *number* stands now; *is_over*: this command does nothing more for it."""

    def ends(self) -> None:
        """The work is over, or was interrupted. May be said twice."""


class Cancelling:
    """
    One run of the command: its requests, one after the other, and their results.

    :param watch: for a file's requests: they are several, however few, so none of them stops the others.
    """

    def __init__(
        self, state: Globals, workshop: Workshop, wait: Wait, limit: float | None, watch: Watch | None = None
    ) -> None:
        from agent.engine.advance import Engine

        self._state = state
        self._workshop = workshop
        self._engine: Engine = Engine(workshop)
        self._wait = wait
        self._limit = limit
        self._watch = watch
        self._is_alone = False
        self._asked: list[str | Exception] = []
        """What came of asking, in the order of the command line: an id, or why not."""
        self._looks_before: dict[str, int] = {}
        """How often those were looked at already that were asked for earlier."""
        self._advanced: set[str] = set()
        """Those whose next visit this command has done."""
        self._broken: dict[str, Exception] = {}
        """What a bug of ours stopped, while the others went on."""
        self._results: list[Result] = []
        self._codes: list[int] = []

    async def all(self, requests: Sequence[Request | BadInput]) -> None:
        """Ask for all, do what is due, wait, show."""
        self._is_alone = self._watch is None and len(requests) == 1
        deadline = self._deadline()
        if self._watch:
            self._watch.begins()
        try:
            for request in requests:
                self._asked.append(await self._ask(request))
                self._tell(len(self._asked) - 1)
            await self._do_what_is_due(deadline)
        finally:
            if self._watch:
                self._watch.ends()
        self._finish()

    async def go_on(self, id: str) -> None:
        """Do what is due of a cancellation that there is, wait, show."""
        self._is_alone, self._asked = True, [id]
        self._counts_looks(self._workshop.ledger.get(id))
        await self._do_what_is_due(self._deadline())
        self._finish()

    def show(self, id: str) -> None:
        """Show a cancellation as it stands."""
        self._is_alone, self._asked = True, [id]
        self._finish()

    def _deadline(self) -> float | None:
        return None if self._limit is None else self._workshop.clock.monotonic() + self._limit

    async def _do_what_is_due(self, deadline: float | None) -> None:
        try:
            async with self._workshop.keeping_browsers(1):
                await self._until_settled(deadline)
        except Exception as error:
            if (uncertain := self._may_be_out(error, self._ids)) is not None:
                raise uncertain from error
            raise

    async def _ask(self, request: Request | BadInput) -> str | Exception:
        from agent.engine.asking import ask

        if isinstance(request, BadInput):
            return request
        try:
            cancellation = await ask(self._workshop, request)
            self._counts_looks(cancellation)
            return cancellation.id
        except CountermandError as error:
            if self._is_alone:
                raise
            return error
        except Exception as error:
            if self._watch is None:
                raise
            logger.opt(exception=error).debug("a bug while asking")
            return error

    def _counts_looks(self, cancellation: Cancellation) -> None:
        if not any(order.stage in _NOT_KNOWN for order in cancellation.orders):
            self._looks_before[cancellation.id] = cancellation.looks

    @property
    def _ids(self) -> list[str]:
        return [asked for asked in self._asked if isinstance(asked, str) and asked not in self._broken]

    def _may_be_out(self, error: Exception, ids: Sequence[str]) -> CountermandError | None:
        """Whatever broke, a click without a known outcome comes first: that is what a person must hear."""
        from agent.errors import Uncertain

        for cancellation in map(self._workshop.ledger.get, ids):
            for order in cancellation.orders:
                if order.stamp is not None and order.stamp.is_open:
                    return Uncertain(f"order {order.order_id} may have been submitted, and then this happened: {error}")
        return None

    async def _until_settled(self, deadline: float | None) -> None:
        from agent.engine.clock import SetBack
        from agent.engine.schedule import Schedule

        clock, ledger = self._workshop.clock, self._workshop.ledger
        set_back, schedule = SetBack(clock), Schedule(self._workshop.database, clock)
        while self._wait is not Wait.NONE:
            if back := set_back.by():
                schedule.bring_forward(back, self._ids)
            now, left_to_worker = clock.now(), self._is_left_to_worker()
            due = set() if left_to_worker else set(ledger.due(now, self._ids))
            for id in filter(due.__contains__, self._ids):
                await self._advance(id, now)
            if left_to_worker and self._watch:
                for number in range(len(self._asked)):
                    self._tell(number)
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
        from agent.engine.workshop import Manner

        return self._workshop.manner == Manner() and self._workshop.database.locks.any_worker()

    @cached_property
    def _worker_is_there(self) -> bool:
        return self._is_left_to_worker()

    async def _advance(self, id: str, now: datetime) -> None:
        """Do the next visit of *id*. For a file's row even a bug of ours is that row's alone."""
        looked_at = {id}
        try:
            looked_at |= {one.id for one in await self._engine.advance(now, [id], among=self._ids)}
        except Exception as error:
            if self._watch is None:
                raise
            logger.opt(exception=error).debug("a bug in a visit of {}", id)
            self._broken[id] = self._may_be_out(error, [id]) or error
        self._advanced |= looked_at
        for number, asked in enumerate(self._asked):
            if asked in looked_at:  # several requests of a file may be one cancellation
                self._tell(number)

    def _tell(self, number: int) -> None:
        if self._watch:
            self._watch.stands(number, *self._standing(number), is_over=self._is_over(number))

    def _is_over(self, number: int) -> bool:
        asked = self._asked[number]
        if self._wait is Wait.NONE or not isinstance(asked, str) or asked in self._broken:
            return True
        return not self._goes_on(self._workshop.ledger.get(asked), self._workshop.clock.now())

    def _goes_on(self, cancellation: Cancellation, now: datetime) -> bool:
        """Whether there is something left to do or wait for, within what was asked for."""
        if cancellation.due_at is None:
            return False
        is_down = cancellation.error is not None and cancellation.error.kind is ErrorKind.RETRYABLE
        if is_down and cancellation.stage.value != "awaiting_decision":
            return False
        submitted = all(order.stage not in _NOT_KNOWN for order in cancellation.orders)
        decided = all(order.stage.is_decided for order in cancellation.orders)
        if cancellation.due_at <= now:
            # Looks become due again and again. Who waits for the submit only is shown one, where it had been submitted before.
            only_looks = submitted and not decided and self._wait is Wait.SUBMITTED
            return not (only_looks and self._is_looked_at(cancellation))
        if cancellation.is_held:  # only watched, which may take for ever; unless a look is due once QUIET is over
            return not cancellation.stage.is_final and self._engine.is_in_quiet(cancellation)
        return not {Wait.SUBMITTED: submitted, Wait.DECIDED: decided}.get(self._wait, False)

    def _is_looked_at(self, cancellation: Cancellation) -> bool:
        """By this command, or by the worker since it was given."""
        return cancellation.id in self._advanced or cancellation.looks > self._looks_before.get(cancellation.id, -1)

    def _standing(self, number: int) -> tuple[Result, int]:
        """Where request *number* stands now: its result, and the exit code it alone would give."""
        from agent.engine.results import exit_code, exit_code_when_stopped, failure, result_of

        asked = self._asked[number]
        if not isinstance(asked, str):
            report, code = told(asked)
            return failure(report), code
        cancellation = self._workshop.ledger.get(asked)
        result = result_of(cancellation, self._workshop.ledger, self._workshop.settings.home)
        if asked not in self._broken:
            # A click that a worker has just made is on its way; without one nobody goes on with it.
            at_work = self._wait is Wait.NONE and self._worker_is_there
            return result, exit_code(result) if at_work else exit_code_when_stopped(cancellation, result)
        report, code = told(self._broken[asked])
        return result.model_copy(update={"error": report}), code

    def _finish(self) -> None:
        from agent.report import keep_report

        self._results, self._codes = [], []
        for number, asked in enumerate(self._asked):
            if isinstance(asked, str):
                keep_report(self._workshop.ledger, self._workshop.settings.home, asked)
            result, code = self._standing(number)
            self._results.append(result)
            self._codes.append(code)
            if self._watch:
                self._watch.stands(number, result, code, is_over=self._is_over(number))
        self._show()
        if self._watch:
            self._watch.ends()

    def _show(self) -> None:
        from agent.cli.output import show_result, show_shop_wait, show_until
        from agent.engine.results import worst

        if self._state.json:
            if self._is_alone:
                self._state.print_json(self._results[0])
            else:
                self._state.print_json({"results": [result.model_dump(mode="json") for result in self._results]})
        for asked, result in zip(self._asked, self._results, strict=True):
            show_result(self._state, result)
            if isinstance(asked, str):
                cancellation = self._workshop.ledger.get(asked)
                show_until(self._state, cancellation)
                show_shop_wait(self._state, cancellation, self._workshop.ledger)
        self._state.exit_code = worst(self._codes)

    def interrupted(self) -> int:
        """Ctrl-C: before a stamp nothing has happened; after one a person must know."""
        if self._asked:
            self._finish()
        if 50 in self._codes:
            self._state.people.print(
                "Interrupted after a click whose outcome is not known. Give the same command again: it waits, looks at the order first, and never submits twice on hope."
            )
            return 50
        self._state.people.print(
            "Interrupted. Nothing was submitted that is not recorded; give the same command again to go on."
        )
        return EXIT_CTRL_C


async def _dry_run(
    state: Globals, workshop: Workshop, requests: Sequence[Request | BadInput], *, from_file: bool
) -> None:
    """Rehearse every order. One of a file that cannot be rehearsed does not stop the others."""
    from agent.cli.output import show_error
    from agent.engine.results import worst

    seen: list[dict[str, object]] = []
    codes: list[int] = []

    def failed(order: str | None, error: CountermandError) -> None:
        report, code = told(error)
        show_error(state, report)
        seen.append({"order_id": order, "error": report.model_dump(mode="json")})
        codes.append(code)

    for request in requests:
        if isinstance(request, BadInput):
            failed(None, request)
            continue
        for one in request.wanted:
            try:
                seen.append(await _rehearse(state, workshop, one, request.reason))
            except CountermandError as error:
                if not from_file:
                    raise
                failed(one.order_id, error)
    if state.json:
        state.print_json({"dry_run": seen if from_file or len(seen) > 1 else seen[0]})
    state.exit_code = worst(codes)


async def _rehearse(state: Globals, workshop: Workshop, one: Wanted, reason: ReasonChoice) -> dict[str, object]:
    from agent.browser.evidence import read_journal
    from agent.engine.visits import Visits

    folder = await Visits(workshop).dry_run(one, reason)
    journal = read_journal(folder)
    pictures = [str(folder / step.picture) for step in journal.steps if step.picture] if journal else []
    ending = journal.end.message if journal and journal.end else ""
    state.people.print(f"Order {one.order_id}: {ending}. Nothing was submitted or recorded as asked.")
    if pictures:
        state.people.print(f"The page at that point: {pictures[-1]}", markup=False, soft_wrap=True)
    return {"order_id": one.order_id, "visit": folder.name, "ended": ending, "pictures": pictures}


def _due(cancellation: Cancellation) -> datetime:
    assert cancellation.due_at is not None
    return cancellation.due_at
