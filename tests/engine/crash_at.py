"""
``python crash_at.py POINT …``: the command line, killed with SIGKILL at one point around the commit.

It patches from outside; production code has no hooks. The points are those of the commit that sends the request,
``cancel.confirm``. For ``after_click`` the mock portal's control endpoint is asked until it has received the request, so that
what is killed is certainly later than the click.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import Any, Literal, get_args

from agent.browser.commit import CommittingWalk
from agent.cli.app import run
from agent.engine.ledger import Ledger
from agent.engine.stamps import LedgerStamper
from agent.model import OrderId

Point = Literal["before_stamp", "after_stamp", "after_click", "before_record"]
CONTROL = "CRASH_CONTROL"
"""The environment variable with the control endpoint's address."""
_SENDS = "cancel.confirm"
_PATIENCE = 30.0


def die() -> None:
    """As a power cut would: no handler runs, nothing is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_request() -> None:
    """Until the portal has received the request, whatever becomes of it."""
    deadline = time.monotonic() + _PATIENCE
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline:
        with direct.open(f"{os.environ[CONTROL]}/counts", timeout=5) as answer:
            counts: dict[str, dict[str, int]] = json.load(answer)
        if any("json submit" in account for account in counts.values()):
            return
    sys.exit("the portal never received a request")


def before_stamp() -> None:
    async def arm(self: LedgerStamper, target: str, order: OrderId) -> None:
        die()

    _replace(LedgerStamper, "arm", lambda original: arm)


def after_stamp() -> None:
    def wrap(original: Any) -> Any:
        async def arm(self: LedgerStamper, target: str, order: OrderId) -> None:
            await original(self, target, order)
            if target == _SENDS:
                die()

        return arm

    _replace(LedgerStamper, "arm", wrap)


def after_click() -> None:
    def wrap(original: Any) -> Any:
        async def commit(self: CommittingWalk, target: str, *, order: OrderId) -> None:
            await original(self, target, order=order)
            if target == _SENDS:
                await asyncio.to_thread(wait_for_request)
                die()

        return commit

    _replace(CommittingWalk, "commit", wrap)


def before_record() -> None:
    def wrap(original: Any) -> Any:
        def move_order(self: Ledger, *arguments: Any, **named: Any) -> None:
            die()

        return move_order

    _replace(Ledger, "move_order", wrap)


def _replace(owner: type, name: str, wrap: Callable[[Any], Any]) -> None:
    setattr(owner, name, wrap(getattr(owner, name)))


_PATCHES: dict[str, Callable[[], None]] = {
    "before_stamp": before_stamp,
    "after_stamp": after_stamp,
    "after_click": after_click,
    "before_record": before_record,
}

if __name__ == "__main__":
    assert set(get_args(Point)) == set(_PATCHES)
    _PATCHES[sys.argv[1]]()
    sys.exit(run(sys.argv[2:]))
