"""
What a visit leaves for people: readable at any moment, without secrets, and with what it promises to show.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser

from agent.browser.commit import CommitOptions
from agent.browser.evidence import Action, Journal, VisitJournal, drift_of, now, read_journal
from agent.errors import SignInNeeded, UnknownPage
from agent.model import OrderId
from agent.redact import redactor
from agent.walk import StoppedBeforeCommit
from fixtures.aliexpress.seed import MAIN, ORDERS, PASSWORD
from fixtures.aliexpress.sessions import CANARY
from flows.aliexpress.portal import PORTAL
from tests.browser.bench import CREDENTIALS, Bench
from tests.conftest import needs_browser

MASK = (0x99, 0x99, 0x99)


def pictures(folder: Path) -> list[str]:
    """The names of the pictures in *folder*."""
    return sorted(path.name for path in folder.glob("*.jpg"))


# -- the journal


@pytest.mark.slow
@needs_browser
async def test_journal_is_readable_after_every_step(bench: Bench) -> None:
    """
    A visit that is killed at any step leaves a journal of all steps up to there, and without an end.
    """
    walk = await bench.walk()
    seen: list[VisitJournal] = []
    bench.person.after_step = lambda name: seen.append(bench.written(walk))

    await bench.cancel(ORDERS["placed"], walk=walk)

    names = [step.name for step in bench.written(walk).steps]
    assert ["open My Orders", "find the order", "open its details", "start the cancellation"] == names[:4]
    assert [names[: n + 1] for n in range(len(names))] == [[step.name for step in one.steps] for one in seen]
    assert all(one.end is None and one.steps[-1].seconds is not None for one in seen)


@pytest.mark.slow
@needs_browser
async def test_journal_within_a_step(bench: Bench) -> None:
    """
    At the moment of a click that commits, the journal on disk already tells what led there.
    """
    walk = await bench.walk()
    at_the_click: list[VisitJournal] = []

    async def look(_: str) -> None:
        at_the_click.append(bench.written(walk))

    bench.stamps.before_arming = look
    await bench.cancel(ORDERS["at_once"], walk=walk)

    step = at_the_click[0].steps[-1]
    assert ("start the cancellation", None) == (step.name, step.seconds)
    assert "prove" in [action.what for action in step.actions]


@pytest.mark.slow
@needs_browser
async def test_journal_tells_what_was_used(bench: Bench) -> None:
    """
    Targets, candidates, pages and outcomes are written down as the edition names them.
    """
    walk = await bench.walk()
    await bench.cancel(ORDERS["placed"], walk=walk)

    actions = [action for step in bench.written(walk).steps for action in step.actions]
    commits = [(action.target, action.page, action.result) for action in actions if action.what == "commit"]
    outcomes = [(action.target, action.result) for action in actions if action.what == "outcome"]
    assert [
        ("details.cancel", "details", ORDERS["placed"]),
        ("cancel.submit", "cancel", ORDERS["placed"]),
        ("cancel.confirm", "cancel", ORDERS["placed"]),
    ] == commits
    assert [
        ("orders.list", "listed"),
        ("orders.found", "found"),
        ("details.state", "placed"),
        ("cancel.started", "reason_asked"),
        ("cancel.submitted", "confirm_asked"),
        ("cancel.result", "requested"),
    ] == outcomes
    assert all(action.candidate for action in actions if action.what in ("fill", "click", "commit"))


@pytest.mark.slow
@needs_browser
async def test_drift_is_noted(bench: Bench) -> None:
    """
    A later candidate that matched in place of the first is noted, and the walk goes on.
    """
    field = '{placeholder: Nothing like it}, {css: ".order-header input[type=text]"}'
    bench.change_edition(f"targets: {{orders.search: {{try: [{field}]}}}}")
    walk = await bench.reading_walk()

    await PORTAL.read_decision(walk, OrderId(ORDERS["placed"]))

    assert ["orders.search"] == walk.journal.drift
    assert ["orders.search"] == drift_of(bench.written(walk))


def test_killed_visit_has_no_end(tmp_path: Path) -> None:
    """
    A step that was never finished has no duration, and the visit no end: that is how a kill shows.
    """
    journal = Journal(tmp_path / "v1", VisitJournal(visit="v1", kind="submit", started_at=now()))
    journal.begin("find the order")
    journal.note(Action(what="click", at=now(), target="orders.more"))

    read = read_journal(tmp_path / "v1")

    assert read is not None
    assert None is read.end
    assert [("find the order", None)] == [(step.name, step.seconds) for step in read.steps]
    assert ["orders.more"] == [action.target for action in read.steps[0].actions]


def test_journal_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """
    Writing leaves nothing beside the journal, and nobody else may read it.
    """
    journal = Journal(tmp_path / "v1", VisitJournal(visit="v1", kind="submit", started_at=now()))
    journal.finish(journal.begin("look"), failed=None)
    journal.end(ok=True, kind="requested", message="done")

    assert ["visit.json"] == [path.name for path in (tmp_path / "v1").iterdir()]
    assert 0o700 == (tmp_path / "v1").stat().st_mode & 0o777


@pytest.mark.parametrize("content", ["", "{", '{"visit": "v1"}', '{"format": 1, "unknown": true}'])
def test_broken_journal_is_none(tmp_path: Path, content: str) -> None:
    """
    Half a journal is none.
    """
    (tmp_path / "visit.json").write_text(content, encoding="utf-8")

    assert None is read_journal(tmp_path)
    assert None is read_journal(tmp_path / "nowhere")


# -- secrets


@needs_browser
@pytest.mark.parametrize("password", [PASSWORD, "not-the-password-either"], ids=["right", "wrong"])
async def test_no_secret_in_the_journal(bench: Bench, password: str) -> None:
    """
    Neither password nor e-mail address, code or cookie is written, whether the sign-in works or not.
    """
    bench.portal.world.set(one_time_code=True)
    bench.person.is_here = True
    bench.person.answer = lambda question: bench.portal.world.sessions.last_code[MAIN]
    credentials = CREDENTIALS.model_copy(update={"password": type(CREDENTIALS.password)(password)})
    walk = await bench.reading_walk(None)

    if password == PASSWORD:
        await PORTAL.sign_in(walk, credentials)
    else:
        with pytest.raises(SignInNeeded):
            await PORTAL.sign_in(walk, credentials)

    written = (walk.journal.folder / "visit.json").read_text(encoding="utf-8")
    code = bench.portal.world.sessions.last_code.get(MAIN, "no code was sent")
    assert ["sign_in.user", "sign_in.password"] == [
        action.target for action in walk.journal.entry.steps[0].actions if action.what == "fill"
    ][:2]
    assert [] == [secret for secret in (password, MAIN, "buyer%40", code, CANARY) if secret in written]


def test_known_secrets_are_blotted_out(tmp_path: Path) -> None:
    """
    What the portal writes back to us may hold a secret: it is blotted out on its way to the journal.
    """
    redactor.learn("hunter2-and-more")
    journal = Journal(tmp_path / "v1", VisitJournal(visit="v1", kind="submit", started_at=now()))
    step = journal.begin("sign in")
    journal.note(Action(what="read", at=now(), result="Hello someone@example.org, hunter2-and-more"))
    journal.finish(step, failed="hunter2-and-more is wrong")
    journal.end(ok=False, kind="sign_in_needed", message="hunter2-and-more is wrong")

    written = (tmp_path / "v1" / "visit.json").read_text(encoding="utf-8")

    assert 4 == written.count("[hidden]")
    assert "hunter2" not in written
    assert "someone@" not in written


# -- pictures


@needs_browser
async def test_picture_of_every_step(bench: Bench) -> None:
    """
    With pictures "steps" each step has one, and the journal names it and where it was taken.
    """
    bench.options = replace(bench.options, pictures="steps")
    walk = await bench.reading_walk()

    await PORTAL.read_decision(walk, OrderId(ORDERS["placed"]))
    await walk.leave()

    steps = bench.written(walk).steps
    assert ["01.jpg", "02.jpg", "03.jpg", "04.jpg"] == [step.picture for step in steps] == pictures(walk.journal.folder)
    assert (steps[-1].url or "").endswith(f"/p/order/detail.html?orderId={ORDERS['placed']}")


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("policy, expected", [("failure", ["03.jpg"]), pytest.param("off", [], marks=pytest.mark.slow)])
async def test_picture_of_failures_or_none(
    bench: Bench, policy: Literal["failure", "off"], expected: list[str]
) -> None:
    """
    With "failure" only the step that failed has a picture, with "off" not even that one.
    """
    bench.options = replace(bench.options, pictures=policy)
    walk = await bench.reading_walk()
    await bench.contexts[-1].route("**/p/order/detail.html*", lambda route: route.fulfill(body="<h1>All new!</h1>"))
    bench.hurry(walk, after="find the order", but_clicks=True)

    with pytest.raises(UnknownPage):
        await PORTAL.read_decision(walk, OrderId(ORDERS["placed"]))

    steps = bench.written(walk).steps
    assert expected == pictures(walk.journal.folder)
    assert [None, None] == [step.failed for step in steps[:2]]
    assert "did not appear" in (steps[2].failed or "")


@needs_browser
async def test_picture_shows_the_page_that_failed(bench: Bench) -> None:
    """
    Where a new tab shows something unknown, the picture is of that tab.
    """
    bench.options = replace(bench.options, pictures="failure")
    walk = await bench.reading_walk()
    await bench.contexts[-1].route(
        "**/p/order/detail.html*",
        lambda route: route.fulfill(body="<body style='background: rgb(200, 30, 60)'>", content_type="text/html"),
    )
    bench.hurry(walk, after="find the order", but_clicks=True)

    with pytest.raises(UnknownPage):
        await PORTAL.read_decision(walk, OrderId(ORDERS["placed"]))

    assert is_near((200, 30, 60), await colour(bench.chromium, walk.journal.folder / "03.jpg", 640, 450))
    assert "detail.html" in (bench.written(walk).steps[2].url or "")


@needs_browser
async def test_no_picture_of_a_private_step(bench: Bench) -> None:
    """
    Where credentials are typed no picture is taken, even if it fails.
    """
    bench.options = replace(bench.options, pictures="steps")
    bench.portal.world.change_account(MAIN, locked=True)
    walk = await bench.reading_walk(None)

    with pytest.raises(SignInNeeded):
        await PORTAL.sign_in(walk, CREDENTIALS)

    step = bench.written(walk).steps[0]
    assert ("sign in", None) == (step.name, step.picture)
    assert step.failed
    assert [] == pictures(walk.journal.folder)


@needs_browser
async def test_personal_data_is_masked(bench: Bench) -> None:
    """
    The customer's address is a grey box in every picture; the order's state stays to be read.
    """
    bench.options = replace(bench.options, pictures="steps")
    walk = await bench.reading_walk()
    await PORTAL.read_decision(walk, OrderId(ORDERS["placed"]))
    tab = next(tab for tab in bench.contexts[-1].pages if "detail.html" in tab.url)
    picture = walk.journal.folder / "03.jpg"

    for css, hidden in ((".contact-info", True), (".my-account", True), (".order-block-title", False)):
        box = await tab.locator(css).first.bounding_box()
        assert box is not None
        middle = await colour(bench.chromium, picture, box["x"] + box["width"] / 2, box["y"] + box["height"] - 2)
        assert hidden == is_near(MASK, middle), f"{css}: {middle}"


@needs_browser
async def test_dry_run_leaves_a_picture(bench: Bench) -> None:
    """
    A dry run shows the page on which the first click would happen.
    """
    bench.options, bench.limits = replace(bench.options, pictures="steps"), CommitOptions(dry_run=True)
    walk = await bench.walk()

    with pytest.raises(StoppedBeforeCommit):
        await bench.cancel(ORDERS["placed"], walk=walk)
    await walk.leave()

    last = bench.written(walk).steps[-1]
    assert ("start the cancellation", "04.jpg") == (last.name, last.picture)


@needs_browser
async def test_picture_that_fails_harms_nothing(bench: Bench) -> None:
    """
    Evidence never harms the work: without a place to put a picture the walk goes on.
    """
    bench.options = replace(bench.options, pictures="steps")
    walk = await bench.reading_walk()
    (walk.journal.folder / "01.jpg").mkdir()

    await PORTAL.prove_signed_in(walk)

    assert [None] == [step.picture for step in bench.written(walk).steps]


async def colour(chromium: Browser, picture: Path, x: float, y: float) -> tuple[int, int, int]:
    """The colour of one point of *picture*, as a browser sees it."""
    encoded = base64.b64encode(picture.read_bytes()).decode()
    tab = await chromium.new_page()
    try:
        red, green, blue = await tab.evaluate(
            """async ([source, x, y]) => {
                const image = new Image();
                image.src = source;
                await image.decode();
                const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
                canvas.drawImage(image, 0, 0);
                return [...canvas.getImageData(x, y, 1, 1).data].slice(0, 3);
            }""",
            [f"data:image/jpeg;base64,{encoded}", x, y],
        )
    finally:
        await tab.close()
    return red, green, blue


def is_near(expected: tuple[int, int, int], actual: tuple[int, int, int]) -> bool:
    """Whether two colours are the same but for the picture's compression."""
    return all(abs(one - other) < 12 for one, other in zip(expected, actual, strict=True))
