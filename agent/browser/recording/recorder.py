"""
Keeps what a walk does as a recording beside the visit's journal. Evidence never harms the work: what cannot be recorded is not.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from loguru import logger
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator
from playwright.async_api import Page as Tab

from agent import __version__
from agent.browser.edition import Edition
from agent.browser.evidence import now
from agent.browser.onlooker import Call, Deed, Ended, Said
from agent.browser.recognise import Hosts, host_name
from agent.browser.recording.capture import Document, capture
from agent.browser.recording.markup import markup_of
from agent.browser.recording.model import FILE, Moment, Recording, Take
from agent.browser.recording.scrub import Scrubber
from agent.settings import BrowserSettings

FOLDER = "recording"
"""Its name in a visit's folder."""
_MOST_HELD = 40
"""Pages: more than a withdrawal reads, and few beside the hundreds of a sweep."""


@dataclass
class _Open:
    """A flow that is being recorded."""

    call: Call
    moments: list[Moment] = field(default_factory=list)
    overlays: list[str] = field(default_factory=list)
    begun: list[Deed] = field(default_factory=list)
    is_opening: bool = False
    """The last moment is a page that was asked for and has not come yet."""


class Recorder:
    """
    Records one visit.

    :param folder: the visit's.
    """

    def __init__(self, folder: Path, portal: str, edition: Edition, hosts: Hosts, browser: BrowserSettings) -> None:
        self._folder = folder / FOLDER
        self._edition = edition
        self._scrubber = Scrubber(edition, hosts)
        self._tabs: list[Tab] = []
        self._take: _Open | None = None
        self._unwritten: dict[str, str] = {}
        """What was read of each page, by its file. It is scrubbed when the flow is over, or when it has become too much to hold: a thread
        that works beside the walk would hold it up wherever both need the interpreter."""
        self._writing: asyncio.Task[None] | None = None
        """A flow that is over is written down while the browser is tidied up."""
        self._reading: dict[str, asyncio.Task[tuple[str | None, str]]] = {}
        """Pages that are being read while the walk reads on, by what stands for their files in the moments meanwhile."""
        self._read: dict[bytes, str] = {}
        """The file of each page, by what was read of it: in the clear, so that only its digest is known here."""
        names = {role: [f"https://{name}" for name in hosts.names([role])] for role in hosts.roles}
        self._recording = Recording(
            portal=portal,
            edition=edition.edition,
            agent=__version__,
            recorded_at=now(),
            locale=browser.locale,
            timezone=browser.timezone,
            width=browser.width,
            height=browser.height,
            hosts=names,
            trusted=trusted(edition, {host_name(address) for several in names.values() for address in several}),
        )

    # -- see ``Onlooker``

    async def call_begins(self, call: Call) -> None:
        """See ``Onlooker.call_begins``."""
        await self.over()
        orders = tuple(self._scrubber.text(order) for order in call.orders)
        reason = call.reason
        if reason is not None and reason.text is not None:
            reason = reason.model_copy(update={"text": self._scrubber.text(reason.text)})
        self._take = _Open(call.model_copy(update={"orders": orders, "reason": reason}))

    async def call_ends(self, ended: Ended, tab: Tab | None) -> None:
        """See ``Onlooker.call_ends``."""
        await self._settled()
        take, self._take = self._take, None
        if take is None:
            return
        error: dict[str, object] = {}
        if tab is not None and not tab.is_closed():
            file, _ = await self._page(tab)
            place = {"tab": self._number(tab), "url": self._scrubber.address(tab.url), "file": file}
            if take.is_opening:
                take.moments[-1] = take.moments[-1].model_copy(update=place)
            else:
                error = {f"error_{name}": value for name, value in place.items()}
        one = Take(
            unfinished=tuple(map(_moment, take.begun)),
            call=take.call,
            moments=tuple(take.moments),
            ended=self._scrubbed(ended),
            overlays=tuple(sorted(set(take.overlays))),
        )
        self._recording = self._recording.model_copy(
            update={"takes": (*self._recording.takes, one.model_copy(update=error))}
        )
        self._writing = asyncio.ensure_future(self._write())

    def cut_off(self) -> None:
        """See ``Onlooker.cut_off``."""
        self._take = None
        self._unwritten.clear()
        for task in self._reading.values():
            task.cancel()

    async def over(self) -> None:
        """See ``Onlooker.over``."""
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def begins(self, deed: Deed) -> None:
        """See ``Onlooker.begins``."""
        if self._take is None:
            return
        if deed.what in ("open", "back"):
            await self._settled()
        if deed.what == "open":
            self._add(deed)
            self._take.is_opening = True
        else:
            self._take.begun.append(self._known(deed))

    async def answered(self, status: int) -> None:
        """See ``Onlooker.answered``."""
        if self._take is not None and self._take.is_opening:
            self._take.moments[-1] = self._take.moments[-1].model_copy(update={"status": status})

    async def acts(self, deed: Deed, tab: Tab, element: Locator) -> None:
        """See ``Onlooker.acts``."""
        if self._take is not None:
            await self._settled()
            file, words = await self._page(tab, element)
            told = self._scrubber.text(words)
            self._add(deed, tab=self._number(tab), url=self._at(tab), file=file, touched=True, done=False, element=told)

    async def acted(self) -> None:
        """See ``Onlooker.acted``."""
        if self._take is not None and self._take.moments:
            self._take.moments[-1] = self._take.moments[-1].model_copy(update={"done": True})

    async def ends(self, deed: Deed, tab: Tab, *, page: str | None = None, result: str | None = None) -> None:
        """See ``Onlooker.ends``."""
        take = self._take
        if take is None:
            return
        said = None if result is None else self._scrubber.text(result)
        after: dict[str, object] = {"page": page, "result": said}
        if deed.what == "open":
            place = next(n for n in reversed(range(len(take.moments))) if take.moments[n].is_of(self._known(deed)))
            after |= {"tab": self._number(tab), "url": self._at(tab), "file": self._page_meanwhile(tab)}
            take.moments[place] = take.moments[place].model_copy(update=after)
            take.is_opening = False
            return
        known = self._known(deed)
        if known in take.begun:
            take.begun.remove(known)
        for place in reversed(range(len(take.moments))):
            if take.moments[place].touched and take.moments[place].is_of(known):
                take.moments[place] = take.moments[place].model_copy(update=after)
                return
        file = self._page_meanwhile(tab)
        self._add(deed, tab=self._number(tab), url=self._at(tab), file=file, page=page, result=said)

    def asked(self, question: str) -> None:
        """See ``Onlooker.asked``."""
        if self._take is not None and self._take.moments:
            last = self._take.moments[-1]
            self._take.moments[-1] = last.model_copy(update={"question": self._scrubber.text(question)})

    async def closed_overlay(self, name: str, shown: Locator) -> None:
        """See ``Onlooker.closed_overlay``."""
        if self._take is not None:
            self._take.overlays.append(name)

    # -- the parts

    def _add(self, deed: Deed, **more: object) -> None:
        assert self._take is not None
        self._take.moments.append(_moment(self._known(deed)).model_copy(update=more))
        self._take.is_opening = False

    def _known(self, deed: Deed) -> Deed:
        """*deed* without anything personal."""
        row = None if deed.row is None else type(deed.row)(self._scrubber.text(deed.row))
        value = None if deed.value is None else self._scrubber.text(deed.value)
        return Deed(deed.what, deed.name, deed.step, row, value)

    def _scrubbed(self, ended: Ended) -> Ended:
        result = ended.result and self._scrubber.text(ended.result)
        return ended.model_copy(update={"result": result, "said": tuple(map(self._scrubbed_said, ended.said))})

    def _scrubbed_said(self, said: Said) -> Said:
        text = said.text and self._scrubber.text(said.text)
        return said.model_copy(update={"order": self._scrubber.text(said.order), "text": text})

    def _at(self, tab: Tab) -> str:
        return self._scrubber.address(tab.url)

    def _number(self, tab: Tab) -> int:
        if tab not in self._tabs:
            self._tabs.append(tab)
        return self._tabs.index(tab)

    def _page_meanwhile(self, tab: Tab) -> str:
        """
        Keep what *tab* shows, while the walk reads on.

        :returns: what stands for the file until it is known.
        """
        name = f"reading-{len(self._reading)}"
        self._reading[name] = asyncio.ensure_future(self._page(tab))
        return name

    async def _settled(self) -> None:
        """Until all pages are read: whatever is done next must not be in them."""
        reading, self._reading = self._reading, {}
        if reading:
            pages = await asyncio.gather(*reading.values())
            files = {name: file for name, (file, _) in zip(reading, pages, strict=True)}
            if self._take is not None:
                moments = self._take.moments
                self._take.moments = [one.with_file(files) if one.file in files else one for one in moments]

    async def _page(self, tab: Tab, element: Locator | None = None) -> tuple[str | None, str]:
        """
        Keep what *tab* shows. It is read now, and written when the flow is over or too many are held.

        :returns: the file, ``None`` if the page could not be read; and what *element* is, in a few words.
        """
        try:
            captured = await capture(tab, self._edition, element)
        except (PlaywrightError, ValueError) as error:
            self._gives_up(f"a page could not be read ({str(error).splitlines()[0][:200]})")
            return None, ""
        digest = hashlib.sha256(captured.page.encode()).digest()
        if digest not in self._read:  # most pages are read more than once
            name = self._read[digest] = f"{len(self._read) + 1:02d}.html"
            self._unwritten[name] = captured.page
            if len(self._unwritten) >= _MOST_HELD:
                await self._write_pages()
        return self._read[digest], captured.words

    async def _write_pages(self) -> None:
        unwritten, self._unwritten = self._unwritten, {}
        await asyncio.to_thread(self._keep_pages, unwritten)

    def _keep_pages(self, pages: dict[str, str]) -> None:
        for name, page in pages.items():
            try:
                document = Document.model_validate_json(page)
            except ValueError as error:
                self._gives_up(f"a page could not be read ({str(error).splitlines()[0][:200]})")
                continue
            self._keep(name, markup_of(self._scrubber.document(document)))

    def _keep(self, name: str, text: str) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=f".{name}.")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                os.replace(temporary, self._folder / name)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError as error:
            self._gives_up(f"a page could not be written ({error.strerror})")

    async def _write(self) -> None:
        """The recording as it is now, with all of its pages."""
        await self._write_pages()
        same = await asyncio.to_thread(self._without_doubles)
        # The next flow may read one of them again.
        self._read = {digest: same.get(name, name) for digest, name in self._read.items()}
        replaced = dict(sorted(self._scrubber.replaced.items()))
        takes = tuple(take.with_files(same) for take in self._recording.takes)
        self._recording = self._recording.model_copy(update={"replaced": replaced, "takes": takes})
        await asyncio.to_thread(self._keep, FILE, self._recording.model_dump_json(indent=1, exclude_none=True))

    def _without_doubles(self) -> dict[str, str]:
        """
        A page that is read three times is kept once.

        :returns: by the name of each page, that of the one that is kept.
        """
        first: dict[bytes, str] = {}
        same: dict[str, str] = {}
        with suppress(OSError):
            for file in sorted(self._folder.glob("*.html")):
                same[file.name] = first.setdefault(hashlib.sha256(file.read_bytes()).digest(), file.name)
                if same[file.name] != file.name:
                    file.unlink()
        return same

    def _gives_up(self, why: str) -> None:
        if self._recording.incomplete is None:
            logger.warning("the visit is not recorded as a whole: {}", why)
            self._recording = self._recording.model_copy(update={"incomplete": why})


def _moment(deed: Deed) -> Moment:
    return Moment(step=deed.step, what=deed.what, name=deed.name, row=deed.row, value=deed.value)


def trusted(edition: Edition, hosts: set[str]) -> dict[str, list[str]]:
    """By section: what *edition* has confirmed for any of *hosts*."""
    found = {
        "targets": [name for name, target in edition.targets.items() if hosts & set(target.confirmed)],
        "statuses": [name for name, status in edition.statuses.items() if hosts & set(status.confirmed)],
        "questions": [name for name, question in edition.questions.items() if hosts & set(question.confirmed)],
        "held": [
            name
            for name, page in edition.pages.items()
            if any(proof.held is not None and hosts & set(proof.confirmed) for proof in page.proof)
        ],
    }
    return {section: names for section, names in found.items() if names}
