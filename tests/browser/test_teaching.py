"""Teaching without a screen: the operator is a script, and the mouse is the browser's own, whose clicks are as real to a page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Page

from agent.browser.lessons import Lessons
from agent.browser.pointing import point
from agent.browser.teaching_walks import TeachingWalk
from agent.errors import NeedsOperator, Uncertain
from agent.model import OrderId, Submission
from fixtures.aliexpress.seed import ORDERS
from tests.browser.bench import Bench, Somebody, own_editions
from tests.conftest import needs_browser

pytestmark = needs_browser

PLACED = ORDERS["placed"]
SHIELDED = "() => !!window.__countermandPointing"


@dataclass
class Operator(Somebody):
    """Points at what a script says, by the words of what is to be pointed at."""

    is_here: bool = True
    says_yes: bool = True
    points: dict[str, str] = field(default_factory=dict)
    """Part of what is asked for, and the words on the page to click on; no words: Esc."""
    chooses: Callable[[Sequence[str]], int | None] = lambda options: None
    page: Callable[[], Page] | None = None
    clicks: list[asyncio.Task[None]] = field(default_factory=list)

    async def choose(self, question: str, options: Sequence[str]) -> int | None:
        """See ``Person.choose``."""
        self.asked.append(question)
        return self.chooses(options)

    def says(self, sentence: str) -> None:
        """See ``Person.says``."""
        self.told.append(sentence)
        if sentence.startswith("in the browser, point at"):
            words = next((words for what, words in self.points.items() if what in sentence), "")
            self.clicks.append(asyncio.ensure_future(self._point_at(words)))

    async def _point_at(self, words: str) -> None:
        assert self.page is not None
        page = self.page()
        await page.wait_for_function(SHIELDED)
        if not words:
            await page.keyboard.press("Escape")
            return
        box = await page.get_by_text(words, exact=True).last.bounding_box()
        assert box is not None
        await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, click_count=2)


@pytest_asyncio.fixture(loop_scope="session")
async def operator(bench: Bench) -> AsyncIterator[Operator]:
    """Whoever sits there."""
    bench.person = operator = Operator(page=lambda: bench.contexts[-1].pages[-1])
    bench.will("placed", layout="tiles", answers_after=0, seller="silent")
    bench.options.patience.__dict__.update(page=timedelta(seconds=8), action=timedelta(seconds=3))
    yield operator
    await asyncio.gather(*operator.clicks)


async def teaching(bench: Bench) -> TeachingWalk:
    """A teaching walk in a session of its own."""
    session = await bench.session()
    lessons = Lessons(own_editions(bench.edition.path.parent), bench.edition, date(2026, 11, 23))
    return await session.teaching_walk(bench.journal(), bench.person, bench.stamps, bench.limits, lessons)


def says(part: str) -> Callable[[Sequence[str]], int | None]:
    """Chooses the first option with *part* in it."""
    return lambda options: next(place for place, option in enumerate(options) if part in option)


LIST = {"one entry of the list of reasons": "Other reasons"}


@pytest.mark.slow
async def test_esc_stops_and_nothing_was_submitted(bench: Bench, operator: Operator) -> None:
    """
    The operator does not see Submit: what was learnt until then is kept, and nothing is sent.
    """
    bench.confirm()
    operator.points, operator.chooses = LIST, says("reason asked")

    with pytest.raises(NeedsOperator, match=r"nobody pointed at the button that sends .*Nothing was submitted"):
        await bench.cancel(PLACED, walk=await teaching(bench))

    assert ["details.cancel"] == bench.stamps.armed
    assert [] == bench.portal.submitted
    assert "cancel_taught" in own_editions(bench.edition.path.parent).load().edition.pages


@pytest.mark.slow
async def test_words_after_the_last_click(bench: Bench, operator: Operator) -> None:
    """
    The portal answers in words that the edition does not know: what they mean is said, and they are pointed at.
    """
    bench.confirm()
    bench.will("placed", layout="radio", popup=False)
    operator.points = {"the words that the request was sent": "All right, we are on it"}
    operator.chooses = says("requested (the words")
    walk = await teaching(bench)
    await bench.on_every_page(
        "new MutationObserver(() => { const title = document.querySelector('[class*=\"resultPage--title\"]');"
        " if (title && !title.dataset.x) { title.dataset.x = 1; title.textContent = 'All right, we are on it'; } })"
        ".observe(document, {subtree: true, childList: true})",
        path="/p/refund-cancel",
    )

    submission = await bench.cancel(PLACED, walk=walk)

    assert Submission.REQUESTED == submission
    assert 1 == len(bench.portal.submitted)
    done = own_editions(bench.edition.path.parent).load().edition.targets["cancel.done"]
    assert "text=All right, we are on it" in [one.describe() for one in done.try_]


@pytest.mark.slow
async def test_stopping_after_the_last_click_is_uncertain(bench: Bench, operator: Operator) -> None:
    """
    After a click that may have sent something, stopping is no longer harmless.
    """
    bench.confirm()
    bench.will("placed", layout="radio", popup=False)
    walk = await teaching(bench)
    await bench.on_every_page(
        "document.documentElement.append(Object.assign(document.createElement('style'),"
        " {textContent: '[class*=\"resultPage\"] { display: none }'}))",
        path="/p/refund-cancel",
    )

    with pytest.raises(Uncertain, match="It may have been submitted"):
        await bench.cancel(PLACED, walk=walk)

    assert 1 == len(bench.portal.submitted)


async def test_two_submits(bench: Bench, operator: Operator) -> None:
    """
    Two buttons that could be Submit: the one that is pointed at is clicked, once.
    """
    bench.confirm()
    bench.will("placed", layout="radio", popup=False)
    operator.points = {"the button that sends": "Send it off"}
    walk = await teaching(bench)
    await bench.on_every_page(
        "setInterval(() => { const submit = document.querySelector('[class*=\"submitBar--submit\"]');"
        " if (submit && !document.querySelector('#other')) { const other = document.createElement('button');"
        " other.id = 'other'; other.textContent = 'Submit'; document.body.prepend(other);"
        " const third = other.cloneNode(true); third.id = ''; document.body.prepend(third);"
        " submit.textContent = 'Send it off'; } }, 20)",
        path="/p/refund-cancel",
    )

    assert Submission.REQUESTED == await bench.cancel(PLACED, walk=walk)
    assert 1 == len(bench.portal.submitted)


async def test_what_is_assumed_is_confirmed_or_pointed_at(bench: Bench, operator: Operator) -> None:
    """
    A yes to everything: each target that commits is asked for once, and confirmed for this host in the edition.
    """
    bench.confirm(but=["cancel.submit", "cancel.confirm"])
    bench.will("placed", layout="radio")
    session = await bench.session()
    object.__setattr__(bench.options, "headed", True)
    lessons = Lessons(own_editions(bench.edition.path.parent), bench.edition, date(2026, 11, 23))
    walk = await session.teaching_walk(bench.journal(), bench.person, bench.stamps, bench.limits, lessons)

    assert Submission.REQUESTED == await bench.cancel(PLACED, walk=walk)

    assert 2 == len([question for question in operator.asked if "outlined" in question])
    targets = own_editions(bench.edition.path.parent).load().edition.targets
    assert all(targets[name].is_confirmed("m.aliexpress.localhost") for name in ("cancel.submit", "cancel.confirm"))


async def test_the_page_does_not_see_the_pointing(bench: Bench, operator: Operator) -> None:
    """
    Neither a click nor an impatient second one nor Enter comes through to what lies below.
    """
    walk = await teaching(bench)
    page = walk._tabs.current
    await page.clock.install(time=0)
    await page.set_content("<button autofocus>Submit</button><script>seen = []</script>")
    await page.clock.pause_at(1000)
    await page.evaluate(
        "for (const what of ['pointerdown', 'mousedown', 'click', 'keydown'])"
        " document.querySelector('button').addEventListener(what, () => seen.push(what))"
    )
    asking = asyncio.ensure_future(point(walk._tabs, "the button", timedelta(seconds=20)))
    await page.wait_for_function(SHIELDED)
    await page.keyboard.press("Enter")
    await page.mouse.click(30, 20, click_count=2)
    await page.clock.run_for(300)
    await page.mouse.click(30, 20)
    await page.clock.run_for(5000)
    pointed = await asking

    assert pointed is not None
    assert "Submit" == await pointed.element.inner_text()
    assert [] == await page.evaluate("seen")
    await page.mouse.click(30, 20)
    assert "click" in await page.evaluate("seen")


@pytest.mark.slow
async def test_another_order_on_the_page_stops_teaching_too(bench: Bench, operator: Operator) -> None:
    """
    The order number is proved as everywhere: a page about another order is not clicked on.
    """
    from agent.errors import UnknownPage

    bench.confirm()
    bench.will("placed", number_shown="wrong")
    operator.points, operator.chooses = {**LIST, "the button that sends": "Send request"}, says("reason asked")

    with pytest.raises(UnknownPage, match="another order"):
        await bench.cancel(OrderId(PLACED), walk=await teaching(bench))

    assert [] == bench.portal.submitted
