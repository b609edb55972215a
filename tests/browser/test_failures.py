"""
What is kept of a step that failed, and of what was done: enough to see why, and nothing about a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal
from zipfile import ZipFile

import pytest
from playwright.async_api import Route

from agent.browser.evidence import Step
from agent.browser.trace_file import actions_in
from agent.browser.walk import BrowserWalk
from agent.errors import UnknownPage
from agent.model import OrderId
from fixtures.aliexpress.seed import MAIN, ORDERS, PASSWORD
from flows.aliexpress.portal import PORTAL
from tests.browser.bench import CREDENTIALS, Bench
from tests.conftest import needs_browser

pytestmark = needs_browser

ORDER = OrderId(ORDERS["placed"])
CANARIES = {
    "name": "Canary Buyer",
    "address": "Canary Lane",
    "phone": "555 0100",
    "e-mail": "canary-mail@example.org",
    "card tail": "4242",
    "token": "canarytoken0123456789abcdef",
    "typed": "canary-typed",
    "in a query": "canary-query",
    "in a shadow": "canary-shadow",
}
PAGE = f"""<!DOCTYPE html><html lang="en"><title>x</title><h1>All new!</h1>
<div class="contact-info" title="Canary Buyer"><p>Canary   Buyer</p><p>7 Canary Lane</p><p>+1 555 0100</p><span id="s"></span></div>
<p>Write to canary-mail@example.org</p><p>Paid with •••• 4242</p><p>canarytoken0123456789abcdef</p>
<label>Password <input type="password" value="canary-typed"></label><label>Name <input value="canary-typed"></label>
<a href="/p/order/detail.html?orderId={ORDER}&token=canary-query">Order {ORDER}</a>
<script type="application/json">{{"name": "Canary Buyer", "token": "canary-script"}}</script>
<script>
  document.getElementById("s").attachShadow({{mode: "open"}}).innerHTML = "<b>canary-shadow</b>";
  console.error("broken for Canary Buyer, 7 Canary Lane, +1 555 0100, canary-mail@example.org, •••• 4242, canarytoken0123456789abcdef");
  throw new Error("cannot load https://www.aliexpress.com/api?token=canary-query");
</script>"""


async def walking(bench: Bench) -> BrowserWalk:
    """A walk that is about the order, and traced if it fails."""
    bench.options = replace(bench.options, trace="on-failure")
    journal = bench.journal()
    journal.knows(order=ORDER)
    return await (await bench.session()).reading_walk(journal, bench.person)


async def fails(bench: Bench, walk: BrowserWalk) -> Step:
    """A walk that comes to a page that nobody knows, with all of it on; the step that failed there."""

    async def shows(route: Route) -> None:
        await route.fulfill(body=PAGE, content_type="text/html; charset=utf-8", headers={"x-canary": "canary-header"})

    await bench.contexts[-1].route("**/p/order/detail.html*", shows)
    bench.hurry(walk, after="find the order", but_clicks=True)
    with pytest.raises(UnknownPage):
        await PORTAL.read_decision(walk, ORDER)
    return bench.written(walk).steps[-1]


def content(trace: Path) -> str:
    """Everything in *trace*, unpacked."""
    with ZipFile(trace) as archive:
        return "\n".join(archive.read(name).decode() for name in archive.namelist())


def found_in(text: str) -> set[str]:
    """The canaries in *text*, and any other. Digits are words of their own: clocks and sizes are full of them."""
    words = " ".join(strings_in(text))
    named = {what for what, canary in CANARIES.items() if re.search(rf"(?<!\w){re.escape(canary)}(?!\w)", words)}
    return named | ({"any"} if "canary" in text.lower() else set())


def strings_in(text: str) -> Iterator[str]:
    """Every string of one JSON document, or of one in each line: what a person could be named in."""
    values: list[object] = (
        [json.loads(text)] if text.startswith("{\n") else [json.loads(line) for line in text.splitlines() if line]
    )
    while values:
        match values.pop():
            case str() as string:
                yield string
            case dict() as table:
                values += [*table, *table.values()]
            case list() as array:
                values += array
            case _:
                pass


async def test_a_failed_step_keeps_more_and_nothing_of_a_person(bench: Bench) -> None:
    """
    The page's outline, what it complained of, and the last answers; no canary in any of it, nor in the trace, which has no order number either.
    """
    walk = await walking(bench)

    step = await fails(bench, walk)

    kept = step.failure
    assert kept is not None
    assert 'heading "All new!" [level=1]' in (kept.outline or "")
    assert f"Order {ORDER}" in (kept.outline or "")
    assert [True, True] == ["broken for" in kept.console[0], "cannot load" in kept.console[1]]
    assert ("document", 200) == (kept.replies[-1].what, kept.replies[-1].status)
    assert kept.replies[-1].url.endswith(f"/p/order/detail.html?orderId={ORDER}")
    assert set() == found_in((walk.journal.folder / "visit.json").read_text(encoding="utf-8"))
    trace = walk.journal.folder / "trace-1.zip"
    assert set() == found_in(content(trace))
    assert ORDER not in content(trace)
    done = actions_in(trace)
    assert ["open My Orders", "find the order", "open its details"] == [one.what for one in done if one.depth == 0]


@pytest.mark.slow
async def test_without_scrubbing_they_are_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The control: with a blot and a choice that do nothing, the same search finds them.
    """

    class Nothing:
        def __init__(self, *given: object) -> None: ...

        def __call__(self, text: str) -> str:
            return text

        def address(self, url: str) -> str:
            return url

    monkeypatch.setattr("agent.browser.witness.Blot", Nothing)
    monkeypatch.setattr("agent.browser.outline.HIDDEN", "canary-typed")
    monkeypatch.setattr("agent.browser.trace_file._kept", lambda event, fakes: event)
    walk = await walking(bench)

    await fails(bench, walk)

    written = (walk.journal.folder / "visit.json").read_text(encoding="utf-8")
    assert set(CANARIES) - {"in a shadow"} <= found_in(written)
    assert ORDER in content(walk.journal.folder / "trace-1.zip")


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "expected"), [("never", []), ("on-failure", []), ("always", ["trace-1.zip"])])
async def test_a_walk_that_goes_well_is_traced_if_always(
    bench: Bench, policy: Literal["never", "on-failure", "always"], expected: list[str]
) -> None:
    """
    What went well is not kept unless the settings say so.
    """
    bench.options = replace(bench.options, trace=policy)
    session = await bench.session()
    walk = await session.reading_walk(bench.journal(), bench.person)

    await PORTAL.read_decision(walk, ORDER)
    await session.end()

    assert expected == bench.written(walk).traces == [path.name for path in walk.journal.folder.glob("*.zip")]


@pytest.mark.slow
async def test_never_across_a_sign_in(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Neither what is typed to sign in nor the state that is read then is traced at all, scrubbed or not.
    """
    monkeypatch.setattr("agent.browser.trace_file._kept", lambda event, fakes: event)
    bench.options = replace(bench.options, trace="always")
    session = await bench.session(None)
    walk = await session.reading_walk(bench.journal(), bench.person)

    await PORTAL.sign_in(walk, CREDENTIALS)
    await PORTAL.prove_signed_in(walk)
    state = await session.state()
    await PORTAL.read_decision(walk, ORDER)
    await session.end()

    traces = [content(path) for path in sorted(walk.journal.folder.glob("*.zip"))]
    cookies = [str(cookie["value"]) for cookie in state.storage["cookies"] if len(str(cookie["value"])) > 8]
    assert 2 == len(traces)
    assert cookies
    for secret in (PASSWORD, MAIN, "storageState", *cookies):
        assert [] == [trace for trace in traces if secret in trace]
    assert "see that we are signed in" in traces[0]
    assert "read the supplier's answer" in traces[1]


@pytest.mark.slow
async def test_a_trace_that_cannot_be_kept_harms_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Evidence never harms the work: the walk fails as it would have, and nothing unscrubbed is left.
    """

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("agent.browser.tracer.scrub", full)
    walk = await walking(bench)

    step = await fails(bench, walk)

    assert "did not appear" in (step.failed or "")
    assert [] == bench.written(walk).traces == [path.name for path in walk.journal.folder.glob("*.zip")]


@pytest.mark.slow
async def test_of_a_private_step_only_answers_are_kept(bench: Bench) -> None:
    """
    A sign-in that fails: that the servers answered, and not what the page showed.
    """
    bench.portal.world.change_account(MAIN, locked=True)
    walk = await bench.reading_walk(None)

    with pytest.raises(Exception, match="sign"):
        await PORTAL.sign_in(walk, CREDENTIALS)

    kept = bench.written(walk).steps[0].failure
    assert kept is not None
    assert (None, []) == (kept.outline, kept.console)
    assert kept.replies
