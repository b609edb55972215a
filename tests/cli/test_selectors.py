"""``countermand selectors …`` and editions of a user's own, by the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.portal import portal_named
from fixtures.aliexpress.model import Redesign
from fixtures.aliexpress.seed import ORDERS
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.conftest import MORE, CommandLine, needs_browser

PLACED = ORDERS["placed"]
REASON = ("--reason", "no_longer_needed")
OURS = max(portal_named("aliexpress").editions.glob("*.yaml"))
LATER = "2099-01-01"
"""Newer than every edition of ours."""


# -- lint


def test_ours_are_right(within: Within) -> None:
    """
    Our editions, and what the playground has confirmed of them, pass.
    """
    ran = within("--json", "selectors", "lint")

    assert 0 == ran.code
    assert (True, []) == (ran.json["ok"], ran.json["complaints"])
    assert 2 <= ran.json["checked"]


@dataclass(frozen=True)
class Broken:
    """One mistake in a copy of our edition."""

    old: str
    new: str
    """What stands instead; the line with ``¶`` in it is the one to be named."""
    key: str
    says: str


BROKEN = {
    "a section with a typo": Broken("\npages:", "\n¶paegs:", "paegs", "did you mean pages?"),
    "a target's key with a typo": Broken(
        "    intent: the order's number\n    try:",
        "    intent: the order's number\n    ¶trye:",
        "targets.details.number.trye",
        "did you mean try?",
    ),
    "a candidate's key with a typo": Broken(
        "      - {css: .order-item}",
        "      - ¶{csss: .order-item}",
        "targets.orders.row.try.0.csss",
        "did you mean css?",
    ),
    "a wrong type": Broken(
        "    row: orders.row\n    leads_to: [details]",
        "    row: ¶[orders.row]\n    leads_to: [details]",
        "targets.orders.details_link.row",
        "valid string",
    ),
    "yes instead of true": Broken(
        "    commits: true\n    try: [{role: button, name: {en: Submit}}]",
        "    commits: ¶perhaps\n    try: [{role: button, name: {en: Submit}}]",
        "targets.cancel.submit.commits",
        "valid boolean",
    ),
    "a row that is no target": Broken(
        "    row: orders.row\n    leads_to: [details]",
        "    row: ¶orders.rwo\n    leads_to: [details]",
        "targets.orders.details_link.row",
        "there is no target orders.rwo; did you mean orders.row?",
    ),
    "an outcome of an unknown target": Broken(
        "    - {see: orders.row, is: listed}\n    - {see: orders.empty, is: empty}\n    - {see: orders.more",
        "    - ¶{see: orders.raw, is: listed}\n    - {see: orders.empty, is: empty}\n    - {see: orders.more",
        "outcomes.orders.list.0.see",
        "there is no target orders.raw; did you mean orders.row?",
    ),
    "an outcome of an unknown page": Broken(
        "    - {page: cancel, is: reason_asked, unsent: true}",
        "    - ¶{page: cancl, is: reason_asked, unsent: true}",
        "outcomes.cancel.started.3.page",
        "there is no page cancl; did you mean cancel?",
    ),
    "an outcome of an unknown status": Broken(
        "only: [seller_refused, cancel_requested]}",
        "¶only: [seller_refuses, cancel_requested]}",
        "outcomes.details.state.1.only",
        "there is no status seller_refuses; did you mean seller_refused?",
    ),
    "a page on an unknown host": Broken(
        "  orders:\n    host: www", "  orders:\n    host: ¶wwww", "pages.orders.host", "did you mean www?"
    ),
    "a layout of an unknown page": Broken(
        "    layout_of: cancel\n    marks:\n      - {role: radio}",
        "    layout_of: ¶cancle\n    marks:\n      - {role: radio}",
        "pages.cancel_radio.layout_of",
        "did you mean cancel?",
    ),
    "an edition that extends itself": Broken(
        "format: 1", f'¶extends: "{LATER}"\nformat: 1', "extends", "there is no edition"
    ),
    "an unknown base": Broken(
        "format: 1", '¶extends: "2026-11-02"\nformat: 1', "extends", f"did you mean {OURS.stem}?"
    ),
    "a key twice": Broken("\nlocale: en_US", "\nlocale: en_US\n¶locale: en_GB", "", "duplicate key"),
    "no YAML": Broken("\nlocale: en_US", "\nlocale: [en_US\n", "", "no valid YAML"),
    "a bad day": Broken(
        "    confirmed: {www.aliexpress.com: 2026-06-18}\n  orders.status",
        "    confirmed: ¶{www.aliexpress.com: 2026-06-31}\n  orders.status",
        "targets.orders.row.confirmed.www.aliexpress.com",
        "day",
    ),
    "a newer format": Broken("format: 1", "format: ¶2", "format", "this countermand reads up to 1"),
    "a target without candidates": Broken(
        "      - {css: .order-item}", "      []", "targets.orders.row", "give candidates: try, or layouts"
    ),
    "a layout without candidates": Broken(
        "      cancel_dropdown: [{role: option}]",
        "      cancel_dropdown: []",
        "targets.cancel.reason",
        "the layout cancel_dropdown has no candidates",
    ),
    "no words": Broken(
        "{role: button, name: {en: Submit}}",
        "¶{role: button, name: {en: []}}",
        "targets.cancel.submit.try.0.name",
        "words may not be empty",
    ),
    "invalid CSS": Broken(
        "      - {css: .order-item}", "      - ¶{css: '.order-item['}", "targets.orders.row.try.0.css", "no valid CSS"
    ),
    "invalid CSS of what is masked": Broken(
        '  - ".contact-info"', '  - ¶".contact info >"', "private.0", "no valid CSS"
    ),
    "two ways in one candidate": Broken(
        "      - {css: .order-item}",
        "      - ¶{css: .order-item, text: Order}",
        "targets.orders.row.try.0",
        "give exactly one of role, label, placeholder, test_id, text, css",
    ),
    "an unknown role": Broken(
        "    try: [{role: button, name: {en: Submit}}]",
        "    try: [¶{role: buton, name: {en: Submit}}]",
        "targets.cancel.submit.try.0.role",
        "did you mean button?",
    ),
    "a commits target that a layout lacks": Broken(
        "    commits: true\n    try: [{role: button, name: {en: Submit}}]",
        "    commits: true\n    ¶layouts: {cancel_radio: [{role: button}], cancel_rows: [{role: button}]}",
        "targets.cancel.submit.layouts",
        "it commits, and has no candidates for the layout cancel_dropdown",
    ),
    "another portal": Broken("portal: aliexpress", "portal: ¶alibaba", "portal", "alibaba"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_edition(broken: Broken, within: Within, playground: Playground) -> None:
    """
    Exit 2, and one line names the file, the line, the key, what was expected, and the nearest name that there is.
    """
    own = OURS.read_text(encoding="utf-8").replace(f'edition: "{OURS.stem}"', f'edition: "{LATER}"')
    assert 1 == own.count(broken.old), broken.old
    text = own.replace(broken.old, broken.new)
    expected_line = text[: text.index("¶")].count("\n") + 1 if "¶" in text else None
    path = playground.home / "selectors" / "aliexpress" / f"{LATER}.yaml"
    path.write_text(text.replace("¶", ""), encoding="utf-8")

    ran = within("selectors", "lint", str(path))

    assert (2, "") == (ran.code, ran.out)
    places = re.findall(rf"^{re.escape(str(path))}:(\d+): (?:{re.escape(broken.key)}: )?(.*)$", ran.err, re.MULTILINE)
    assert 1 == len(places), ran.err
    assert broken.key in ran.err
    assert broken.says in ran.err
    if expected_line is not None:
        assert str(expected_line) == places[0][0]


def test_every_mistake_at_once(within: Within, tmp_path: Path) -> None:
    """
    Three mistakes are three lines, in the file's order; a file anywhere is checked as if it were the user's.
    """
    path = tmp_path / "2099-02-01.yaml"
    path.write_text(
        f"""portal: aliexpress
edition: "2099-02-01"
format: 1
extends: "{OURS.stem}"
targets:
  cancel.submit:
    intnet: the button
    try: [{{role: button, nmae: Send}}]
  cancel.confirm:
    within: cancel.dialogue
"""
    )

    ran = within("--json", "selectors", "lint", str(path))

    assert 2 == ran.code
    assert [
        f"{path}:7: targets.cancel.submit.intnet: no such key; did you mean intent?",
        f"{path}:8: targets.cancel.submit.try.0.nmae: no such key; did you mean name?",
        f"{path}:10: targets.cancel.confirm.within: there is no target cancel.dialogue; did you mean cancel.dialog?",
    ] == ran.json["complaints"]


def test_editions_in_a_circle(within: Within, playground: Playground) -> None:
    """
    Two files that extend each other are both named.
    """
    users = playground.home / "selectors" / "aliexpress"
    for name, base in (("2099-01-01", "2099-01-02"), ("2099-01-02", "2099-01-01")):
        text = f'portal: aliexpress\nedition: "{name}"\nformat: 1\nextends: "{base}"\n'
        (users / f"{name}.yaml").write_text(text, encoding="utf-8")

    ran = within("selectors", "lint")

    assert 2 == ran.code
    for name in ("2099-01-01", "2099-01-02"):
        assert re.search(rf"{name}\.yaml:4: extends: editions extend each other in a circle", ran.err)


def test_no_such_file(within: Within) -> None:
    """
    A file that is not there is bad input.
    """
    ran = within("selectors", "lint", "nothing.yaml")

    assert 2 == ran.code
    assert "nothing.yaml" in ran.err


# -- show, list, diff


def test_differences_are_told_by_target(within: Within, playground: Playground) -> None:
    """
    What a newer edition says otherwise, in one line per difference.
    """
    write_edition(
        playground,
        """targets:
  cancel.submit: {try: [{role: button, name: Send request}]}
  orders.row: {try: [{css: .order-card}]}
  orders.details_link: {leads_to: [details, cancel]}
statuses:
  expired: {texts: {en: [Expired, Lapsed], pt: [expirado]}}
""",
    )

    ran = within("--json", "selectors", "diff", OURS.stem, LATER)

    assert 0 == ran.code
    assert [
        "orders.row: css '.order-item' → '.order-card'",
        "orders.details_link: leads_to 'details' → 'details', 'cancel'",
        "cancel.submit: name 'Submit' → 'Send request'",
    ] == [line for line in ran.json["differences"] if not re.match("statuses|.*(confirmed|assumed)", line)]
    assert "statuses expired: texts 'Expired' → 'Expired', 'Lapsed'" in ran.json["differences"]


def test_no_differences(within: Within) -> None:
    """
    An edition does not differ from itself.
    """
    ran = within("selectors", "diff", OURS.stem, OURS.stem)

    assert (0, "no differences\n") == (ran.code, ran.out)


def test_editions_are_listed(within: Within, playground: Playground) -> None:
    """
    Every file, whose it is, and which one is used.
    """
    mine = write_edition(playground, "")

    rows = within("--json", "selectors", "list").json["editions"]

    assert {str(OURS), str(mine)} <= {row["file"] for row in rows}
    assert [str(mine)] == [row["file"] for row in rows if row["used"]]
    assert ["yours"] == [row["whose"] for row in rows if row["file"] == str(mine)]


# -- a portal that was redesigned, and an edition that cures it

CURES: dict[Redesign, tuple[str, str, str, str]] = {
    "submit_renamed": (
        "cancel.submit",
        "the button that sends the cancellation request",
        "cancel_radio",
        """targets:
  cancel.submit:
    try: [{role: button, name: Send request}]
    confirmed: {m.aliexpress.localhost: 2026-11-21}
""",
    ),
    "list_classes": (
        "orders.row",
        "one order in the list",
        "orders",
        """targets:
  orders.row: {try: [{css: .order-card}]}
""",
    ),
    "form_in_dialog": (
        "cancel.submit",
        "the button that sends the cancellation request",
        "cancel_radio",
        """targets:
  cancel.sheet: {intent: the dialog with the form, try: [{css: '[class*="cancelSheet--"]'}]}
  cancel.submit:
    within: cancel.sheet
    confirmed: {m.aliexpress.localhost: 2026-11-21}
""",
    ),
    "cancel_translated": (
        "details.cancel",
        "the button that starts the cancellation",
        "details",
        """targets:
  details.cancel:
    try: [{role: button, name: Cancelar pedido}]
    confirmed: {www.aliexpress.localhost: 2026-11-21}
""",
    ),
}


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize(
    "redesign", [pytest.param(one, marks=() if one in ("submit_renamed", "cancel_radio") else MORE) for one in CURES]
)
def test_a_changed_portal_is_cured_by_an_edition_alone(
    redesign: Redesign, playground: Playground, countermand: CommandLine
) -> None:
    """
    Without an edition that knows the change: exit 30, which names target, intent, edition and page, and nothing was submitted. With
    a file in the user's folder the same command passes.
    """
    target, intent, page, cure = CURES[redesign]
    used = countermand("--json", "selectors", "show").json["edition"]
    playground.portal.world.set(redesign=[redesign])
    hurry(playground)

    failed = countermand("cancel", PLACED, *REASON, "--json")

    assert (30, "portal_changed") == (failed.code, failed.json["error"]["kind"])
    for said in (target, intent, used, page):
        assert said in failed.json["error"]["message"]
    assert [] == playground.portal.submitted

    write_edition(playground, cure, base=used)
    cured = countermand("cancel", PLACED, *REASON, "--json")

    assert (0, "awaiting_decision") == (cured.code, cured.json["stage"])
    assert [PLACED] == [order for order, _ in playground.portal.submitted]


@pytest.mark.slow
@needs_browser
def test_two_submit_buttons(playground: Playground, countermand: CommandLine) -> None:
    """
    Two visible buttons that could be Submit: neither is clicked, though the order's cancellation was begun.
    """
    playground.portal.world.set(delay_ms=0, redesign=["form_in_dialog"])
    hurry(playground)

    ran = countermand("cancel", PLACED, *REASON)

    assert 30 == ran.code
    assert "not exactly one thing that could be the button that sends the cancellation request, but 2" in ran.err
    assert [] == playground.portal.submitted


@needs_browser
@pytest.mark.slow
def test_drift_is_told(playground: Playground, countermand: CommandLine) -> None:
    """
    A first candidate that finds nothing any more: the walk goes on with the next, and result, journal and report say so.
    """
    playground.portal.world.set(delay_ms=0, redesign=["details_unmarked"])

    ran = countermand("cancel", PLACED, *REASON, "--json")

    assert (0, ["orders.details_link"]) == (ran.code, ran.json["drift"])
    report = Path(ran.json["report"]).read_text(encoding="utf-8")
    assert "Drift: orders.details_link was found by" in report
    assert "text=Details" in report
    assert "orders.details_link" in countermand("show", ran.json["id"]).out


# -- check


@needs_browser
@pytest.mark.slow
def test_every_target_is_accounted_for(playground: Playground, countermand: CommandLine) -> None:
    """
    On pages that are as the edition says, nothing is missing, and every target says what became of it. Nothing is clicked that commits.
    """
    ran = countermand("selectors", "check", "main", "--order", PLACED, "--json")

    assert (0, True, []) == (ran.code, ran.json["ok"], ran.json["missing"])
    known = countermand("--json", "selectors", "show").json["targets"]
    checked = {one["target"]: one for one in ran.json["targets"]}
    assert set(known) == set(checked)
    assert "found" == checked["details.cancel"]["state"]
    assert "role=button" in checked["details.cancel"]["candidate"]
    assert ("not reached", True) == (checked["cancel.submit"]["state"], bool(checked["cancel.submit"]["because"]))
    assert all(one["candidate"] or one["because"] for one in checked.values())
    assert [] == playground.portal.submitted
    assert 0 == playground.portal.world.counted("json operation")


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize(
    ("gone", "redesign", "offers"),
    [
        ("details.cancel", [], False),
        pytest.param("details.cancel", ["cancel_translated"], True, marks=pytest.mark.slow),
        pytest.param("orders.row", ["list_classes"], True, marks=MORE),
    ],
    ids=["removed", "translated", "another class"],
)
def test_what_is_missing_is_named_alone(
    gone: str, redesign: list[Redesign], offers: bool, playground: Playground, countermand: CommandLine
) -> None:
    """
    One target that is gone from its page: exit 30, and only that one is named, as a table and for machines.
    """
    playground.portal.world.set(delay_ms=0, redesign=redesign)
    playground.portal.world.change_order(PLACED, cancel_button=offers)
    hurry(playground)

    ran = countermand("selectors", "check", "main", "--order", PLACED, "--json")
    shown = countermand("selectors", "check", "main", "--order", PLACED)

    assert (30, False, [gone]) == (ran.code, ran.json["ok"], ran.json["missing"])
    assert [gone] == [one["target"] for one in ran.json["targets"] if one["state"] == "missing"]
    assert 30 == shown.code
    assert f"Missing: {gone}." in shown.err


def write_edition(playground: Playground, changes: str, base: str = OURS.stem) -> Path:
    """An edition of the user's, newer than all others."""
    path = playground.home / "selectors" / "aliexpress" / f"{LATER}.yaml"
    head = f'portal: aliexpress\nedition: "{LATER}"\nformat: 1\nextends: "{base}"\n'
    path.write_text(head + changes, encoding="utf-8")
    return path


def hurry(playground: Playground) -> None:
    """Wait a moment only for what will not come."""
    playground.portal.world.set(delay_ms=0)
    settings = playground.config.read_text(encoding="utf-8")
    hurried = settings.replace('page = "20s", action = "10s"', 'page = "8s", action = "4s"')
    assert hurried != settings
    playground.config.write_text(hurried, encoding="utf-8")
