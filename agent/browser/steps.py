"""
The steps of a walk: each named, timed, pictured, and its errors sorted by who acts next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from loguru import logger
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab

from agent.browser.edition import Edition
from agent.browser.evidence import Journal, Step
from agent.browser.picture import picture_of
from agent.browser.tabs import Tabs
from agent.browser.tracer import Tracer
from agent.browser.witness import Witness
from agent.errors import ApprovalNeeded, CountermandError, Refused, Retryable, Uncertain
from agent.redact import redactor
from agent.walk import Person, StoppedBeforeCommit


async def wait_for_enter(person: Person, step: str) -> None:
    """
    The person says when the next step begins.

    :raises ApprovalNeeded: nobody will.
    """
    if not await person.presses_enter(f"next: {step}"):
        raise ApprovalNeeded(
            "nobody is there to press Enter before the step",
            next="Give the command again at a terminal, or without --step.",
        )


class Steps:
    """
    Runs steps one after the other.

    :param witness: knows what is kept of a step that fails.
    :param tracer: traces what may be traced.
    :param pictures: ``steps``, ``failure`` or ``off``.
    :param waits: the person presses Enter before each step.
    :param pauses: a step that fails leaves its page open until the person presses Enter.
    """

    def __init__(
        self,
        journal: Journal,
        person: Person,
        tabs: Tabs,
        edition: Edition,
        witness: Witness,
        tracer: Tracer,
        pictures: str,
        *,
        waits: bool = False,
        pauses: bool = False,
    ) -> None:
        self.exposed: str | None = None
        """The commits target that was clicked and whose outcome has not been read yet."""
        self.check: Tab | None = None
        """Where a check stands on a page of its own, without any form of the portal's: pictured in a private step too."""
        self.name = ""
        """Of the step at hand."""
        self.is_private = False
        """Credentials are typed in it."""
        self._journal = journal
        self._person = person
        self._tabs = tabs
        self.edition = edition
        self._witness = witness
        self._tracer = tracer
        self._pictures = pictures
        self._waits = waits
        self._pauses = pauses
        self._picturing: asyncio.Task[None] | None = None
        """A step's picture is taken while the walk reads on."""

    @asynccontextmanager
    async def step(self, name: str, *, private: bool) -> AsyncIterator[None]:
        """See ``Walk.step``. Errors leave it with the step's name and what was done so far."""
        step = self._journal.begin(name)
        self.name, self.is_private = name, private
        started = time.monotonic()
        failed: str | None = None
        try:
            if self._waits:
                await self.pictured()
                await wait_for_enter(self._person, name)
            await (self._tracer.rest() if private else self._tracer.begin(name))
            yield
        except CountermandError as error:
            sorted_error = self._sorted(error, name)
            failed = sorted_error.message
            if sorted_error is error:
                raise
            raise sorted_error from error
        except PlaywrightError as error:
            lost = self._sorted(Retryable(f"the browser lost the page: {str(error).strip().splitlines()[0]}"), name)
            failed = lost.message
            raise lost from error
        except StoppedBeforeCommit:
            raise  # a dry run that came as far as it should
        except BaseException as error:
            failed = type(error).__name__
            raise
        finally:
            # A cancelled visit takes no picture: the browser is about to be closed.
            is_cut_off = failed in ("CancelledError", "KeyboardInterrupt")
            if is_cut_off:
                self._cut_off()
            elif not private or self.check:
                await self._show(step, failed is not None)
            if failed is not None and not is_cut_off:
                step.failure = await self._witness.failure(self._at_fault, private=private)
            if not private and not is_cut_off:
                await self._tracer.end(failed=failed is not None)
            self._journal.finish(step, failed=failed)
            await self._person.step_done(name, time.monotonic() - started, failed is not None)
            if failed is not None and self._pauses and not is_cut_off:
                await self._person.presses_enter(f"{failed} The page is left open until you press Enter.")

    def _sorted(self, error: CountermandError, step: str) -> CountermandError:
        """Between a commit and its outcome every trouble is uncertain; elsewhere it is what it is."""
        if self.exposed and not isinstance(error, Refused | Uncertain):
            clicked = self.edition.targets[self.exposed].intent
            facts = {**error.facts, "target": self.exposed}
            error = Uncertain(f"{clicked} was clicked, and then: {error.what}", **facts)
        error.facts.setdefault("step", step)
        if isinstance(error, Uncertain):
            error.done_so_far = "It may have been submitted."
        elif not error.done_so_far:
            error.done_so_far = "Nothing was submitted."
        return error

    async def pictured(self) -> None:
        """
        Until the picture of the step before is taken. Whatever is done to a page waits for it: it must not be in the picture.
        """
        picturing, self._picturing = self._picturing, None
        if picturing is not None:
            await picturing

    def _cut_off(self) -> None:
        if self._picturing is not None:
            self._picturing.cancel()

    async def _show(self, step: Step, failed: bool) -> None:
        """Begin to take the step's picture; one that failed is worth waiting for."""
        await self.pictured()
        if self._pictures == "off" or (self._pictures == "failure" and not failed):
            return
        tab = self._at_fault if failed else self.check or self._tabs.current
        name = f"{len(self._journal.entry.steps):02d}.jpg"
        self._picturing = asyncio.ensure_future(self._take(step, name, tab))
        if failed:
            await self.pictured()

    async def _take(self, step: Step, name: str, tab: Tab) -> None:
        url = redactor.clean_url(tab.url, frozenset(self.edition.order_parameters))
        picture = await self._picture(name, tab)
        if picture is not None:
            self._journal.pictured(step, picture.name, url)

    @property
    def _at_fault(self) -> Tab:
        """Where a step failed: it may be about a tab that was just opened and never recognised."""
        return self.check or self._tabs.candidates[0]

    async def picture(self, name: str, tab: Tab | None = None) -> Path | None:
        """
        A picture of the page at hand beside the journal, personal data masked.

        :returns: the file; ``None`` if the page would not be pictured: evidence never harms the work.
        """
        await self.pictured()
        return await self._picture(name, tab or self._tabs.current)

    async def _picture(self, name: str, shown: Tab) -> Path | None:
        if not self._tabs.guard.may_be_shown(shown.url):
            return None
        path = self._journal.folder / name
        try:
            session = await self._tabs.guard.session(shown)
            path.write_bytes(await picture_of(shown, session, self.edition.private))
        except (PlaywrightError, OSError) as error:
            logger.warning("no picture {}: {}", name, (str(error) or "the page hangs").splitlines()[0])
            return None
        return path
