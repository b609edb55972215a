"""``show``, ``list``, ``events``, ``report``: exit 0 when the thing exists, whatever its stage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.engine.records import Cancellation
from agent.errors import Uncertain
from agent.model import OrderStage, Stage
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.engine.bench import ORDER, OTHER, WITH_SHOP, Bench


@pytest.fixture
def ledger(playground: Playground) -> Iterator[Bench]:
    """The ledger that the command line reads, for us to write to."""
    bench = Bench.at(playground.home)
    yield bench
    bench.close()


@pytest.fixture
def uncertain(ledger: Bench) -> Cancellation:
    """A cancellation that ended with exit 50."""
    one = ledger.claim(ORDER, choices=WITH_SHOP)
    visit = ledger.ledger.begin_visit(one.id, "submit", one.orders[0])
    ledger.ledger.move_order(one.orders[0], OrderStage.UNCERTAIN, visit, text="Awaiting shipment")
    ledger.ledger.fail(one.id, Uncertain("it may have been submitted", next="Look at it."), visit)
    return ledger.again(one)


def test_show_gives_the_result_object(within: Within, uncertain: Cancellation) -> None:
    """
    What ``cancel --json`` would have printed, with exit 0: it exists.
    """
    ran = within("show", uncertain.id, "--json")

    assert (0, uncertain.id, "needs_operator") == (ran.code, ran.json["id"], ran.json["stage"])
    assert {"kind": "uncertain", "message": "it may have been submitted.", "next": "Look at it."} == ran.json["error"]
    assert [f"{uncertain.id}-1"] == ran.json["visits"]


def test_show_for_people(within: Within, uncertain: Cancellation) -> None:
    """
    Stage, orders with the portal's words, shop order, and what to do next.
    """
    ran = within("show", uncertain.id)

    assert 0 == ran.code
    for words in (uncertain.id, "needs operator", ORDER, "uncertain", "“Awaiting shipment”", "#1001"):
        assert words in ran.out
    assert "next: Look at it." in ran.err


def test_list_gives_all_newest_first(within: Within, ledger: Bench) -> None:
    """
    Every cancellation as its result object; the one that changed last comes first.
    """
    first, second = ledger.claim(ORDER), ledger.claim(OTHER)
    ledger.clock.forward(60)
    ledger.ledger.move_order(first.orders[0], OrderStage.APPROVED, None)

    ran = within("list", "--json")

    assert (0, ["results"]) == (ran.code, list(ran.json))
    assert [(first.id, Stage.DONE), (second.id, Stage.OPEN)] == [
        (one["id"], one["stage"]) for one in ran.json["results"]
    ]


def test_list_for_people(within: Within, uncertain: Cancellation) -> None:
    """
    One row per cancellation, with what it waits for.
    """
    ran = within("list")

    assert 0 == ran.code
    for words in (uncertain.id, "needs operator", ORDER, "#1001"):
        assert words in ran.out


def test_an_empty_list_says_so(within: Within) -> None:
    """
    Before the first cancellation there is nothing to list, which is no error.
    """
    assert (0, {"results": []}) == ((ran := within("list", "--json")).code, ran.json)
    assert "No cancellations yet." in within("list").out


def test_events_gives_every_change(within: Within, uncertain: Cancellation, ledger: Bench) -> None:
    """
    Numbered from one without gaps, with time, actor, from, to, visit and detail.
    """
    ran = within("events", uncertain.id, "--json")

    events = ran.json["events"]
    assert (0, uncertain.id) == (ran.code, ran.json["id"])
    assert list(range(1, len(events) + 1)) == [event["number"] for event in events]
    assert ["asked", "visit", "order", "stage", "stage"] == [event["what"] for event in events]
    assert {"number", "at", "actor", "what", "order_id", "before", "after", "visit", "detail"} == set(events[0])
    assert ("queued", "uncertain", ORDER) == (events[2]["before"], events[2]["after"], events[2]["order_id"])
    assert len(events) == len(ledger.ledger.events(uncertain.id))


def test_events_for_people(within: Within, uncertain: Cancellation) -> None:
    """
    A line per change.
    """
    ran = within("events", uncertain.id)

    assert 0 == ran.code
    assert "asked" in ran.out
    assert "uncertain" in ran.out


def test_report_writes_the_page_and_says_where(within: Within, uncertain: Cancellation, playground: Playground) -> None:
    """
    The page is written anew; its place is on stdout alone, or in the result object.
    """
    path = playground.home / "reports" / f"{uncertain.id}.html"

    plain = within("report", uncertain.id)
    document = within("report", uncertain.id, "--json")

    assert (0, f"{path}\n", "") == (plain.code, plain.out, plain.err)
    assert (0, str(path)) == (document.code, document.json["report"])
    assert ORDER in Path(path).read_text(encoding="utf-8")


def test_words_in_brackets_are_shown_as_they_are(within: Within, ledger: Bench) -> None:
    """
    What a portal or a shop writes is never taken for a colour, nor does it break the table.
    """
    odd = WITH_SHOP.model_copy(update={"shop_order": "[A]1001"})
    one = ledger.claim(ORDER, choices=odd)
    ledger.ledger.move_order(one.orders[0], OrderStage.APPROVED, None, text="[/bold] [red]sold[/nothing]")

    shown, listed, changed = within("show", one.id), within("list"), within("events", one.id)

    assert [0, 0, 0] == [shown.code, listed.code, changed.code]
    assert "“[/bold] [red]sold[/nothing]”" in shown.out
    assert "[A]1001" in shown.out
    assert "[A]1001" in listed.out
    assert "[red]sold" in changed.out


@pytest.mark.parametrize("command", ["cancel", "show", "list", "events", "report", "sign-in", "doctor", "demo"])
def test_every_command_explains_itself(within: Within, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    ``--help`` and ``-h`` of every command print its usage and exit with 0.
    """
    for option in ("--help", "-h"):
        ran = within(command, option)
        assert 0 == ran.code
        assert f"Usage: countermand {command}" in " ".join(ran.out.split())


def test_without_a_command_the_help_is_shown(within: Within) -> None:
    """
    ``countermand`` alone says what there is, and that something is missing.
    """
    from agent.cli.app import run

    assert 2 == run([])
    assert "bad input" not in within("list").err
