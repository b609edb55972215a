"""``countermand teach``: a real command at a terminal, a browser on a screen, and an operator who types and points."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.browser.editions import Editions
from agent.portal import portal_named
from fixtures.aliexpress.seed import ORDERS
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.cli.person import Screen, Terminal, screen
from tests.conftest import CommandLine, needs_browser

PLACED, NEXT = ORDERS["placed"], ORDERS["placed_2"]
NOT_NEEDED = "I don't need this order anymore"
REASON = ("--reason", "no_longer_needed")


@pytest.fixture(autouse=True)
def unknown_page(playground: Playground) -> None:
    """The cancel page is one that no edition knows, and the portal answers at once."""
    playground.portal.world.set(delay_ms=0)
    for number in (PLACED, NEXT):
        playground.portal.world.change_order(number, layout="tiles", answers_after=0, seller="silent")
    settings = playground.config.read_text(encoding="utf-8")
    hurried = settings.replace('page = "20s", action = "10s"', 'page = "8s", action = "4s"')
    assert hurried != settings
    playground.config.write_text(hurried, encoding="utf-8")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """A screen of the test's own."""
    with screen(monkeypatch) as started:
        yield started


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """What was started; ended with the test."""
    started: list[Terminal] = []
    yield started
    for terminal in started:
        terminal.close()


def editions(playground: Playground) -> Editions:
    """The editions as the command sees them."""
    portal = portal_named("aliexpress")
    return Editions(portal.name, portal.editions, playground.home / "selectors" / portal.name)


@needs_browser
@pytest.mark.headed
@pytest.mark.slow
def test_a_page_that_no_edition_knows_is_taught(
    playground: Playground, countermand: CommandLine, shown: Screen, terminals: list[Terminal]
) -> None:
    """
    The operator points at a reason, Submit and Confirm: the order is withdrawn with one submit, which the ledger has; the edition
    that was written lints; and the next order is withdrawn with it without a window.
    """
    before = editions(playground).load().path
    terminals.append(
        operator := Terminal(playground.config, shown.display, ["teach", "main", "--order", PLACED, *REASON])
    )

    operator.is_asked("will really be withdrawn", "yes")
    operator.reads("What does the browser show?")
    operator.types(number_of(operator, "reason asked"))
    operator.is_asked("Does the browser show the list of reasons in the cancel form already?", "yes")
    operator.reads("point at one entry of the list of reasons")
    shown.click_on("I placed a duplicate order", times=2)
    operator.reads("I don't need this order anymore; I ordered the wrong product(s)")
    operator.is_asked("all of it and nothing else?", "yes")
    operator.reads("point at the button that sends the cancellation request")
    shown.click_on("Send request", times=2)
    operator.is_asked("Is that the button that sends the cancellation request?", "yes")
    operator.reads("point at the button that says yes to the cancellation")
    assert [] == playground.portal.submitted
    shown.click_on("Yes, cancel it", times=2)
    operator.is_asked("Is that the button that says yes to the cancellation?", "yes")
    assert 0 == operator.ends(), operator.shown

    assert [(PLACED, NOT_NEEDED)] == playground.portal.submitted
    written = editions(playground).load()
    assert before != written.path
    assert before.stem == written.edition.extends
    (listed,) = countermand("--json", "list").json["results"]
    assert [(PLACED, "awaiting_decision")] == [(one["order_id"], one["stage"]) for one in listed["orders"]]
    linted = countermand("selectors", "lint", str(written.path))
    assert (0, "1 edition checked, nothing wrong.\n") == (linted.code, linted.out)

    following = countermand("cancel", NEXT, *REASON, "--json")

    assert (0, "awaiting_decision", []) == (following.code, following.json["stage"], following.json["drift"])
    assert [(PLACED, NOT_NEEDED), (NEXT, NOT_NEEDED)] == playground.portal.submitted


def number_of(operator: Terminal, state: str) -> str:
    """The number that stands before *state* in the list of choices."""
    operator.reads("for none of these]")
    lines = [line.split() for line in operator.shown.splitlines() if state in line and line.strip()[:1].isdigit()]
    return lines[-1][0]


@needs_browser
@pytest.mark.headed
@pytest.mark.slow
def test_the_answers_words_are_taught(
    playground: Playground, countermand: CommandLine, shown: Screen, terminals: list[Terminal]
) -> None:
    """
    The supplier has answered in words that the edition takes for something else: the operator says what they mean, which goes into
    an edition of theirs, and the answer into the ledger.
    """
    playground.portal.world.change_order(PLACED, layout="radio")
    asked = countermand("cancel", PLACED, *REASON, "--json").json
    playground.portal.world.change_order(PLACED, state="payment_check")
    terminals.append(operator := Terminal(playground.config, shown.display, ["teach", "main", "--after", asked["id"]]))

    operator.reads("the page says “Payment being verified”")
    operator.is_asked("reads this as “payment check”. Is that right?", "no")
    operator.reads("What does it say about the order?")
    operator.types(number_of(operator, "seller refused"))
    operator.reads("Which words say that it is seller refused?")
    operator.types(number_of(operator, "Your payment is being verified. This takes"))
    assert 40 == operator.ends(), operator.shown

    written = editions(playground).load().edition
    assert "Your payment is being verified. This takes up to 24 hours." in written.texts(
        written.statuses["seller_refused"].texts, "en"
    )
    assert "refused" == countermand("show", asked["id"], "--json").json["stage"]


def test_nobody_is_there(within: Within) -> None:
    """
    Without a terminal nobody can be asked: nothing is claimed.
    """
    ran = within("teach", "main", "--order", PLACED, *REASON)

    assert (20, "") == (ran.code, ran.out)
    assert "teaching needs a person at a terminal" in ran.err
    assert [] == within("--json", "list").json["results"]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--json", "--order", PLACED), "teach is a conversation: it has no --json"),
        ((), "give --order N, or --after ID"),
        (("--order", PLACED, "--after", "x"), "give --order N, or --after ID"),
    ],
)
def test_what_makes_no_sense(within: Within, arguments: tuple[str, ...], what: str) -> None:
    """
    Exit 2, in a sentence.
    """
    ran = within("teach", "main", *arguments)

    assert 2 == ran.code
    assert what in ran.err


def test_no_screen(playground: Playground, terminals: list[Terminal]) -> None:
    """
    Without a screen there is no window to point in: exit 2, before anything is asked.
    """
    terminals.append(operator := Terminal(playground.config, "", ["teach", "main", "--order", PLACED, *REASON]))

    assert 2 == operator.ends()
    assert "there is no screen to show a browser on" in " ".join(operator.shown.split())
