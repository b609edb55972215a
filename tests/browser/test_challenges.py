"""
Checks that the portal puts in the way: a person before the window passes them, and the walk goes on by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.errors import ChallengeShown, Uncertain
from agent.model import Answer, Submission
from fixtures.aliexpress.seed import MAIN, ORDERS
from flows.aliexpress.portal import PORTAL
from tests.browser.bench import CREDENTIALS, NOT_NEEDED_TEXT, Bench
from tests.conftest import MORE, needs_browser

pytestmark = needs_browser

SILENT = ORDERS["silent"]
"""However long it takes, its seller does not answer meanwhile."""


def before_the_window(bench: Bench, does: Callable[[], object], *, waits: float = 60) -> None:
    """Somebody sits before the window, and does something when they are told what is needed."""

    def says(sentence: str) -> None:
        bench.person.told.append(sentence)
        asyncio.get_running_loop().call_later(0.3, does)

    bench.person.is_here = True
    bench.person.says = says  # type: ignore[method-assign]
    patience = bench.options.patience.model_copy(update={"person": timedelta(seconds=waits)})
    bench.options = replace(bench.options, headed=True, patience=patience)


@pytest.mark.parametrize(
    "place",
    [
        "orders",
        pytest.param("detail", marks=MORE),
        pytest.param("cancel_page", marks=MORE),
        pytest.param("submit_blocked", marks=pytest.mark.slow),
        pytest.param("submit", marks=pytest.mark.slow),
    ],
)
async def test_a_person_passes_it(bench: Bench, place: str) -> None:
    """
    The walk says what is needed, waits, and goes on by itself once the page is past it: with one submit.
    """
    bench.portal.world.set(slider=[place])
    before_the_window(bench, bench.portal.world.pass_slider)
    walk = await bench.walk()

    assert Submission.REQUESTED == await bench.cancel(SILENT, walk=walk)

    assert [(SILENT, NOT_NEEDED_TEXT)] == bench.portal.submitted
    (told,) = bench.person.told
    assert "the portal wants a person to " in told
    assert "in the browser's window" in told
    passed = [action for step in bench.written(walk).steps for action in step.actions if action.what == "challenge"]
    assert [True] == [(action.result or "").endswith("passed") for action in passed]


@pytest.mark.slow
@pytest.mark.parametrize("place, stop, submits", [("orders", ChallengeShown, 0), ("submit", Uncertain, 1)])
async def test_nobody_passes_it_in_time(bench: Bench, place: str, stop: type[Exception], submits: int) -> None:
    """
    After its deadline it is what it is without a person; after a click, uncertain.
    """
    bench.portal.world.set(slider=[place])
    before_the_window(bench, lambda: None, waits=1)

    with pytest.raises(stop, match="was not passed in the browser's window"):
        await bench.cancel(SILENT)

    assert submits == len(bench.portal.submitted)


@pytest.mark.slow
async def test_thinking_costs_the_walk_no_patience(bench: Bench) -> None:
    """
    While a person is waited for the walk's own deadlines stand still: what comes afterwards has all its time.
    """
    bench.portal.world.set(slider=["orders"])

    def does() -> None:
        bench.portal.world.set(delay_ms=1500)
        asyncio.get_running_loop().call_later(5.5, bench.portal.world.pass_slider)

    before_the_window(bench, does)
    patience = bench.options.patience.model_copy(update={"page": timedelta(seconds=6)})
    bench.options = replace(bench.options, patience=patience)
    walk = await bench.reading_walk()

    await PORTAL.prove_signed_in(walk)

    assert 1 == len(bench.person.told)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["orders", "detail"])
async def test_a_look_waits_too(bench: Bench, place: str) -> None:
    """
    A visit that only reads goes on as well.
    """
    bench.portal.world.set(slider=[place])
    before_the_window(bench, bench.portal.world.pass_slider)

    reading = await PORTAL.read_decision(await bench.reading_walk(), bench.will("cancel_requested"))

    assert (Answer.WAITING, 1) == (reading.answer, len(bench.person.told))


@pytest.mark.slow
async def test_slider_after_the_password(bench: Bench) -> None:
    """
    A slider after Sign in is common: the credentials are given once, and the rest goes on by itself.
    """
    bench.portal.world.set(slider=["sign_in"])
    before_the_window(bench, bench.portal.world.pass_slider)
    walk = await bench.reading_walk(None)

    await PORTAL.sign_in(walk, CREDENTIALS)
    await PORTAL.prove_signed_in(walk)

    assert 1 == bench.portal.world.counted("sign_in attempt")


async def code_page(bench: Bench) -> None:
    """My Orders leads to the page that asks for a one-time code, as after a sign-in from a new place."""
    bench.portal.world.set(one_time_code=True, show="code")
    bench.portal.world.sessions.expire(MAIN)


async def test_code_page_headless(bench: Bench) -> None:
    """
    A page that asks for a code is for a person; signing in anew would only ask for another one.
    """
    walk = await bench.reading_walk()
    await code_page(bench)

    with pytest.raises(ChallengeShown, match="wants a person to type the one-time code"):
        await PORTAL.prove_signed_in(walk)


@pytest.mark.slow
async def test_code_page_before_the_window(bench: Bench) -> None:
    """
    Whoever sits before the window types the code there, and the walk goes on.
    """
    tasks: list[asyncio.Future[None]] = []

    def does() -> None:
        session = bench.portal.world.sessions.new(MAIN)  # what the right code gives: a signed-in session
        context = bench.contexts[-1]
        tab = context.pages[0]

        async def types_it() -> None:
            await context.add_cookies(
                [
                    {
                        "name": "xman_us_t",
                        "value": f"sign=y&ctoken={session.id}",
                        "domain": ".aliexpress.localhost",
                        "path": "/",
                    }
                ]
            )
            await tab.evaluate(
                "address => { location.href = address }", f"{bench.portal.hosts['www'][0]}/p/order/index.html"
            )

        tasks.append(asyncio.ensure_future(types_it()))

    before_the_window(bench, does)
    walk = await bench.reading_walk()
    await code_page(bench)

    await PORTAL.prove_signed_in(walk)

    assert ["type the one-time code" in told for told in bench.person.told] == [True]
