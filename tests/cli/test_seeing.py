"""``show``, ``list``, ``events``, ``report``: exit 0 when the thing exists, whatever its stage."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from agent.engine.listing import Filters
from agent.engine.records import Cancellation
from agent.errors import Uncertain
from agent.model import OrderId, OrderStage, Stage
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.engine.bench import ORDER, OTHER, THIRD, WITH_SHOP, Bench


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


def test_show_says_what_the_shop_order_waits_for(within: Within, ledger: Bench) -> None:
    """
    Who was asked and when it is looked at again, for people; the events have it, too. Nothing of it is an error.
    """
    one = ledger.claim(ORDER, choices=WITH_SHOP)
    ledger.ledger.move_order(one.orders[0], OrderStage.APPROVED, None)
    later = ledger.clock.now() + timedelta(minutes=4)
    ledger.ledger.wait_for_shop(one.id, "Zap was asked, and has not answered", later, "v-1")

    shown, events = within("show", one.id), within("events", one.id)
    result = within("show", one.id, "--json").json

    assert "Zap was asked, and has not answered" in shown.err
    assert f"it is looked at again at {later.astimezone():%Y-%m-%d %H:%M}" in shown.err
    assert "Zap was asked" in " ".join(events.out.split())
    assert ("settling", "waiting", None) == (result["stage"], result["shop"]["stage"], result["error"])


def test_list_gives_all_newest_first(within: Within, ledger: Bench) -> None:
    """
    Every cancellation as its result object; the one that changed last comes first.
    """
    first, second = ledger.claim(ORDER), ledger.claim(OTHER)
    ledger.clock.forward(60)
    ledger.ledger.move_order(first.orders[0], OrderStage.APPROVED, None)

    ran = within("list", "--json")

    assert (0, ["results", "page", "pages", "total"]) == (ran.code, list(ran.json))
    assert (1, 1, 2) == (ran.json["page"], ran.json["pages"], ran.json["total"])
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
    assert (0, {"results": [], "page": 1, "pages": 1, "total": 0}) == ((ran := within("list", "--json")).code, ran.json)
    assert "No cancellations yet." in within("list").out


# -- finding


def listed(within: Within, *options: str) -> list[str]:
    """The ids that a list with these options has."""
    ran = within("list", "--json", *options)
    assert 0 == ran.code, ran.err
    return [one["id"] for one in ran.json["results"]]


def test_list_by_stage(within: Within, ledger: Bench, uncertain: Cancellation) -> None:
    """
    Only those at that stage; a word that is none is answered with the stages there are.
    """
    fresh = ledger.claim(OTHER)

    ran = within("list", "--json", "--stage", "stuck")

    assert [fresh.id] == listed(within, "--stage", "open")
    assert [uncertain.id] == listed(within, "--stage", "needs_operator")
    assert (2, "bad_input") == (ran.code, ran.json["error"]["kind"])
    assert all(f"'{stage}'" in ran.json["error"]["message"] for stage in Stage)


def test_list_by_account(within: Within, ledger: Bench) -> None:
    """
    Those with an order of that account, also of one that the settings no longer have; any other name is bad input.
    """
    main, second, gone = ledger.claim(ORDER), ledger.claim(OTHER, account="second"), ledger.claim(THIRD, account="gone")

    ran = within("list", "--json", "--account", "mian")

    assert [[main.id], [second.id], [gone.id]] == [
        listed(within, "--account", name) for name in ("main", "second", "gone")
    ]
    assert (2, "Did you mean main?") == (ran.code, ran.json["error"]["next"])


def test_list_by_age(within: Within, ledger: Bench) -> None:
    """
    Those that were asked for that long ago, or longer, however lately they changed.
    """
    ledger.clock.at = datetime.now(UTC) - timedelta(days=5, minutes=1)
    old = ledger.claim(ORDER)
    ledger.clock.forward(24 * 3600)
    new = ledger.claim(OTHER)
    ledger.clock.forward(24 * 3600)
    ledger.ledger.move_order(old.orders[0], OrderStage.APPROVED, None)

    assert [[old.id, new.id], [old.id], []] == [listed(within, "--older-than", time) for time in ("4d", "5d", "6d")]


@pytest.mark.parametrize("time", ["5", "soon", f"{'9' * 30}d", "1000000d"])
def test_an_age_that_is_none_is_a_sentence(within: Within, time: str) -> None:
    """
    What is no length of time, or longer than calendars go, is bad input.
    """
    ran = within("list", "--json", "--older-than", time)

    assert (2, "bad_input") == (ran.code, ran.json["error"]["kind"])
    assert "--older-than" in ran.json["error"]["message"]


def test_list_by_text(within: Within, ledger: Bench, uncertain: Cancellation) -> None:
    """
    Part of the id, an order number, the shop order, the portal's words or the error, in any case. What SQL takes for a
    joker is a letter like any other.
    """
    other = ledger.claim(OTHER)
    ledger.ledger.move_order(other.orders[0], OrderStage.APPROVED, None, text="100% Отменён")

    found = {
        text: listed(within, "--text", text) for text in (other.id[2:].upper(), OTHER[4:9], "отменён", "0%", "ОТМ")
    }

    assert {text: [other.id] for text in found} == found
    for text in ("#1001", "AWAITING SHIP", "may HAVE been", uncertain.id):
        assert [uncertain.id] == listed(within, "--text", text), text
    for text in ("%", "_", "1%0", "may_have", "\\", "'"):
        assert ([other.id] if text == "%" else []) == listed(within, "--text", text), text


def test_filters_combine(within: Within, ledger: Bench, uncertain: Cancellation) -> None:
    """
    Only what all of them fit is listed.
    """
    assert [uncertain.id] == listed(within, "--stage", "needs_operator", "--text", ORDER, "--account", "main")
    assert [] == listed(within, "--stage", "open", "--text", ORDER)
    assert [] == listed(within, "--account", "second", "--text", ORDER)
    assert "No cancellation fits." in within("list", "--stage", "done").out


def many(ledger: Bench, count: int) -> list[str]:
    """So many cancellations, the newest first."""
    ids = []
    for number in range(count):
        ids.append(ledger.claim(OrderId(str(8190_2000_0000_4512 + number))).id)
        ledger.clock.forward(1)
    return ids[::-1]


def test_list_has_pages(within: Within, ledger: Bench) -> None:
    """
    Fifty to a page, none left out and none twice; behind the last there is an empty one. People are told where they are.
    """
    ids = many(ledger, 101)

    pages = [within("list", "--json", "--page", str(number)).json for number in (1, 2, 3, 4)]

    assert [ids[:50], ids[50:100], ids[100:], []] == [[one["id"] for one in page["results"]] for page in pages]
    assert [(number, 3, 101) for number in (1, 2, 3, 4)] == [
        (page["page"], page["pages"], page["total"]) for page in pages
    ]
    assert "page 1 of 3 (101 cancellations)" in within("list").out
    assert "page 4 of 3" in within("list", "--page", "4").out
    assert "page" not in within("list", "--text", ids[0]).out
    assert [2, 2] == [within("list", "--page", number).code for number in ("0", "9" * 30)]


def test_a_page_is_read_at_once(within: Within, ledger: Bench) -> None:
    """
    However many cancellations a page has, their orders and stamps take two queries, each with its own.
    """
    first, second = ledger.claim(ORDER, OTHER), ledger.claim(THIRD)
    asyncio.run(ledger.stamper(second.orders[0]).arm("details.cancel", THIRD))
    said: list[str] = []

    @event.listens_for(ledger.database._engine, "before_cursor_execute")
    def _(connection: object, cursor: object, statement: str, *rest: object) -> None:
        said.append(statement)

    page = ledger.ledger.find(Filters(text="8190"))

    assert 4 == len([statement for statement in said if statement.startswith("SELECT")])
    assert {first.id: [ORDER, OTHER], second.id: [THIRD]} == {
        one.id: [order.order_id for order in one.orders] for one in page.cancellations
    }
    assert {ORDER: False, OTHER: False, THIRD: True} == {
        order.order_id: order.stamp is not None for one in page.cancellations for order in one.orders
    }


def test_the_table_opens_no_journal(within: Within, uncertain: Cancellation, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A list for people reads the ledger only: a visit's journal may be long.
    """
    opened: list[Path] = []
    monkeypatch.setattr("agent.engine.results.read_journal", opened.append)

    assert [0, 0] == [within("list", *options).code for options in ([], ["--csv"])]
    assert [] == opened
    within("list", "--json")
    assert 1 == len(opened)


def test_list_as_csv(within: Within, ledger: Bench, uncertain: Cancellation) -> None:
    """
    A row for each cancellation, with what a spreadsheet can sort; nothing else is on stdout.
    """
    many(ledger, 50)
    odd = WITH_SHOP.model_copy(update={"shop_order": 'A,"1"', "shop_gid": "gid://shopify/Order/2"})
    other = ledger.claim(OTHER, THIRD, choices=odd, account="second")

    ran = within("list", "--csv", "--text", "8190")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    (row,) = csv.DictReader(io.StringIO(within("list", "--csv", "--text", uncertain.id).out))

    assert (0, 50, "page 1 of 2 (52 cancellations)\n") == (ran.code, len(rows), ran.err)
    assert {
        "id": other.id,
        "stage": "open",
        "orders": f"{OTHER} {THIRD}",
        "account": "second",
        "shop_order": 'A,"1"',
        "shop_stage": "waiting",
        "created_at": "2026-11-20T12:00:50Z",
        "changed_at": "2026-11-20T12:00:50Z",
        "error_kind": "",
        "next": "",
    } == rows[0]
    assert ("uncertain", "Look at it.") == (row["error_kind"], row["next"])
    assert 2 == within("list", "--csv", "--json").code


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
