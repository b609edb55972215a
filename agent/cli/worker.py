"""``countermand worker``: does whatever is due, for all accounts, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.context import Globals
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.engine.records import Cancellation
    from agent.engine.workshop import Workshop

Name = Annotated[str, typer.Option("--id", metavar="NAME", help="Its name; each running worker has its own.")]


def worker(
    context: typer.Context,
    id: Name = "worker-1",
    browsers: Annotated[int, typer.Option(min=1, max=50, help="How many accounts are visited at once.")] = 2,
) -> None:
    """Do what is due, for every account, until told to stop (Ctrl-C or SIGTERM: what is under way is ended first)."""
    from agent.engine.telling import telling
    from agent.engine.worker import named
    from agent.engine.workshop import Manner

    state: Globals = context.obj
    if not id.replace("-", "").replace("_", "").isalnum() or len(id) > 40:
        raise BadInput(
            f"{id} cannot be a worker's name", next="Use letters, digits and hyphens, at most 40, e.g. worker-1."
        )
    workshop = state.workshop(Manner(), Silent(state))
    with named(workshop.database, id), telling(workshop):
        asyncio.run(_work(state, workshop, id, browsers))


def recover(
    context: typer.Context,
    worker: Annotated[str, typer.Argument(metavar="WORKER", help="The name of the worker that will not come back.")],
) -> None:
    """Give what a worker had begun, and will not come back to, to the others."""
    from agent.engine.durable import has_queue, recover
    from agent.engine.worker import named
    from agent.engine.workshop import Manner

    state: Globals = context.obj
    database = state.workshop(Manner(), Silent(state)).database
    with named(database, worker):  # not while it runs
        count = recover(database, worker) if has_queue(database) else 0
    if state.json:
        state.print_json({"worker": worker, "visits": count})
    else:
        state.out.print(
            f"{count} visit{'s' if count != 1 else ''} of {worker} given to the other workers."
            if count
            else f"{worker} had begun nothing that is still open."
        )


async def _work(state: Globals, workshop: Workshop, id: str, browsers: int) -> None:
    from agent.engine.worker import Worker

    working = Worker(
        workshop, id=id, browsers=browsers, tells=lambda before, after: _tell(state, workshop, before, after)
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, working.stop)
    _line(state, f"worker {id} is ready", {"event": "ready", "worker": id, "browsers": browsers})
    await working.run()
    _line(state, f"worker {id} has stopped", {"event": "stopped", "worker": id})


def _tell(state: Globals, workshop: Workshop, before: Cancellation, after: Cancellation) -> None:
    """One line per visit, and the cancellation's report as it is now."""
    from agent.engine.results import result_of
    from agent.report import keep_report

    keep_report(workshop.ledger, workshop.settings.home, after.id)
    orders = ", ".join(f"{order.order_id} {order.stage.value.replace('_', ' ')}" for order in after.orders)
    error = f": {after.error.message}" if after.error else ""
    told = result_of(after, workshop.ledger, workshop.settings.home).model_dump(mode="json")
    _line(
        state,
        f"{after.id}  {after.stage.value.replace('_', ' ')}  {orders}{error}",
        {"event": "visit", "before": before.stage.value, **told},
    )


def _line(state: Globals, sentence: str, document: dict[str, object]) -> None:
    """A line for people, or one line of JSON for machines."""
    now = datetime.now(UTC)
    if state.json:
        state.print_json_line({"at": now, **document})
    else:
        state.people.print(f"{now.astimezone():%H:%M:%S}  {sentence}", markup=False, soft_wrap=True)


class Silent:
    """Nobody sits at a worker's terminal; what happens is told by visit, not by step."""

    is_here = False

    def __init__(self, state: Globals) -> None:
        self._state = state

    async def ask(self, question: str) -> None:
        """See ``Person.ask``."""

    async def agrees(self, question: str) -> bool:
        """See ``Person.agrees``. Silence is no."""
        return False

    async def choose(self, question: str, options: object) -> None:
        """See ``Person.choose``."""

    async def presses_enter(self, sentence: str) -> bool:
        """See ``Person.presses_enter``."""
        return False

    async def step_done(self, name: str, seconds: float, failed: bool) -> None:
        """See ``Person.step_done``."""

    def says(self, sentence: str) -> None:
        """See ``Person.says``."""
        if self._state.verbose:
            self._state.people.print(f"  … {sentence}", markup=False)
