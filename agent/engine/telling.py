"""
Telling people while the work goes on: in a thread of its own, which looks at the ledger. Whatever becomes of it, no visit notices.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from loguru import logger

from agent.engine.notices import Notices
from agent.engine.workshop import Workshop
from agent.errors import CountermandError
from agent.notify import PATIENCE, Address, addresses, send

EVERY = 2.0
"""Seconds between two looks at the ledger."""
REST = 60.0
"""Seconds for which an address that failed is left alone, so that it does not hold up the others."""


@contextmanager
def telling(workshop: Workshop) -> Iterator[None]:
    """Tell people of what comes about while the block runs, and at its end of what is left, in bounded time."""
    settings = workshop.settings
    found, wrong = addresses(settings.notify, settings.base)
    for error in wrong:
        logger.warning("{}. {}", error.what, error.next)
    if not found:
        yield
        return
    teller = Teller(found, Notices(workshop.database, workshop.clock, settings.notify.on))
    teller.start()
    try:
        yield
    finally:
        teller.stop()


class Teller:
    """Sends what is noted, until it is stopped."""

    def __init__(self, to: list[Address], notices: Notices, *, patience: float = PATIENCE) -> None:
        self._to = {address.name: address for address in to}
        self._notices = notices
        self._patience = patience
        self._told_to_stop = threading.Event()
        self._rests_until: dict[str, float] = {}
        self._is_without_ledger = False
        self._thread = threading.Thread(target=self._run, name="telling", daemon=True)

    def start(self) -> None:
        """Begin. What stands in the ledger before this is not told, if nobody was ever told anything."""
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """Look once more, and end. A service that hangs is not waited for longer than one message may take."""
        self._told_to_stop.set()
        self._thread.join(self._patience + 5)
        if self._thread.is_alive():
            logger.warning("some notifications are not sent yet; the next command or worker sends them")

    def _run(self) -> None:
        while not self._told_to_stop.wait(EVERY):
            self.tell()
        self.tell()

    def tell(self) -> None:
        """Look at the ledger once, and send what is due."""
        if self._look():
            self._safely(self._send)

    def _look(self) -> bool:
        return self._safely(lambda: self._notices.note(list(self._to)))

    def _safely(self, doing: Callable[[], None]) -> bool:
        """A ledger that is locked, full or away is told of once: the next look does it."""
        try:
            doing()
        except Exception as error:
            if not self._is_without_ledger:
                what = error.what if isinstance(error, CountermandError) else f"{type(error).__name__}: {error}"
                logger.warning("people are not told for now: {}", what)
            self._is_without_ledger = True
            return False
        self._is_without_ledger = False
        return True

    def _send(self) -> None:
        now = time.monotonic()
        awake = [name for name in self._to if self._rests_until.get(name, 0.0) <= now]
        for due in self._notices.take(awake):
            # What was taken for an address that has failed since is tried when its time comes again.
            to = [self._to[name] for name in due.to if self._rests_until.get(name, 0.0) <= time.monotonic()]
            for sent in send(to, due.title, due.body, self._patience):
                if sent.arrived:
                    self._notices.arrived(due.key, sent.address)
                    continue
                self._rests_until[sent.address] = time.monotonic() + REST
                again = self._notices.failed(due.key, sent.address, for_good=sent.is_unusable)
                then = "it is tried again" if again else "it is given up; countermand notify test says more"
                logger.warning("a notification did not reach {}: {}; {}", sent.address, sent.why_not, then)
