"""Browsers that stay open between visits: used again while nothing has changed, thrown away when something has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from agent.browser import browsers as module
from agent.browser.browsers import Browsers
from agent.browser.session import SignedInState
from agent.errors import BadInput, CountermandError, SignInNeeded, Uncertain
from agent.settings import BrowserSettings
from tests.browser.bench import Bench
from tests.conftest import needs_browser

pytestmark = needs_browser
ANNA, BERT = ("aliexpress", "anna"), ("aliexpress", "bert")


@pytest_asyncio.fixture
async def browsers(bench: Bench) -> AsyncIterator[Browsers]:
    """Room for one browser."""
    async with Browsers(BrowserSettings(), most=1) as kept:
        yield kept


async def visit(
    bench: Bench,
    browsers: Browsers,
    state: SignedInState | None = None,
    owner: tuple[str, str] | None = ANNA,
    ends_with: Exception | None = None,
) -> tuple[SignedInState, dict[str, str], int]:
    """What a visit finds: the state it was left with, what it had been told to remember, and how many tabs there are."""
    async with browsers.session(bench.edition, bench.hosts, bench.options, state, owner=owner) as session:
        walk = await session.reading_walk(bench.journal(), bench.person)
        tab = walk._tabs.current
        await tab.goto(f"{bench.portal.hosts['www'][0]}/")
        found = await tab.evaluate(
            "() => { const found = {...localStorage}; localStorage.visited = 'yes'; return found }"
        )
        tabs = len(tab.context.pages)
        left = await session.state()
        if ends_with is not None:
            raise ends_with
    return left, found, tabs


def opened(browsers: Browsers) -> list[object]:
    """The browsers that are open now."""
    return [one.browser for one in browsers._open]


async def test_the_next_visit_finds_the_same_browser_and_context(bench: Bench, browsers: Browsers) -> None:
    """
    The state is as the visit before left it, in a tab of its own.
    """
    state, before, _ = await visit(bench, browsers)
    first = opened(browsers)

    _, found, tabs = await visit(bench, browsers, state)

    assert first == opened(browsers)
    assert 1 == len(first)
    assert ({}, {"visited": "yes"}, 1) == ({k: v for k, v in before.items() if k == "visited"}, found, tabs)


async def test_a_state_that_somebody_else_left_is_taken(bench: Bench, browsers: Browsers) -> None:
    """
    Another process signed out meanwhile: what the context still holds does not count.
    """
    await visit(bench, browsers)

    _, found, _ = await visit(bench, browsers, None)

    assert "visited" not in found


async def test_another_account_finds_nothing_of_the_first(bench: Bench, browsers: Browsers) -> None:
    """
    With room for one browser it changes hands, and its context is another.
    """
    state, _, _ = await visit(bench, browsers)
    first = opened(browsers)

    _, found, _ = await visit(bench, browsers, owner=BERT)
    _, again, _ = await visit(bench, browsers, state)

    assert first == opened(browsers)
    assert "visited" not in found
    assert {"visited": "yes"} == again


@pytest.mark.parametrize(
    ("error", "is_kept"),
    [
        (BadInput("no such order"), True),
        (SignInNeeded("signed out"), False),
        (Uncertain("a click may still land"), False),
        (RuntimeError("a bug"), False),
    ],
    ids=["an answer", "sign-in", "uncertain", "bug"],
)
async def test_what_ended_oddly_is_thrown_away(
    bench: Bench, browsers: Browsers, error: Exception, is_kept: bool
) -> None:
    """
    An answer of the portal is no reason to begin anew; anything else is, and a click whose request may be under way above all.
    """
    with pytest.raises(type(error)):
        await visit(bench, browsers, ends_with=error)

    assert is_kept == bool(opened(browsers))


async def test_a_browser_that_died_meanwhile_is_replaced(bench: Bench, browsers: Browsers) -> None:
    """
    The visit does not hear of it.
    """
    state, _, _ = await visit(bench, browsers)
    first = opened(browsers)
    await browsers._open[0].homes[ANNA].context.close()

    _, found, _ = await visit(bench, browsers, state)

    assert first != opened(browsers)
    assert {"visited": "yes"} == found


async def test_what_a_visit_found_stands_when_the_browser_dies_behind_it(bench: Bench, browsers: Browsers) -> None:
    """
    The answer was read: that the browser cannot be tidied up any more makes no error of it.
    """
    async with browsers.session(bench.edition, bench.hosts, bench.options, None, owner=ANNA) as session:
        walk = await session.reading_walk(bench.journal(), bench.person)
        await walk._tabs.current.goto(f"{bench.portal.hosts['www'][0]}/")
        await browsers._open[0].browser.close()

    assert [] == opened(browsers)


async def test_a_worn_out_one_is_closed(bench: Bench, browsers: Browsers, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Browsers and drivers grow with use.
    """
    monkeypatch.setattr(module, "_MOST_VISITS", 2)
    state, _, _ = await visit(bench, browsers)
    assert opened(browsers)

    await visit(bench, browsers, state)

    assert [] == opened(browsers)


async def test_an_idle_one_is_closed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nobody pays for a browser that waits; whoever leaves waits until it is gone.
    """
    monkeypatch.setattr(module, "_LONGEST_IDLE", 0.0)
    async with Browsers(BrowserSettings(), most=1) as short:
        await visit(bench, short)
        browser = short._open[0].browser
        async with asyncio.timeout(20):
            while short._open:
                await asyncio.sleep(0.02)

    assert not browser.is_connected()


async def test_nobodys_is_closed_with_its_visit(bench: Bench, browsers: Browsers) -> None:
    """
    A sign-in as a stranger, or a state that is only tried, leaves nothing open.
    """
    await visit(bench, browsers, owner=None)

    assert [] == opened(browsers)


async def test_a_walk_hears_nothing_of_the_next(bench: Bench, browsers: Browsers) -> None:
    """
    The first walk's journal is closed: what goes on in the second's tabs is none of its business.
    """
    walks = []
    state: SignedInState | None = None
    for _ in range(2):
        async with browsers.session(bench.edition, bench.hosts, bench.options, state, owner=ANNA) as session:
            walks.append(await session.reading_walk(bench.journal(), bench.person))
            tab = walks[-1]._tabs.current
            await tab.goto(f"{bench.portal.hosts['www'][0]}/")
            async with tab.expect_popup() as opening:
                await tab.evaluate("() => { open('/', '_blank') }")
            popup = await opening.value
            await popup.wait_for_load_state()
            state = await session.state()
            if len(walks) == 1:
                heard = len(walks[0]._witness._replies)

    assert [1, 1] == [len(walk._tabs._opened) for walk in walks]
    assert 0 < heard == len(walks[0]._witness._replies)


async def test_the_errors_of_a_visit_come_through(bench: Bench, browsers: Browsers) -> None:
    """
    A closed tab is the browser's trouble, told as such.
    """
    with pytest.raises(CountermandError, match="the browser broke down"):
        await _closes_its_tab(bench, browsers)
    assert [] == opened(browsers)


async def _closes_its_tab(bench: Bench, browsers: Browsers) -> None:
    async with browsers.session(bench.edition, bench.hosts, bench.options, None, owner=ANNA) as session:
        walk = await session.reading_walk(bench.journal(), bench.person)
        await walk._tabs.current.close()
        await walk._tabs.current.evaluate("1")


async def test_each_visit_has_a_trace_of_its_own(bench: Bench, browsers: Browsers) -> None:
    """
    A context that served before begins another trace.
    """
    bench.options = replace(bench.options, trace="always")
    state: SignedInState | None = None
    traces = []
    for _ in range(2):
        async with browsers.session(bench.edition, bench.hosts, bench.options, state, owner=ANNA) as session:
            walk = await session.reading_walk(bench.journal(), bench.person)
            async with walk.step("look around"):
                await walk._tabs.current.goto(f"{bench.portal.hosts['www'][0]}/")
            state = await session.state()
        traces.append(bench.written(walk).traces)

    assert [["trace-1.zip"], ["trace-1.zip"]] == traces


async def test_accounts_that_take_turns_keep_their_contexts(
    bench: Bench, browsers: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    In one browser each finds the context that it left; only whoever was away the longest has none any more, and a tab only the last.
    """
    monkeypatch.setattr(module, "_MOST_CONTEXTS", 2)
    anna, _, _ = await visit(bench, browsers)
    bert, _, _ = await visit(bench, browsers, owner=BERT)
    (one,) = browsers._open
    contexts = {owner: home.context for owner, home in one.homes.items()}

    await visit(bench, browsers, anna)
    tabs = {owner: len(home.context.pages) for owner, home in one.homes.items()}
    back = one.homes[ANNA].context
    await visit(bench, browsers, owner=("aliexpress", "carl"))

    assert back is contexts[ANNA]
    assert {BERT: 0, ANNA: 1} == tabs
    assert [ANNA, ("aliexpress", "carl")] == list(one.homes)
    _, found, _ = await visit(bench, browsers, bert, owner=BERT)
    assert {"visited": "yes"} == found
