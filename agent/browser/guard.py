"""
The browser is untrusted territory: where its windows may go, and what pages may not have.

Pages of the top level come from the edition's hosts only; identity hosts while somebody signs in. What a page loads into itself,
and the frames of its checks, are its own business. What was refused is told, and never stops the walk by itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import Any

from playwright.async_api import BrowserContext, CDPSession, ConsoleMessage, Download, Frame
from playwright.async_api import Page as Tab

from agent.browser.background import in_background
from agent.browser.recognise import Hosts, host_name

_ASKS = "countermand: the page asks for "
_TELL_OF_PERMISSIONS = """
(tells => {
  const tell = (owner, name, what) => {
    if (owner?.[name]) owner[name] = new Proxy(owner[name], {
      apply(asked, self, given) { console.debug(tells + what); return Reflect.apply(asked, self, given); }
    });
  };
  tell(window.Geolocation?.prototype, 'getCurrentPosition', 'the place it is used at');
  tell(window.Geolocation?.prototype, 'watchPosition', 'the place it is used at');
  tell(window.Notification, 'requestPermission', 'notifications');
  tell(window.MediaDevices?.prototype, 'getUserMedia', 'camera or microphone');
  tell(window.MediaDevices?.prototype, 'getDisplayMedia', 'the screen');
  tell(window.Clipboard?.prototype, 'read', 'the clipboard');
  tell(window.Clipboard?.prototype, 'readText', 'the clipboard');
})"""
"""Chromium refuses in silence (seen with 156: no log entry, no issue, no event), so the page's question is heard on its way."""

_DOCUMENTS = {"patterns": [{"resourceType": "Document", "requestStage": "Request"}]}


class Guard:
    """
    Watches the tabs of one visit.

    :param tells: told, in a sentence, of each thing that was refused; of the same once.
    """

    def __init__(self, context: BrowserContext, hosts: Hosts, tells: Callable[[str], None]) -> None:
        self.blocked: list[str] = []
        """The hosts that a tab was led to, and not let go to, since the last click or address of ours."""
        self._context = context
        self._hosts = hosts
        self._tells = tells
        self._told: set[str] = set()
        self._signing_in = False
        self._watched: dict[Tab, list[tuple[Any, Callable[..., None]]]] = {}
        """With what listens to them."""
        self._sessions: dict[Tab, CDPSession] = {}
        self._ending = AsyncExitStack()

    async def prepare(self) -> None:
        """Nothing is granted to any page; what it asks for is heard."""
        await self._context.grant_permissions([])
        script = f"{_TELL_OF_PERMISSIONS}({json.dumps(_ASKS)})"
        await self._ending.enter_async_context(await self._context.add_init_script(script))

    async def leave(self) -> None:
        """What the tabs do from now on is somebody else's business."""
        for tab, listeners in self._watched.items():
            for event, listener in listeners:
                tab.remove_listener(event, listener)
        attending = [session.detach() for tab, session in self._sessions.items() if not tab.is_closed()]
        await asyncio.gather(asyncio.gather(*attending, return_exceptions=True), self._ending.aclose())

    @contextmanager
    def signing_in(self) -> Iterator[None]:
        """For as long as the block runs a person may use an identity host."""
        self._signing_in = True
        try:
            yield
        finally:
            self._signing_in = False

    def may_be_shown(self, url: str) -> bool:
        """Whether evidence may hold a page at *url*: nothing is captured where somebody else proves who they are."""
        return not self._hosts.is_identity(url)

    def watch(self, tab: Tab) -> None:
        """At once: whatever *tab* comes to, asks for, or hands out is heard of."""
        if tab in self._watched:
            return
        self._watched[tab] = [
            ("framenavigated", partial(self._on_navigated, tab)),
            ("download", self._on_download),
            ("console", self._on_console),
        ]
        for event, listener in self._watched[tab]:
            tab.on(event, listener)

    async def attend(self, tab: Tab) -> None:
        """
        From now on *tab* goes to no other host. The request itself is stopped, wherever a redirect leads; the page stays as it
        was. Only documents are looked at, so that everything else loads as ever.
        """
        if self._is_foreign(tab.url):
            await self._close(tab)
            return
        session = await self.session(tab)
        tree: dict[str, Any] = await session.send("Page.getFrameTree")
        top: str = tree["frameTree"]["frame"]["id"]
        session.on("Fetch.requestPaused", lambda paused: in_background(self._on_request(tab, session, top, paused)))
        await session.send("Fetch.enable", _DOCUMENTS)
        if self._is_foreign(tab.url):
            await self._close(tab)

    async def session(self, tab: Tab) -> CDPSession:
        """The one with *tab*."""
        if tab not in self._sessions:
            self._sessions[tab] = await self._context.new_cdp_session(tab)
        return self._sessions[tab]

    async def _on_request(self, tab: Tab, session: CDPSession, top: str, paused: dict[str, Any]) -> None:
        request, url = {"requestId": paused["requestId"]}, str(paused["request"]["url"])
        if paused.get("frameId") != top or not self._is_foreign(url):
            await session.send("Fetch.continueRequest", request)
            return
        await session.send("Fetch.failRequest", {**request, "errorReason": "Aborted"})
        self._refuse_to_go(url)
        if tab.url == "about:blank" and len(self._context.pages) > 1:
            await tab.close()  # a pop-up that was to go there, and nowhere else

    def _on_navigated(self, tab: Tab, frame: Frame) -> None:
        """What was on its way before anybody could stop it, as the first page of a pop-up."""
        if frame == tab.main_frame and self._is_foreign(frame.url):
            in_background(self._close(tab))

    async def _close(self, tab: Tab) -> None:
        self._refuse_to_go(tab.url)
        if len(self._context.pages) > 1:
            await tab.close()
        else:
            await tab.goto("about:blank")

    def _refuse_to_go(self, url: str) -> None:
        host = host_name(url)
        self.blocked.append(host)
        self._tell(f"the portal led to {host}, which is no host of the edition: blocked")

    def _on_download(self, download: Download) -> None:
        self._tell(f"a download from {host_name(download.url) or 'the page'}: refused")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.text.startswith(_ASKS):
            where = host_name(message.page.url) if message.page is not None else "a page"
            self._tell(f"{where} asked for {message.text.removeprefix(_ASKS)[:40]}: refused")

    def _is_foreign(self, url: str) -> bool:
        """A page of another host; what a browser makes itself (blank, its own errors) is nobody's."""
        if not url.startswith(("http:", "https:")):
            return False
        return not (self._hosts.is_ours(url) or (self._signing_in and self._hosts.is_identity(url)))

    def _tell(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self._tells(sentence)
