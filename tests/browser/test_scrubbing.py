"""
What a recording keeps of a page, and what it does not: nothing personal, and everything that a walk needs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from agent.browser.editions import LoadedEdition
from agent.browser.onlooker import Call, Deed, Ended
from agent.browser.recognise import Hosts
from agent.browser.recording.capture import Document, capture
from agent.browser.recording.markup import MARK, markup_of
from agent.browser.recording.model import FILE, Recording
from agent.browser.recording.recorder import Recorder
from agent.browser.recording.scrub import Scrubber
from agent.model import OrderId
from agent.settings import BrowserSettings
from tests.conftest import needs_browser

ORDER = "8190123456780101"
PAGE = "https://www.aliexpress.com/p/order/detail.html"
CANARIES = {
    "name": "Annegret",
    "street": "Kastanienallee",
    "phone": "5550177",
    "e-mail": "annegret.k",
    "card": "447199260035",
    "cookie": "cookiecanary",
    "token": "tokencanary",
    "attribute": "attributecanary",
    "address": "addresscanary",
    "field": "fieldcanary",
    "shadow": "shadowcanary",
    "frame": "framecanary",
    "script": "scriptcanary",
    "class": "classcanary",
    "order": ORDER,
}
MARKUP = f"""
<!doctype html><html lang="en"><head><title>Order of Annegret</title></head>
<body data-user="attributecanary" class="classcanary order-item">
<p>Ship to <b>Annegret</b> K., Kastanienallee 7, +49 151 5550177, annegret.k@example.com, card 447199260035</p>
<p title="attributecanary" aria-label="attributecanary" id="user-attributecanary" style="--who: attributecanary">hello</p>
<a href="https://www.aliexpress.com/u/addresscanary?token=tokencanary&amp;orderId={ORDER}#addresscanary">Details</a>
<img src="https://ads.example/addresscanary.png?c=cookiecanary" alt="attributecanary">
<input id="a" value="fieldcanary"><input type="password" value="tokencanary"><textarea>fieldcanary</textarea>
<select><option>fieldcanary</option></select>
<div id="host"></div><iframe srcdoc="<p>framecanary</p>"></iframe>
<script type="application/json">{{"who": "scriptcanary", "cookie": "cookiecanary"}}</script>
<!-- attributecanary -->
<span data-pl="order_detail_gray_id">Order ID: {ORDER}</span>
<button onclick="attributecanary()">Cancel order</button>
<div hidden>Annegret</div>
</body></html>
"""


@pytest_asyncio.fixture(loop_scope="session")
async def tab(chromium: Browser) -> AsyncIterator[Page]:
    """A tab at the portal's address, on which *MARKUP* stands."""
    context = await chromium.new_context()
    tab = await context.new_page()
    await tab.route("**/*", lambda route: route.fulfill(body=MARKUP, content_type="text/html"))
    await tab.goto(f"{PAGE}?orderId={ORDER}&token=tokencanary")
    await tab.evaluate("document.cookie = 'who=cookiecanary'")
    await tab.evaluate(
        "document.querySelector('#host').attachShadow({mode: 'open'}).innerHTML = '<p>shadowcanary</p><button>Confirm</button>'"
    )
    yield tab
    await context.close()


async def recorded(tab: Page, edition: LoadedEdition, folder: Path) -> str:
    """Everything that a recording of *tab* writes: a click, a reading, and an end."""
    hosts = Hosts(edition.edition, {})
    recorder = Recorder(folder, "aliexpress", edition.edition, hosts, BrowserSettings())
    order = OrderId(ORDER)
    await recorder.call_begins(Call(flow="read_decision", orders=(ORDER,)))
    await recorder.begins(Deed("fill", "orders.search", "find", value=ORDER))
    await recorder.acts(Deed("click", "orders.details_link", "find", order), tab, tab.locator("a"))
    await recorder.acted()
    await recorder.ends(Deed("click", "orders.details_link", "find", order), tab, page="details")
    text = await tab.locator("p").first.inner_text()
    await recorder.ends(Deed("read", "details.status", "read", order), tab, result=text)
    recorder.asked("Sure, Annegret?")
    await recorder.call_ends(Ended(result=ORDER), tab)
    await recorder.over()
    return "\n".join(file.read_text("utf-8") for file in sorted((folder / "recording").iterdir()))


def found(written: str) -> list[str]:
    """The canaries that are in it."""
    return [kind for kind, canary in CANARIES.items() if canary.casefold() in written.casefold()]


@needs_browser
async def test_nothing_personal_is_kept(tab: Page, edition: LoadedEdition, tmp_path: Path) -> None:
    """
    Whatever stands anywhere on a page, and in its address, but is not the portal's own word, is replaced or dropped.
    """
    written = await recorded(tab, edition, tmp_path)

    assert [] == found(written)
    assert "Cancel order" in written
    assert 'data-pl="order_detail_gray_id"' in written


@needs_browser
async def test_a_scrubber_that_does_nothing_is_found_out(
    tab: Page, edition: LoadedEdition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The control: what is not even read (scripts, passwords, cookies, comments) is the only thing that stays out then.
    """
    monkeypatch.setattr(Scrubber, "text", lambda self, text: text)
    monkeypatch.setattr(Scrubber, "address", lambda self, url: url)
    monkeypatch.setattr(Scrubber, "document", lambda self, document: document)

    written = await recorded(tab, edition, tmp_path)

    assert set(CANARIES) - {"script"} == set(found(written))


@needs_browser
async def test_what_a_walk_needs_is_kept(tab: Page, chromium: Browser, edition: LoadedEdition) -> None:
    """
    Opened again as it was written: what was hidden is, fields hold values, shadow roots and frames are there, one element is marked.
    """
    await tab.evaluate(
        """() => { document.body.insertAdjacentHTML('beforeend', `
          <style>.away { display: none } .unseen { visibility: hidden } .flat { display: block }</style>
          <p class="away" id="fm-login-id">Confirm</p><p class="unseen">Confirm</p>
          <span class="flat">Submit</span><span class="flat">Submit</span>
          <input type="checkbox" checked role="checkbox"><i role="button" style="display:inline-block;width:20px;height:20px"></i>
          <select id="order"><option>Submit</option><option selected>Confirm</option></select>`) }"""
    )
    await tab.locator("#order").select_option("Submit")
    scrubber = Scrubber(edition.edition, Hosts(edition.edition, {}))
    acted = tab.get_by_role("button", name="Cancel order")

    captured = await capture(tab, edition.edition, acted)
    markup = markup_of(scrubber.document(Document.model_validate_json(captured.page)))

    context = await chromium.new_context()
    try:
        again = await context.new_page()
        await again.route("**/*", lambda route: route.fulfill(body=markup, content_type="text/html"))
        await again.goto(PAGE)
        marked = again.locator(f"[{MARK}]")
        assert (1, "Cancel order") == (await marked.count(), await marked.inner_text())
        assert 1 == await again.get_by_role("button", name="Confirm").count()  # in the shadow root
        assert not await again.locator("p", has_text="Confirm").first.is_visible()
        assert not await again.locator("p", has_text="Confirm").last.is_visible()
        assert "Submit\nSubmit" in await again.locator("body").inner_text()
        assert await again.get_by_role("checkbox").is_checked()
        assert await again.locator("i").is_visible()
        assert "Submit" == await again.locator("select").last.evaluate("one => one.selectedOptions[0].text")
        assert 9 <= len(await again.frame_locator("iframe").locator("p").inner_text())
        assert 0 == await again.locator("script").count()
    finally:
        await context.close()


def test_the_same_word_becomes_the_same_fake(edition: LoadedEdition) -> None:
    """
    Within a recording, whatever its case; in another recording, another one.
    """
    hosts = Hosts(edition.edition, {})
    one, other = Scrubber(edition.edition, hosts), Scrubber(edition.edition, hosts)

    first = one.text(f"Annegret 4471 {ORDER}")

    assert first == one.text(f"Annegret 4471 {ORDER}")
    assert first.split()[0].casefold() == one.text("annegret")
    assert first != other.text(f"Annegret 4471 {ORDER}")
    assert [len(word) for word in first.split()] == [8, 4, 16]
    assert first.split()[0].istitle()


def test_short_names_stay_apart(edition: LoadedEdition) -> None:
    """
    Elements refer to each other by names such as r1 and r7: no two become one.
    """
    scrubber = Scrubber(edition.edition, Hosts(edition.edition, {}))

    fakes = [scrubber.text(f"zz-{number}") for number in range(100)]

    assert 100 == len(set(fakes))


def test_the_portals_own_words_stay(edition: LoadedEdition) -> None:
    """
    Buttons, states and reasons are what a walk goes by.
    """
    scrubber = Scrubber(edition.edition, Hosts(edition.edition, {}))

    for text in ("Cancel order", "Awaiting shipment", "I don't need this order anymore", "no_longer_needed"):
        assert text == scrubber.text(text)


def test_addresses(edition: LoadedEdition) -> None:
    """
    The portal's hosts and paths, and order numbers; everything else is a fake or gone.
    """
    scrubber = Scrubber(edition.edition, Hosts(edition.edition, {}))

    url = scrubber.address(f"{PAGE}?orderId={ORDER}&spm=a2g0o.x#top")
    other = scrubber.address("https://tracker.annegret.example/x?y=1")

    assert f"{PAGE}?orderId={scrubber.text(ORDER)}" == url
    assert other.endswith(f".invalid{scrubber.text('/x')}")
    assert "annegret" not in other
    assert "data:" == scrubber.address("data:text/html,Annegret")


@needs_browser
async def test_a_page_that_cannot_be_read_harms_nothing(
    tab: Page, edition: LoadedEdition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The walk goes on; the recording says that it is not whole.
    """

    async def broken(*_: object) -> Document:
        raise ValueError("the page has 9000000 characters")

    monkeypatch.setattr("agent.browser.recording.recorder.capture", broken)

    written = await recorded(tab, edition, tmp_path)

    assert "a page could not be read (the page has 9000000 characters)" in written


@needs_browser
async def test_few_pages_are_held_at_once(
    tab: Page, edition: LoadedEdition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A flow that reads hundreds, as a sweep does, writes them as it goes; every moment still has its own page.
    """
    monkeypatch.setattr("agent.browser.recording.recorder._MOST_HELD", 2)
    recorder = Recorder(tmp_path, "aliexpress", edition.edition, Hosts(edition.edition, {}), BrowserSettings())
    folder, deed = tmp_path / "recording", Deed("click", "orders.details_link", "find")
    await recorder.call_begins(Call(flow="read_decisions", orders=(ORDER,)))

    for times in range(1, 6):
        await tab.evaluate("n => document.querySelector('p').textContent = 'Cancel order '.repeat(n)", times)
        await recorder.acts(deed, tab, tab.locator("a"))
        await recorder.acted()
    written = len(list(folder.glob("*.html")))
    await recorder.call_ends(Ended(result=ORDER), None)
    await recorder.over()

    assert 4 == written
    recording = Recording.model_validate_json((folder / FILE).read_bytes())
    shown = [(folder / str(moment.file)).read_text("utf-8") for moment in recording.takes[0].moments]
    counts = [page.count("Cancel order") for page in shown]
    assert [0, 1, 2, 3, 4] == [count - counts[0] for count in counts]


@needs_browser
async def test_a_double_is_found_again_in_the_next_flow(tab: Page, edition: LoadedEdition, tmp_path: Path) -> None:
    """
    Pages that differ only in what is not kept are kept once; a later flow that reads one of them again means the one that was kept.
    """
    recorder = Recorder(tmp_path, "aliexpress", edition.edition, Hosts(edition.edition, {}), BrowserSettings())
    folder, deed = tmp_path / "recording", Deed("click", "orders.details_link", "find")

    for _ in range(2):
        await recorder.call_begins(Call(flow="read_decision", orders=(ORDER,)))
        for kind in ("one", "two"):
            await tab.evaluate("kind => document.querySelector('a').search = `?token=${kind}`", kind)
            await recorder.acts(deed, tab, tab.locator("a"))
            await recorder.acted()
        await recorder.call_ends(Ended(result=ORDER), None)
        await recorder.over()

    recording = Recording.model_validate_json((folder / FILE).read_bytes())
    files = [moment.file for take in recording.takes for moment in take.moments]
    assert ["01.html"] * 4 == files
    assert ["01.html"] == [file.name for file in folder.glob("*.html")]
