"""
The browser is untrusted territory: where its windows may go, and what pages may not have.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agent.browser.browsers import Browsers
from agent.browser.recognise import Hosts
from agent.browser.session import BrowserSession
from agent.browser.walk import BrowserWalk
from agent.errors import UnknownPage
from agent.model import Submission
from agent.settings import BrowserSettings
from fixtures.aliexpress.seed import ORDERS
from flows.aliexpress.portal import PORTAL
from tests.browser.bench import NOT_NEEDED_TEXT, Bench
from tests.conftest import needs_browser

pytestmark = needs_browser

PLACED = ORDERS["placed"]
ORDERS_PAGE = "/p/order/index.html"


class Elsewhere:
    """A host that is none of the portal's, and remembers what it was asked for."""

    def __init__(self, port: int) -> None:
        self.address = f"http://shop.elsewhere.localhost:{port}"
        self.asked: list[str] = []


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """Somebody else's site."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.asked.append(self.path)
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("access-control-allow-origin", "*")
            self.end_headers()
            self.wfile.write(b"<h1>Elsewhere</h1>")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    known = Elsewhere(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield known
    server.shutdown()
    server.server_close()
    thread.join(10)


def refused(bench: Bench, walk: BrowserWalk) -> list[str]:
    """What the journal says was refused."""
    return [
        action.result or "" for step in bench.written(walk).steps for action in step.actions if action.what == "refused"
    ]


async def test_what_a_page_tries_is_refused_and_the_walk_goes_on(bench: Bench, elsewhere: Elsewhere) -> None:
    """
    My Orders leads elsewhere, opens a pop-up there, hands out a file and asks where we are: nothing comes of it but lines in the
    journal, and the order is withdrawn once. What it loads into itself comes from wherever it likes.
    """
    walk = await bench.walk()
    await bench.on_every_page(
        f"""
        fetch('{elsewhere.address}/data');
        document.body.append(Object.assign(document.createElement('iframe'), {{src: '{elsewhere.address}/frame'}}));
        navigator.geolocation.getCurrentPosition(() => {{}}, error => {{ document.title = error.message; }});
        Notification.requestPermission();
        const file = document.createElement('a');
        file.href = URL.createObjectURL(new Blob(['x']));
        file.download = 'invoice.exe';
        file.click();
        window.open('{elsewhere.address}/popup');
        setTimeout(() => {{ location.href = '{elsewhere.address}/page'; }}, 50);
        """,
        path=ORDERS_PAGE,
    )

    assert Submission.REQUESTED == await bench.cancel(PLACED, walk=walk)

    told = refused(bench, walk)
    assert [(PLACED, NOT_NEEDED_TEXT)] == bench.portal.submitted
    assert {"/data", "/frame"} <= set(elsewhere.asked)
    assert "/page" not in elsewhere.asked
    assert [] == [tab.url for tab in bench.contexts[-1].pages if "elsewhere" in tab.url]
    assert "the portal led to shop.elsewhere.localhost, which is no host of the edition: blocked" in told
    assert "www.aliexpress.localhost asked for the place it is used at: refused" in told
    assert "www.aliexpress.localhost asked for notifications: refused" in told
    assert [True] == [one.endswith(": refused") for one in told if one.startswith("a download from ")]
    assert told == bench.person.told


async def session_on_www_only(bench: Bench) -> BrowserSession:
    """A session for which the portal's other region is somebody else's."""
    await bench.session()
    hosts: dict[str, str | list[str]] = {role: list(addresses) for role, addresses in bench.portal.hosts.items()}
    hosts["www"] = bench.portal.hosts["www"][0]
    context = bench.contexts[-1]
    return BrowserSession(
        bench.chromium, context, context.pages[0], bench.edition, Hosts(bench.edition.edition, hosts), bench.options
    )


async def test_a_redirect_to_another_host(bench: Bench) -> None:
    """
    A redirect is stopped before it is asked for, and the walk says where it led.
    """
    bench.portal.world.set(region_redirect=True)
    walk = await (await session_on_www_only(bench)).reading_walk(bench.journal(), bench.person)

    with pytest.raises(
        UnknownPage, match=r"led to es\.aliexpress\.localhost, which is no host of the edition"
    ) as stopped:
        await PORTAL.prove_signed_in(walk)

    assert "add it to hosts in an edition of your own" in stopped.value.next
    assert 0 == bench.portal.world.counted(f"page es {ORDERS_PAGE}")
    assert 1 == bench.portal.world.counted(f"page www {ORDERS_PAGE}")
    assert 1 == len(refused(bench, walk))


@pytest.mark.slow
async def test_a_page_that_only_leads_elsewhere(bench: Bench, elsewhere: Elsewhere) -> None:
    """
    Where nothing that is known comes in its place, the walk says why it stops.
    """
    walk = await bench.reading_walk()
    await bench.on_every_page(f"document.body.innerHTML = ''; location.href = '{elsewhere.address}/page';")
    bench.options.patience.__dict__.update(page=bench.options.patience.action / 3)

    with pytest.raises(UnknownPage, match=r"led to shop\.elsewhere\.localhost"):
        await PORTAL.prove_signed_in(walk)

    assert "/page" not in elsewhere.asked


@pytest.mark.slow
@pytest.mark.parametrize("signing_in", [True, False])
async def test_identity_hosts_are_for_signing_in(bench: Bench, signing_in: bool) -> None:
    """
    Where people prove who they are a tab comes only while somebody signs in, and it is never pictured.
    """
    walk = await bench.reading_walk()
    identity = bench.portal.hosts["identity"][0]
    await walk.open("orders")
    tab = bench.contexts[-1].pages[0]
    there = f"{identity}/authorize?origin=x"

    if signing_in:
        with walk._guard.signing_in():
            async with bench.contexts[-1].expect_page() as opened:
                await tab.evaluate("there => { window.open(there) }", there)
            popup = await opened.value
            await popup.wait_for_url(there)
            assert None is await walk._steps.picture("x.jpg", popup)
    else:
        async with bench.contexts[-1].expect_page() as opened:
            await tab.evaluate("there => { window.open(there) }", there)
        popup = await opened.value
        await asyncio.wait_for(closed(popup), 10)

    assert [] == list(walk.journal.folder.glob("x.jpg"))
    assert 1 - signing_in == len(bench.person.told)


async def closed(tab: object) -> None:
    """Until the tab is gone."""
    while not tab.is_closed():  # type: ignore[attr-defined]
        await asyncio.sleep(0.02)


@pytest.mark.slow
async def test_nothing_is_kept_of_a_download(bench: Bench) -> None:
    """
    In a browser as visits start it a download is refused by the browser itself.
    """
    async with Browsers(BrowserSettings(), most=0).session(bench.edition, bench.hosts, bench.options, None) as session:
        walk = await session.reading_walk(bench.journal(), bench.person)
        tab = walk._tabs.current
        await tab.goto(f"{bench.portal.hosts['www'][0]}/")
        async with tab.expect_download() as begun:
            await tab.evaluate(
                "() => { const a = document.createElement('a'); a.href = 'data:,x'; a.download = 'x.exe'; a.click() }"
            )
        assert "accept_downloads" in (await (await begun.value).failure() or "")
    assert [True] == [told.startswith("a download from ") for told in bench.person.told]
