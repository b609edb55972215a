"""
Ours: the submit visit as a worker does it, with ledger, stamps, every check, journal and evidence. Pace 0.

:func:`ours` is the one place that says what a withdrawal by countermand is.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from agent.cli.context import Globals
from agent.cli.worker import Silent
from agent.engine.advance import Engine
from agent.engine.asking import Request, ask
from agent.engine.records import Wanted
from agent.engine.workshop import Manner, Workshop
from agent.model import OrderId, Reason, ReasonChoice, Settle
from benchmarks.peers.place import Peer, Place, Withdraw

_NONE = {"pictures": "off", "trace": "never", "recordings": "never"}
_REASON = ReasonChoice(key=Reason.NO_LONGER_NEEDED)


@asynccontextmanager
async def ours(place: Place, evidence: dict[str, str], leave_out: tuple[str, ...] = ()) -> AsyncIterator[Withdraw]:
    """
    countermand with a ledger of its own.

    :param evidence: what [evidence] of the settings says; empty for the defaults.
    :param leave_out: what pages are shown without, as in [browser].
    """
    workshop = workshop_at(place, evidence, leave_out)
    engine = Engine(workshop)

    async def withdraw(order: str) -> None:
        wanted = Wanted("aliexpress", place.account, OrderId(order))
        asked = await ask(workshop, Request((wanted,), _REASON, Settle.NEVER))
        await engine.advance_one(asked.id, among=[asked.id])
        after = workshop.ledger.get(asked.id)
        if after.error is not None:
            raise RuntimeError(after.error.message)

    try:
        async with workshop.keeping_browsers(1):
            yield withdraw
    finally:
        workshop.database.close()


def workshop_at(place: Place, evidence: dict[str, str], leave_out: tuple[str, ...] = ()) -> Workshop:
    """What visits need, made from a settings file as the command line does it, with a home of its own."""
    config = Path(place.sites.places["config"])
    name = "-".join(("home", place.account, *evidence.values(), *leave_out))
    (config.parent / name).mkdir()
    shutil.copytree(place.sites.home / "selectors", config.parent / name / "selectors")
    text = config.read_text(encoding="utf-8").replace('home = "home"', f'home = "{name}"', 1)
    text += "\n[evidence]\n" + "".join(f'{key} = "{value}"\n' for key, value in evidence.items())
    if leave_out:
        text += f"\n[browser]\nleave_out = {json.dumps(leave_out)}\n"
    own = config.parent / f"{name}.toml"
    own.write_text(text, encoding="utf-8")
    state = Globals(config=own)
    return state.workshop(Manner(), Silent(state))


DEFAULT = Peer("ours, default evidence", "countermand: pictures, journal, recording", partial(ours, evidence={}))
OFF = Peer(
    "ours, evidence off",
    "countermand: the journal only",
    partial(ours, evidence=_NONE),
)
LEAN = Peer(
    "ours, evidence off, lean pages",
    "countermand: the journal only, pages without images, fonts and analytics",
    partial(ours, evidence=_NONE, leave_out=("images", "fonts", "analytics")),
)
TRACED = Peer(
    "ours, trace always", "countermand: everything, and Playwright's trace", partial(ours, evidence={"trace": "always"})
)
