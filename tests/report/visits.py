"""Visits of a cancellation as they would have been left, without a browser."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from agent.browser.evidence import Action, Failure, Journal, Reply, Request, VisitJournal, now
from agent.engine.records import Cancellation
from tests.engine.bench import Bench

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A picture."""
LONG = "https://www.aliexpress.localhost:8801/" + "a-very-long-path-without-any-end/" * 8


class Told(Journal):
    """A journal that tells of every state it was in on disk."""

    after: Callable[[Path], None] = staticmethod(lambda file: None)

    def _write(self) -> None:
        super()._write()
        self.after(self.folder / "visit.json")


def begun(bench: Bench, one: Cancellation, kind: str, *, after: timedelta = timedelta()) -> Told:
    """A visit of *one* begins."""
    order = one.orders[0]
    visit = bench.ledger.begin_visit(one.id, kind, order)
    entry = VisitJournal(
        visit=visit,
        kind=kind,
        request=Request(cancellation=one.id, orders=[order.order_id]),
        portal=order.portal,
        account=order.account,
        order=order.order_id,
        browser="chromium 156",
        edition="2026-11-20",
        digest="0123456789ab",
        started_at=bench.clock.now() + after,
    )
    return Told(bench.home / "visits" / visit, entry)


def looked(bench: Bench, one: Cancellation, *, after: timedelta, text: str = "Awaiting shipment") -> str:
    """A look that changed nothing."""
    journal = begun(bench, one, "look", after=after)
    stepped(journal, "read the supplier's answer")
    journal.end(ok=True, kind="waiting", message=f"order {one.orders[0].order_id}: {text}")
    return journal.entry.visit


def stepped(journal: Journal, name: str, *, failed: str | None = None) -> None:
    """A step with everything that a step can have."""
    step = journal.begin(name)
    journal.note(Action(what="open", at=now(), page="orders"))
    journal.note(Action(what="click", at=now(), target="orders.search_go", candidate="css=.b", drift=True))
    journal.note(Action(what="overlay", at=now(), target="coupon"))
    journal.note(
        Action(what="commit", at=now(), target="cancel.submit", candidate="role=button “Submit | Send”", result="8190")
    )
    picture = journal.folder / f"{len(journal.entry.steps):02d}.png"
    picture.write_bytes(PIXEL)
    step.picture, step.url = picture.name, LONG
    if failed:
        reply = Reply(at=now(), status=503, method="GET", what="document", url=LONG)
        outline = "\n".join(f"- heading “{'Order ' * 40}{n}”" for n in range(60))
        step.failure = Failure(outline=outline, console=["Uncaught TypeError: x" * 20], replies=[reply])
    journal.finish(step, failed=failed)
