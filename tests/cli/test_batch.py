"""``cancel --from``: a file is judged as a whole before anything is asked for, and worked through row by row."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from rich.console import Console

from agent.cli.asked import Asked
from agent.cli.batch import Batch, read_batch
from agent.cli.batch_results import HEADER, BatchResults
from agent.cli.cancel import Cancelling, Wait
from agent.cli.context import Globals
from agent.cli.person import TerminalPerson
from agent.engine.asking import Request, ask
from agent.engine.records import Wanted
from agent.engine.results import failure
from agent.engine.visits import Visits
from agent.errors import BadInput, NotCancellable, Retryable
from agent.model import Answer, ErrorKind, ErrorReport, Reason, ReasonChoice, Refund, Settle, ShopReason
from fixtures.aliexpress.seed import ORDERS
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.cli.test_bad_input import claims, refuses, untouched
from tests.conftest import CommandLine, needs_browser
from tests.engine.bench import ORDER, OTHER, THIRD, Bench, asks, fails, reads, request

POLICY = Asked(
    reason=Reason.DUPLICATE,
    refund=Refund.NOW,
    shop_reason=ShopReason.CUSTOMER,
    restock=True,
    notify=False,
    settle=Settle.ON_APPROVAL,
)
"""What the command line gives for every row."""
WITHOUT_SHOP = Asked(reason=Reason.DUPLICATE)
REASON = ["--reason", "duplicate"]


def written(folder: Path, text: str | bytes, name: str = "orders.csv") -> str:
    """A file of rows."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def batch(bench: Bench, tmp_path: Path, text: str, common: Asked = POLICY, **options: Any) -> Batch:
    """The batch that *text* makes."""
    name = "orders.jsonl" if text.startswith("{") else "orders.csv"
    return read_batch(written(tmp_path, text, name), common, bench.settings, **options)


def requests(batch: Batch) -> list[Request]:
    """Its requests; nothing in it is wrong."""
    found = [item.request for item in batch.items if isinstance(item.request, Request)]
    assert len(batch.items) == len(found)
    return found


def orders(batch: Batch) -> list[list[str]]:
    """The supplier orders of each of its requests."""
    return [[wanted.order_id for wanted in request.wanted] for request in requests(batch)]


# -- what is refused


@dataclass(frozen=True)
class Case:
    """A file that cannot be used as it stands."""

    content: str | bytes
    words: Sequence[str]
    options: Sequence[str] = (*REASON, "--refund", "now")
    name: str = "orders.csv"


CANNOT_BE_USED = {
    "empty": Case("", ["orders.csv, line 1: the file is empty"]),
    "only blanks": Case(" \n\n", ["line 1: the file is empty"]),
    "only a header": Case("order,reason\n", ["names no orders"], REASON),
    "no header": Case(f"{ORDER},duplicate\n", ["line 1: this is no header"]),
    "blank lines before a bad header": Case(f"\n\n{ORDER},duplicate\n", ["line 3: this is no header"]),
    "unknown column": Case(f"order,refnud\n{ORDER},now\n", ["line 1: “refnud” is no column, did you mean refund?"]),
    "column twice": Case(f"order,note,Note\n{ORDER},a,b\n", ["line 1: the column note is there twice"]),
    "no column order": Case("reason,note\nother,x\n", ["line 1: the column order is missing"]),
    "Latin-1": Case(
        f"order,note\n{ORDER},a\n{OTHER},".encode() + b"caf\xe9\n", ["line 3: this is not written in UTF-8"]
    ),
    "a quote that never ends": Case(f'order,note\n{ORDER},x\n{OTHER},"a\n{THIRD},b\n', ["line 3: the quotes"]),
    "too many cells": Case(f"order,note\n{ORDER},a,b\n", ["line 2: there are 3 cells, but the header names 2 columns"]),
    "too few cells": Case(f"order,note\n{ORDER}\n", ["line 2: there are 1 cells"]),
    "order missing": Case(f"order,reason\n{ORDER},other\n,other\n", ["line 3: order is missing"], ()),
    "malformed order": Case(
        f"order\n{ORDER}\n8.1901E+15\n", ["line 3: “8.1901E+15” is no AliExpress order number"], REASON
    ),
    "one of two malformed": Case(f'order,shop_order\n"{ORDER} 12AB",#1001\n', ["line 2: “12AB” is no AliExpress"]),
    "reason missing": Case(f"order\n{ORDER}\n", ["line 2: give the reason for the supplier"], ()),
    "unknown reason": Case(
        f"order,reason\n{ORDER},changed_mind\n", ["line 2: “changed_mind” is no reason; write 'no_l"]
    ),
    "two reasons": Case(
        f"order,reason,reason_text\n{ORDER},other,x\n", ["line 2: give the reason for the supplier, once"]
    ),
    "unknown account": Case(
        f"order,account\n{ORDER},secnod\n",
        ["line 2: there is no account called secnod", "Did you mean second?"],
        REASON,
    ),
    "unknown shop": Case(
        f"order,shop,shop_order\n{ORDER},mian,#1001\n", ["line 2: there is no shop called mian", "Did you mean main?"]
    ),
    "unknown refund": Case(
        f"order,shop_order,refund\n{ORDER},#1,maybe\n", ["line 2: “maybe” is no refund; write 'now'"]
    ),
    "unknown settle": Case(
        f"order,settle\n{ORDER},soon\n", ["line 2: “soon” is no settle; write 'on-approval'"], REASON
    ),
    "no yes and no no": Case(
        f"order,shop_order,restock\n{ORDER},#1,si\n", ["line 2: “si” is no answer to restock; write yes"]
    ),
    "refund missing": Case(
        f"order,shop_order\n{ORDER},#1001\n", ["line 2: the shop order's cancellation needs --refund"], REASON
    ),
    "refund without shop order": Case(
        f"order,shop_order,refund\n{ORDER},,now\n{OTHER},#1001,now\n",
        ["line 2: --refund only goes with --shop-order"],
        REASON,
    ),
    "an option without a use": Case(f"order\n{ORDER}\n", ["--refund only goes with a shop order, and no row of"]),
    "note too long": Case(
        f"order,shop_order,note\n{ORDER},#1001,{'x' * 256}\n", ["line 2: the note has 256 characters", "at most 255"]
    ),
    "one order for two shop orders": Case(
        f"order,shop_order\n{ORDER},#1001\n{ORDER},#1002\n",
        ["2 lines of", f"line 2: order {ORDER} is also in line 3, with other choices: shop_order", "line 3: order"],
    ),
    "one order of two accounts": Case(
        f"order,account\n{ORDER},main\n{ORDER},second\n", ["is also in line 3, with other choices: account"], REASON
    ),
    "one order with two reasons": Case(
        f"order,reason\n{ORDER},other\n{OTHER},other\n{ORDER},duplicate\n",
        ["2 lines of", "line 2: order", "is also in line 4, with other choices: reason", "is also in line 2"],
        (),
    ),
    "one shop order with two refunds": Case(
        f"order,shop_order,refund\n{ORDER},#1001,now\n{OTHER},1001,later\n",
        ["line 2: shop order 1001 of main is also in line 3, with other choices: refund", "line 3: shop order"],
    ),
    "another ending": Case("order\n", ["is neither .csv nor .jsonl"], REASON, "orders.xlsx"),
    "no JSON": Case(f'{{"order": "{ORDER}"}}\n{{"order": \n', ["line 2: this is no JSON"], REASON, "orders.jsonl"),
    "no object": Case(f'\n["{ORDER}"]\n', ["orders.jsonl, line 2: this is no JSON object"], REASON, "orders.jsonl"),
    "nested too deep": Case("[" * 100_000, ["line 1: this is no JSON"], REASON, "orders.jsonl"),
    "unknown key": Case(
        f'{{"order": "{ORDER}", "acount": "x"}}', ["line 1: “acount” is no column, did you"], REASON, "a.jsonl"
    ),
    "key twice": Case(
        f'{{"order": "{ORDER}", "order": "{OTHER}"}}', ["line 1: order is given twice"], REASON, "a.jsonl"
    ),
    "no key order": Case('{"note": "x"}', ["line 1: order is missing"], REASON, "a.jsonl"),
    "a number that is none": Case('{"order": 8.19e15}', ["is no order; write it as text"], REASON, "a.jsonl"),
    "true is no number": Case('{"order": true}', ["“True” is no order"], REASON, "a.jsonl"),
    "text as a number": Case(f'{{"order": "{ORDER}", "account": 5}}', ["“5” is no account"], REASON, "a.jsonl"),
    "half a character": Case(f'{{"order": "{ORDER}", "reason_text": "\\ud800"}}', ["half a character"], (), "a.jsonl"),
}


@pytest.mark.parametrize("case", CANNOT_BE_USED.values(), ids=CANNOT_BE_USED.keys())
def test_a_file_that_cannot_be_used_is_refused_whole(
    playground: Playground, within: Within, tmp_path: Path, case: Case
) -> None:
    """
    What is wrong is said with file and line, exit 2; nothing is asked for, and there is no result file.
    """
    file = written(tmp_path, case.content, case.name)

    ran = within("cancel", "--json", "--from", file, *case.options)

    refuses(ran, 2, "bad_input", Path(file).name, *case.words)
    untouched(playground)
    assert 0 == claims(within)
    assert not Path(f"{file}.results.csv").exists()


def test_all_bad_lines_are_named_at_once(within: Within, tmp_path: Path) -> None:
    """
    Somebody who corrects a file wants to do it once. Lines are counted as an editor does, also behind a note of two lines.
    """
    rows = [
        "order,reason,note,shop_order",
        f'{ORDER},other,"two\nlines",#1001',
        "",
        "12AB,other,,",
        f"{OTHER},,,",
        ",,,",
    ]

    ran = within("cancel", "--json", "--from", written(tmp_path, "\r\n".join(rows)), "--refund", "now")

    refuses(ran, 2, "bad_input", "2 lines of", "line 5: “12AB”", "line 6: give the reason")
    assert "line 2" not in ran.json["error"]["message"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([ORDER, "--from", "orders.csv"], "give order numbers or --from FILE, not both"),
        (["--from", "nowhere.csv"], "nowhere.csv cannot be read: No such file"),
        ([ORDER, "--skip-bad"], "--skip-bad only goes with --from"),
        ([], "Missing argument ORDER…, or --from FILE"),
        (["--from", "folder.csv"], "folder.csv cannot be read: Is a directory"),
    ],
)
def test_orders_come_from_one_place(
    playground: Playground, within: Within, tmp_path: Path, arguments: list[str], words: str
) -> None:
    """
    Order numbers or a file that is there: anything else is a sentence.
    """
    (tmp_path / "folder.csv").mkdir()

    refuses(within("cancel", "--json", *arguments, *REASON), 2, "bad_input", words)
    untouched(playground)


def test_a_result_file_that_cannot_be_written_stops_it_at_once(
    playground: Playground, within: Within, tmp_path: Path
) -> None:
    """
    Without a place for the results nothing is begun.
    """
    file = written(tmp_path, f"order\n{ORDER}\n")
    Path(f"{file}.results.csv").mkdir()

    refuses(within("cancel", "--json", "--from", file, *REASON), 2, "bad_input", "the result file", "cannot be written")
    assert 0 == claims(within)
    assert [] == list(tmp_path.glob(".orders*"))


# -- what a file asks for


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_file_as_spreadsheets_write_it(bench: Bench, tmp_path: Path, delimiter: str, mark: str) -> None:
    """
    Comma, semicolon or tab, with a byte order mark or without, names of columns in any case.
    """
    rows = [["Order", "Shop-Order", "note"], [ORDER, "#1001", "a note"], [OTHER, "", ""], ["", "", ""]]

    found = requests(batch(bench, tmp_path, mark + "\r\n".join(delimiter.join(row) for row in rows)))

    assert [[ORDER], [OTHER]] == [[wanted.order_id for wanted in request.wanted] for request in found]
    assert ["#1001", None] == [request.shop_order for request in found]
    assert found[0].shop_choices is not None
    assert "a note" == found[0].shop_choices.note


def test_a_row_comes_before_the_command_line_and_the_policy(bench: Bench, tmp_path: Path) -> None:
    """
    What a row leaves empty is the command line's; the reason in words takes the place of the one by its key.
    """
    text = (
        "order,account,reason,reason_text,shop_order,refund,restock,notify,shop_reason,settle\n"
        f"{ORDER},second,other,,#1001,later,no,YES,fraud,never\n"
        f"{OTHER},,,In my own words,,,,,,\n"
        f"{THIRD},,,,#1003,,,,,\n"
    )

    first, second, third = requests(batch(bench, tmp_path, text))

    assert ("second", "main", "main") == tuple(one.wanted[0].account for one in (first, second, third))
    assert [
        ReasonChoice(key=Reason.OTHER),
        ReasonChoice(text="In my own words"),
        ReasonChoice(key=Reason.DUPLICATE),
    ] == [one.reason for one in (first, second, third)]
    assert (Settle.NEVER, Settle.ON_APPROVAL) == (first.settle, second.settle)
    assert second.shop_choices is None
    assert first.shop_choices is not None
    assert third.shop_choices is not None
    assert {"refund": "later", "reason": "fraud", "note": None, "restock": False, "notify": True} == (
        first.shop_choices.model_dump()
    )
    assert {"refund": "now", "reason": "customer", "note": None, "restock": True, "notify": False} == (
        third.shop_choices.model_dump()
    )


def test_several_numbers_in_a_cell_follow_the_rule_of_the_command_line(bench: Bench, tmp_path: Path) -> None:
    """
    With a shop order they are one cancellation, without one each.
    """
    text = f'order,shop_order\n"{ORDER}, {OTHER}",#1001\n{THIRD} 8190104000004512,\n'

    assert [[ORDER, OTHER], [THIRD], ["8190104000004512"]] == orders(batch(bench, tmp_path, text))


def test_rows_of_one_shop_order_are_one_cancellation(bench: Bench, tmp_path: Path) -> None:
    """
    As long as their choices are the same, and with or without ``#``: its supplier orders are withdrawn together.
    """
    text = f"order,shop_order,account\n{ORDER},#1001,main\n{THIRD},#1002,\n{OTHER},1001,second\n"

    found = batch(bench, tmp_path, text)

    assert [[ORDER, OTHER], [THIRD]] == orders(found)
    assert [(2, 4), (3,)] == [item.lines for item in found.items]
    assert ["main", "second"] == [wanted.account for wanted in requests(found)[0].wanted]


def test_the_same_row_twice_is_one_cancellation(bench: Bench, tmp_path: Path) -> None:
    """
    It says nothing new, and is no mistake that could do harm.
    """
    found = batch(bench, tmp_path, f"order\n{ORDER}\n{ORDER}\n{OTHER}\n{ORDER}\n", WITHOUT_SHOP)

    assert [((2, 3, 5), [ORDER]), ((4,), [OTHER])] == list(
        zip([item.lines for item in found.items], orders(found), strict=True)
    )


def test_json_lines(bench: Bench, tmp_path: Path) -> None:
    """
    Numbers, texts and lists of them are order numbers; null is left out; a line separator within a text divides no lines.
    """
    rows: list[dict[str, object]] = [
        {"order": int(ORDER), "reason": None, "note": None},
        {"order": [OTHER, int(THIRD)], "shop_order": "#1001", "note": "a\u2028b", "restock": False},
    ]
    text = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)

    found = batch(bench, tmp_path, text)

    assert [[ORDER], [OTHER, THIRD]] == orders(found)
    choices = requests(found)[1].shop_choices
    assert choices is not None
    assert ("a\u2028b", False) == (choices.note, choices.restock)
    assert [1, 3] == [line.number for line in found.lines]


@pytest.mark.parametrize("text", [f"order\n{ORDER}\n", f'\n {{"order": "{ORDER}"}}\n'])
def test_stdin_tells_its_form_itself(bench: Bench, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """
    What begins like an object is JSON lines, anything else CSV; the results lie in the working folder.
    """
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    found = read_batch("-", WITHOUT_SHOP, bench.settings)

    assert [[ORDER]] == orders(found)
    assert ("stdin", Path("countermand-results.csv")) == (found.name, found.results)


# -- bad lines left out


def test_bad_lines_can_be_left_out(bench: Bench, tmp_path: Path) -> None:
    """
    Each becomes an error at its place; the others are asked for.
    """
    found = batch(bench, tmp_path, f"order,shop_order\n{ORDER},\n12AB,\n{OTHER},#1001\n", skip_bad=True)

    first, second, third = (item.request for item in found.items)
    assert isinstance(first, Request)
    assert isinstance(second, BadInput)
    assert isinstance(third, Request)
    assert "line 3: “12AB” is no AliExpress order number" in second.message


@pytest.mark.parametrize(
    "bad",
    [
        "12AB,#1001,",
        f"{OTHER},1001,maybe",
        f"{OTHER},#1001,now,too,many",
        f"{OTHER},#1001,later",
    ],
)
def test_a_shop_order_is_not_settled_without_its_bad_line(bench: Bench, tmp_path: Path, bad: str) -> None:
    """
    Left out alone, the bad line's supplier order would still be on its way while the customer is paid back: all lines
    of the shop order wait for the correction. Another shop order whose name is only alike does not.
    """
    text = f"order,shop_order,refund\n{ORDER},#1001,now\n{THIRD},#100,now\n{bad}\n"

    found = batch(bench, tmp_path, text, skip_bad=True)

    assert [[THIRD]] == [
        [wanted.order_id for wanted in item.request.wanted] for item in found.items if isinstance(item.request, Request)
    ]
    assert [(2,), (4,)] == [item.lines for item in found.items if isinstance(item.request, BadInput)]


def test_a_shop_option_may_have_no_use_among_the_good_lines(bench: Bench, tmp_path: Path) -> None:
    """
    Where the only line with a shop order is bad, the option was meant for that one.
    """
    found = batch(bench, tmp_path, f"order,shop_order\n{ORDER},\n12AB,#1001\n", skip_bad=True)

    assert [True, False] == [isinstance(item.request, Request) for item in found.items]


def test_a_shop_order_for_all_rows_waits_for_every_bad_line(bench: Bench, tmp_path: Path) -> None:
    """
    The command line's shop order is that of the bad line too.
    """
    common = POLICY.model_copy(update={"shop_order": "#1001"})

    found = batch(bench, tmp_path, f"order\n{ORDER}\n12AB\n", common, skip_bad=True)

    assert [True, True] == [isinstance(item.request, BadInput) for item in found.items]


# -- working through it


class Terminal(Globals):
    """Somebody looks on."""

    def __init__(self, *, json: bool = False, is_terminal: bool = True) -> None:
        super().__init__(json=json)
        self.seen = io.StringIO()
        self.__dict__["people"] = Console(file=self.seen, force_terminal=is_terminal, width=100)


async def work(
    bench: Bench,
    tmp_path: Path,
    text: str,
    *,
    state: Globals | None = None,
    common: Asked = POLICY,
    wait: Wait = Wait.SUBMITTED,
    skip_bad: bool = False,
) -> tuple[int, list[dict[str, str]]]:
    """Work through a file as the command does: its exit code and its result file."""
    state = state or Globals(json=True)
    found = batch(bench, tmp_path, text, common, skip_bad=skip_bad)
    watch = BatchResults(state, found)
    cancelling = Cancelling(state, bench.workshop, wait, None, watch)
    cancelling._engine = bench.engine()
    await cancelling.all([item.request for item in found.items])
    return state.exit_code, results(found.results)


def results(path: Path) -> list[dict[str, str]]:
    """The rows of a result file, as a spreadsheet reads them."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert list(HEADER) == reader.fieldnames
    return rows


ROWS = f"order,shop_order\n{ORDER},#1001\n{OTHER},\n{THIRD},\n"


async def test_every_row_is_worked_through(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    One refused and one to be tried later do not stop the third; the exit code is the worst, each line has its result.
    """
    bench.portal.acts = [fails(Retryable("no answer")), fails(NotCancellable("it was shipped", next="Ask the seller."))]

    code, rows = await work(bench, tmp_path, ROWS)

    printed = json.loads(capsys.readouterr().out)["results"]
    assert 40 == code
    assert [ORDER, OTHER, THIRD] == bench.portal.asked
    assert [[ORDER], [OTHER], [THIRD]] == [[order["order_id"] for order in one["orders"]] for one in printed]
    assert [("2", ORDER, "open", "10", "retryable"), ("3", OTHER, "refused", "40", "not_cancellable")] == [
        (row["line"], row["order"], row["stage"], row["exit_code"], row["error_kind"]) for row in rows[:2]
    ]
    assert "it was shipped. Nothing was submitted. Ask the seller." == rows[1]["message"]
    assert ("4", THIRD, printed[2]["id"], "awaiting_decision", "0", "", "") == tuple(rows[2].values())


async def test_the_result_file_is_its_owners_alone(bench: Bench, tmp_path: Path) -> None:
    """
    It names orders and customers' shop orders. Nothing else is left behind.
    """
    await work(bench, tmp_path, ROWS)

    mode = (tmp_path / "orders.csv.results.csv").stat().st_mode
    assert 0o600 == stat.S_IMODE(mode)
    assert ["orders.csv", "orders.csv.results.csv"] == sorted(path.name for path in tmp_path.glob("*orders*"))


async def test_the_result_file_is_written_as_it_goes(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    At every visit the file says how the earlier lines ended: a kill leaves a whole one.
    """
    monkeypatch.setattr("agent.cli.batch_results._PAUSE", 0.0)
    seen: list[list[tuple[str, str]]] = []

    async def looks_at_the_file(stamper: Any, order: Any) -> Any:
        seen.append([(row["stage"], row["exit_code"]) for row in results(tmp_path / "orders.csv.results.csv")])
        raise NotCancellable("it was shipped")

    bench.portal.acts = [looks_at_the_file] * 3

    await work(bench, tmp_path, ROWS)

    asked, over = ("open", "0"), ("refused", "40")
    assert [[asked, asked, asked], [over, asked, asked], [over, over, asked]] == seen


def test_a_long_file_is_not_written_anew_for_every_order(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Asking for a thousand orders takes seconds: the file is written about once in each, and at the end.
    """
    found = batch(bench, tmp_path, ROWS)
    times = iter([0.0, 0.4, 0.8, 1.2, 1.2, 1.3])
    watch = BatchResults(Globals(json=True), found, monotonic=lambda: next(times))
    wrote: list[int] = []
    whole = BatchResults._write

    def counted(self: BatchResults) -> None:
        wrote.append(len(self._over))
        whole(self)

    monkeypatch.setattr(BatchResults, "_write", counted)
    later = failure(ErrorReport(kind=ErrorKind.RETRYABLE, message="later.", next=""))

    watch.begins()
    for number in range(3):
        watch.stands(number, later, 10, is_over=True)
    watch.ends()

    assert [0, 3] == wrote


async def test_the_same_command_goes_on(bench: Bench, tmp_path: Path) -> None:
    """
    Given again, the file's orders are the same cancellations, and nothing is submitted twice.
    """
    bench.portal.acts = [fails(Retryable("no answer"))]
    _, first = await work(bench, tmp_path, ROWS)

    code, second = await work(bench, tmp_path, ROWS)

    assert 0 == code
    assert [row["id"] for row in first] == [row["id"] for row in second]
    assert ["open", "awaiting_decision", "awaiting_decision"] == [row["stage"] for row in first]
    assert ["awaiting_decision"] * 3 == [row["stage"] for row in second]
    assert [ORDER, OTHER, THIRD, ORDER] == bench.portal.asked


async def test_a_killed_run_is_taken_up(bench: Bench, tmp_path: Path) -> None:
    """
    After Ctrl-C in the second visit the file says what is known, and the same command does what is left.
    """

    async def ctrl_c(stamper: Any, order: Any) -> Any:
        raise asyncio.CancelledError

    bench.portal.acts = [request, ctrl_c]
    with pytest.raises(asyncio.CancelledError):
        await work(bench, tmp_path, ROWS)
    left = results(tmp_path / "orders.csv.results.csv")

    code, rows = await work(bench, tmp_path, ROWS)

    assert ["awaiting_decision", "open", "open"] == [row["stage"] for row in left]
    assert (0, ["awaiting_decision"] * 3) == (code, [row["stage"] for row in rows])
    assert [ORDER, OTHER, OTHER, THIRD] == bench.portal.asked


@pytest.mark.slow
async def test_interrupted_it_says_how_every_row_stands(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Ctrl-C after a click: exit 50, and the file names the line whose outcome is not known.
    """

    async def ctrl_c(stamper: Any, order: Any) -> Any:
        await stamper.arm("details.cancel", order)
        raise asyncio.CancelledError

    bench.portal.acts = [ctrl_c]
    state = Globals(json=True)
    found = batch(bench, tmp_path, ROWS)
    cancelling = Cancelling(state, bench.workshop, Wait.SUBMITTED, None, BatchResults(state, found))
    cancelling._engine = bench.engine()
    with pytest.raises(asyncio.CancelledError):
        await cancelling.all([item.request for item in found.items])

    assert 50 == cancelling.interrupted()
    assert ["50", "0", "0"] == [row["exit_code"] for row in results(found.results)]
    assert 3 == len(json.loads(capsys.readouterr().out)["results"])


async def test_a_bug_in_one_row_is_that_rows_alone(bench: Bench, tmp_path: Path) -> None:
    """
    The others go on; the exit code says that there was one, and the command ends.
    """
    bench.portal.acts = [fails(ZeroDivisionError("oops"))]

    code, rows = await work(bench, tmp_path, ROWS)

    assert 1 == code
    assert [("1", "bug"), ("0", ""), ("0", "")] == [(row["exit_code"], row["error_kind"]) for row in rows]
    assert "this is a bug in countermand: ZeroDivisionError: oops" in rows[0]["message"]
    assert [ORDER, OTHER, THIRD] == bench.portal.asked


@pytest.mark.slow
async def test_a_bug_after_a_click_is_uncertain(bench: Bench, tmp_path: Path) -> None:
    """
    That it may have been submitted comes before whose fault it is.
    """
    bench.portal.acts = [fails(ZeroDivisionError("oops"), after="arm")]

    code, rows = await work(bench, tmp_path, ROWS)

    assert (50, "uncertain") == (code, rows[0]["error_kind"])


async def test_one_row_is_several_results_too(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    However many rows a file has, what reads the results finds them in one place; an error is a result too.
    """
    first, _ = await work(bench, tmp_path, f"order,shop_order\n{ORDER},#1001\n")
    one = json.loads(capsys.readouterr().out)
    bench.shop.is_down = True
    second, rows = await work(bench, tmp_path, f"order,shop_order\n{OTHER},#1002\n")

    assert (0, ["results"], 1) == (first, list(one), len(one["results"]))
    assert (10, "10", "", "retryable") == (second, rows[0]["exit_code"], rows[0]["id"], rows[0]["error_kind"])
    assert ["results"] == list(json.loads(capsys.readouterr().out))


async def test_a_row_of_several_orders_has_one_line(bench: Bench, tmp_path: Path) -> None:
    """
    Without a shop order each is a cancellation of its own; the line names them all, and the worst of them.
    """
    bench.portal.acts = [fails(NotCancellable("it was shipped"))]

    code, (row,) = await work(bench, tmp_path, f"order\n{ORDER} {OTHER}\n", common=WITHOUT_SHOP)

    assert (40, "40", f"{ORDER} {OTHER}") == (code, row["exit_code"], row["order"])
    assert (2, "refused awaiting_decision") == (len(row["id"].split()), row["stage"])


async def test_rows_of_one_shop_order_share_their_result(bench: Bench, tmp_path: Path) -> None:
    """
    Each line names the one cancellation, and the shop order is cancelled once.
    """
    bench.portal.looks = [reads(Answer.WITHDRAWN), reads(Answer.WITHDRAWN)]

    code, rows = await work(bench, tmp_path, f"order,shop_order\n{ORDER},#1001\n{OTHER},1001\n", wait=Wait.DONE)

    assert (0, 2, 1) == (code, len(rows), len({row["id"] for row in rows}))
    assert (["done", "done"], 1) == ([row["stage"] for row in rows], len(bench.shop.cancelled))


async def test_lines_that_are_left_out_stand_in_the_result_file(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    With their error, among the results too; the exit code says that not all was done.
    """
    code, rows = await work(bench, tmp_path, f"order,shop_order\n12AB,\n{ORDER},\n{OTHER},#1\n", skip_bad=True)

    assert [("12AB", "2", "bad_input"), (ORDER, "0", ""), (OTHER, "0", "")] == [
        (row["order"], row["exit_code"], row["error_kind"]) for row in rows
    ]
    assert (2, [ORDER, OTHER]) == (code, bench.portal.asked)
    out, err = capsys.readouterr()
    assert "bad_input" == json.loads(out)["results"][0]["error"]["kind"]
    assert "line 2: “12AB” is no AliExpress order number" in err


async def test_an_order_with_other_choices_elsewhere_does_not_stop_the_rest(bench: Bench, tmp_path: Path) -> None:
    """
    What the ledger refuses is that row's error.
    """
    await ask(bench.workshop, asks(OTHER, reason=ReasonChoice(key=Reason.OTHER)))

    code, rows = await work(bench, tmp_path, ROWS)

    assert (2, ["0", "2", "0"]) == (code, [row["exit_code"] for row in rows])
    assert "was asked for with other choices: reason other, not duplicate" in rows[1]["message"]


async def test_a_disk_that_fills_up_does_not_stop_the_orders(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Results that cannot be written any more are said; what was asked for goes on.
    """
    whole, times = os.replace, iter([True])

    def once(source: Any, target: Any) -> None:
        if not str(target).endswith(".results.csv") or next(times, False):
            return whole(source, target)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("agent.cli.batch_results.os.replace", once)
    state = Terminal()

    code, _ = await work(bench, tmp_path, ROWS, state=state)

    assert (0, [ORDER, OTHER, THIRD]) == (code, bench.portal.asked)
    assert "cannot be written: No space left on device" in " ".join(state.seen.getvalue().split())


# -- the command itself


@pytest.mark.parametrize("is_stdin", [False, True])
def test_the_command_asks_for_every_row(
    playground: Playground, within: Within, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_stdin: bool
) -> None:
    """
    One result for each, and where to read what became of them. Given again, the same.
    """
    text = f"order,account\n{ORDER},\n{OTHER},second\n"
    file = "-" if is_stdin else written(tmp_path, text)
    where = tmp_path / "countermand-results.csv" if is_stdin else Path(f"{file}.results.csv")
    ids: list[list[str]] = []
    for _ in range(2):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        ran = within("cancel", "--from", file, "--account", "main", *REASON, "--wait", "none", "--json")

        assert 0 == ran.code, ran.err
        assert f"What became of each line: {where.name if is_stdin else where}" in ran.err
        ids.append([one["id"] for one in ran.json["results"]])
        assert ["main", "second"] == [one["orders"][0]["account"] for one in ran.json["results"]]
        assert ids[-1] == [row["id"] for row in results(where)]

    assert (2, ids[0]) == (claims(within), ids[1])
    untouched(playground)


def test_a_dry_run_of_a_file_claims_nothing(
    playground: Playground, within: Within, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Every order is rehearsed with its own reason, one that cannot be does not stop the others, and no result file is left.
    """
    rehearsed: list[tuple[str, str]] = []

    async def dry_run(self: Visits, wanted: Wanted, reason: ReasonChoice) -> Path:
        rehearsed.append((wanted.order_id, str(reason)))
        if wanted.order_id == ORDER:
            raise NotCancellable("it was shipped", next="Ask the seller.")
        return tmp_path / "v"

    monkeypatch.setattr(Visits, "dry_run", dry_run)
    file = written(tmp_path, f"order,reason\n{ORDER},\n12AB,\n{OTHER},other\n")

    ran = within("cancel", "--from", file, *REASON, "--skip-bad", "--dry-run", "--json")

    assert (40, [(ORDER, "duplicate"), (OTHER, "other")]) == (ran.code, rehearsed)
    assert ["not_cancellable", "bad_input", None] == [one.get("error", {}).get("kind") for one in ran.json["dry_run"]]
    assert "not cancellable: it was shipped." in ran.err
    assert (0, False) == (claims(within), Path(f"{file}.results.csv").exists())
    untouched(playground)


# -- the bar


@pytest.mark.slow
@pytest.mark.parametrize(
    "json, is_terminal, is_shown", [(False, True, True), (True, True, False), (False, False, False)]
)
async def test_people_see_how_far_it_is(
    bench: Bench, tmp_path: Path, json: bool, is_terminal: bool, is_shown: bool
) -> None:
    """
    A bar at a terminal; none where a machine reads, and none in a file.
    """
    state = Terminal(json=json, is_terminal=is_terminal)

    await work(bench, tmp_path, ROWS, state=state)

    assert is_shown == ("3/3" in state.seen.getvalue())


async def test_the_bar_makes_room_for_a_question(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    While somebody types an answer nothing is drawn over it.
    """
    state = Terminal()
    bar = BatchResults(state, batch(bench, tmp_path, ROWS)).bar
    drawn: list[bool] = []

    def typed(prompt: str) -> str:
        drawn.append(bar.live.is_started)
        return "1234"

    monkeypatch.setattr("getpass.getpass", typed)
    bar.start()

    answer = await TerminalPerson(state.people, bar).ask("the code")

    drawn.append(bar.live.is_started)
    bar.stop()
    assert (SecretStr("1234"), [False, True]) == (answer, drawn)


# -- end to end


@pytest.mark.slow
@needs_browser
def test_a_file_is_withdrawn_and_settled(playground: Playground, countermand: CommandLine, tmp_path: Path) -> None:
    """
    Three rows, one with a shop order, in a real browser: each is submitted once, the shop order is cancelled, and the
    same command again sends nothing.
    """
    playground.portal.world.set(delay_ms=0)
    names = ("placed", "shipped", "placed_2")
    for name in ("placed", "placed_2"):
        playground.portal.world.change_order(ORDERS[name], answers_after=0)
    first, shipped, second = (ORDERS[name] for name in names)
    file = written(tmp_path, f"order,shop_order,refund\n{first},#1001,now\n{shipped},,\n{second},,\n")
    command = ["cancel", "--from", file, "--reason", "no_longer_needed", "--wait", "done", "--json"]

    ran, again = countermand(*command), countermand(*command)

    assert (40, 40) == (ran.code, again.code), ran.err
    assert ["done", "refused", "done"] == [one["stage"] for one in ran.json["results"]]
    assert "cancelled" == ran.json["results"][0]["shop"]["stage"]
    assert sorted([first, second]) == sorted(order for order, _ in playground.portal.submitted)
    assert 1 == len(playground.shop.received)
    rows = results(Path(f"{file}.results.csv"))
    assert [first, shipped, second] == [row["order"] for row in rows]
    assert ["0", "40", "0"] == [row["exit_code"] for row in rows]
    assert "Traceback" not in ran.err + again.err
