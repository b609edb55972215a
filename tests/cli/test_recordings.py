"""``countermand record`` and ``replay``: a visit becomes a case, and a case is walked again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agent.engine.clock import SystemClock
from agent.engine.database import open_database
from agent.engine.ledger import Ledger
from agent.engine.records import Wanted
from agent.model import Choices, OrderId, Reason, ReasonChoice
from fixtures.aliexpress.seed import MAIN, ORDERS
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.conftest import CommandLine, needs_browser

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "recordings"


@pytest.fixture
def visit(playground: Playground) -> Path:
    """A visit that left a recording."""
    folder = playground.home / "visits" / "v1"
    shutil.copytree(RECORDINGS / "radio", folder / "recording")
    return folder


@needs_browser
@pytest.mark.slow
def test_from_a_visit_to_a_case_and_back(playground: Playground, countermand: CommandLine, tmp_path: Path) -> None:
    """
    Cancelled, recorded, walked again while the portal is gone: exit 0. With another edition: exit 30, the step and target named.
    """
    asked = ("--account", "main", "--reason", "no_longer_needed")
    ran = countermand("cancel", ORDERS["placed"], *asked, "--json")
    made = countermand("record", ran.json["visits"][0], "--name", "a-visit", "--json")
    playground.portal.stop()

    again = countermand("replay", "recordings", "--json")

    case = tmp_path / made.json["case"]
    assert (0, 0, True) == (made.code, again.code, again.json["ok"])
    assert [str(Path("recordings") / "a-visit")] == [one["path"] for one in again.json["results"]]
    written = "".join(file.read_text() for file in case.iterdir())
    assert [] == [personal for personal in (ORDERS["placed"], MAIN, "Marta", "Rosa") if personal in written]

    edition = tmp_path / "2030-01-01.yaml"
    newest = Path(__file__).parents[2] / "selectors" / "aliexpress" / "2026-11-20.yaml"
    edition.write_text(
        newest.read_text()
        .replace('edition: "2026-11-20"', 'edition: "2030-01-01"')
        .replace("name: {en: [Confirm", "name: {en: [Cancel, Confirm", 1)
        .replace("name: {en: Search,", "name: {en: Nothing like it,", 1)
    )
    other = countermand("replay", str(case), "--edition", str(edition), "--json")
    shown = countermand("replay", str(case), "--edition", str(edition))
    (one,) = other.json["results"]
    assert (30, 30, "2030-01-01") == (other.code, shown.code, one["edition"])
    assert ("find the order", "orders.search_go") == (one["divergence"]["step"], one["divergence"]["target"])
    assert "step “find the order”, orders.search_go: expected click orders.search_go on <button> Search" in shown.out


def test_what_was_replaced_is_shown(within: Within, visit: Path) -> None:
    """
    People see how much, and where the case lies.
    """
    ran = within("record", "v1", "--name", "courier-has-it", "--to", "cases")

    assert 0 == ran.code
    assert "words replaced or dropped" in ran.out
    assert str(Path("cases") / "courier-has-it") in ran.out
    copied = {file.name for file in (Path("cases") / "courier-has-it").iterdir()}
    assert {file.name for file in (visit / "recording").iterdir()} == copied


@pytest.mark.parametrize(
    "planted, more",
    [
        ("mock-password-", ()),
        (MAIN, ()),
        ("Marta Quintela", ("--canary", "marta quintela")),
    ],
)
def test_no_case_of_what_must_not_be_in_it(
    within: Within, playground: Playground, visit: Path, planted: str, more: tuple[str, ...]
) -> None:
    """
    A password, a user name, whatever was named: refused, nothing is written, and it is not repeated.
    """
    secret = (playground.folder / "password").read_text().strip() if planted.startswith("mock") else planted
    file = visit / "recording" / "04.html"
    file.write_text(file.read_text().replace("</body>", f"<p>{secret}</p></body>"))

    ran = within("record", "v1", "--name", "x", *more, "--json")

    assert (2, False) == (ran.code, Path("recordings").exists())
    assert "04.html holds something that must not be in it" in ran.json["error"]["message"]
    assert secret not in ran.out + ran.err


def test_no_case_with_a_real_order(within: Within, playground: Playground, visit: Path) -> None:
    """
    The number of an order in the ledger.
    """
    database = open_database(playground.home, None)
    wanted = [Wanted("aliexpress", "main", OrderId(ORDERS["rows"]))]
    Ledger(database, SystemClock(), "test").claim(wanted, Choices(reason=ReasonChoice(key=Reason.NO_LONGER_NEEDED)), {})
    database.close()
    file = visit / "recording" / "recording.json"
    file.write_text(file.read_text().replace('"element": "', f'"element": "{ORDERS["rows"]} ', 1))

    ran = within("record", "v1", "--name", "x", "--json")

    assert (2, False) == (ran.code, Path("recordings").exists())
    assert "recording.json holds the number of a real order" in ran.json["error"]["message"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("record", "v1", "--name", "Not a Name"), "“Not a Name” is no name for a case"),
        (("record", "v2", "--name", "x"), "there is no visit v2"),
        (("record", "../v1", "--name", "x"), "there is no visit ../v1"),
        (("record", "empty", "--name", "x"), "visit empty left no recording"),
        (("replay", "nowhere"), "there is no folder nowhere"),
        (("replay", "void"), "there is no recording in void"),
        (("replay", "broken"), "is no recording that this version reads (the file: Invalid JSON"),
        (("replay", "newer"), "is no recording that this version reads (format: Input should be less than or equal to 1)"),
        (("replay", "lacking"), "lacks the page 04.html"),
        (("replay", "elsewhere"), "lacks the page ../secret.html"),
        (("replay", "half"), "is not whole: a page could not be read"),
        (("replay", "good", "--edition", "1999-01-01"), "there is no edition 1999-01-01"),
        (("replay", "good", "--edition", "no.yaml"), "there is no edition file no.yaml"),
    ],
)  # fmt: skip
def test_bad_input_is_a_sentence(
    within: Within, playground: Playground, visit: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    """
    Exit 2, what is wrong, and what to do.
    """
    (playground.home / "visits" / "empty").mkdir()
    (tmp_path / "void").mkdir()
    for name in ("good", "broken", "newer", "lacking", "elsewhere", "half"):
        if arguments[1] == name:
            shutil.copytree(RECORDINGS / "radio", tmp_path / name)
    file = tmp_path / arguments[1] / "recording.json"
    if arguments[1] == "broken":
        file.write_text("{")
    if arguments[1] in ("newer", "half"):
        changes: dict[str, object] = {"format": 2}
        if arguments[1] == "half":
            changes = {"incomplete": "a page could not be read"}
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    if arguments[1] == "lacking":
        (tmp_path / "lacking" / "04.html").unlink()
    if arguments[1] == "elsewhere":
        file.write_text(file.read_text().replace('"04.html"', '"../secret.html"'))

    ran = within(*arguments, "--json")

    assert (2, "bad_input") == (ran.code, ran.json["error"]["kind"])
    assert message in ran.json["error"]["message"]
    assert ran.json["error"]["next"]


def test_a_case_is_never_overwritten(within: Within, visit: Path) -> None:
    """
    The second of the same name is refused, and the first one stays.
    """
    within("record", "v1", "--name", "twice")
    kept = (Path("recordings") / "twice" / "recording.json").read_bytes()
    (visit / "recording" / "recording.json").write_text("{}")

    ran = within("record", "v1", "--name", "twice", "--json")

    assert (2, kept) == (ran.code, (Path("recordings") / "twice" / "recording.json").read_bytes())
    assert "there is a case recordings/twice already" in ran.json["error"]["message"]
