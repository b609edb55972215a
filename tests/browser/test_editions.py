"""
Editions as files: found, extended, pinned, confirmed; and what is said about one that cannot be used. No browser.
"""

from __future__ import annotations

import ast
import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from agent.browser.confirming import write_confirmations
from agent.browser.edition import Edition
from agent.browser.editions import Editions, LoadedEdition
from agent.errors import BadInput
from agent.model import Reason
from fixtures.aliexpress import texts
from flows.aliexpress.portal import PORTAL

ROOT = Path(__file__).parents[2]
HOST = "www.example.com"

Raw = dict[str, Any]


def minimal(name: str, **changes: Any) -> Raw:
    """The least that an edition can be, with *changes*."""
    least: Raw = {
        "portal": "shop",
        "edition": name,
        "format": 1,
        "locale": "en_US",
        "hosts": {"www": [HOST]},
        "pages": {"orders": {"host": "www", "marks": [{"css": ".orders"}]}},
        "targets": {
            "orders.go": {"intent": "the button", "commits": True, "try": [{"role": "button", "name": "Go"}]},
            "orders.field": {"intent": "the field", "try": [{"label": "Number"}]},
        },
        "outcomes": {"orders.state": [{"status": "orders.field"}]},
        "statuses": {"placed": {"texts": "Placed"}},
        "reasons": {"other": {"texts": "Other"}},
    }
    return least | changes


class Shelf:
    """The two folders that editions are found in."""

    def __init__(self, folder: Path) -> None:
        self.own, self.users = folder / "own", folder / "users"
        self.editions = Editions("shop", self.own, self.users)

    def put(self, raw: Raw, *, users: bool = False, name: str | None = None) -> Path:
        """Write an edition under its name."""
        folder = self.users if users else self.own
        folder.mkdir(exist_ok=True)
        path = folder / f"{name or raw['edition']}.yaml"
        with path.open("w", encoding="utf-8") as file:
            YAML().dump(raw, file)
        return path

    def refusal(self, raw: Raw, **place: Any) -> str:
        """What is said about the edition *raw*."""
        path = self.put(raw, **place)
        with pytest.raises(BadInput) as stopped:
            self.editions.load()
        assert str(path) in stopped.value.message
        return stopped.value.message

    def confirm(self, **names: list[str]) -> Path:
        """Confirm targets, statuses and questions of the edition in use, for the host."""
        known: dict[str, list[str]] = {"targets": [], "statuses": [], "questions": [], **names}
        return write_confirmations(self.users, self.editions.load(), [HOST], date(2026, 3, 4), **known)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Two empty folders."""
    return Shelf(tmp_path)


def over(name: str, base: str, **changes: Any) -> Raw:
    """An edition that says only what differs from *base*."""
    return {"portal": "shop", "edition": name, "format": 1, "extends": base, **changes}


# -- which one is used


def test_newest_is_used(shelf: Shelf) -> None:
    """
    The newest day wins, and on one day the highest number, as numbers and not as letters.
    """
    for name in ("2026-01-01", "2026-02-01.2", "2026-02-01.10", "2026-02-01"):
        shelf.put(minimal(name))

    assert "2026-02-01.10" == shelf.editions.load().edition.edition
    assert ["2026-01-01", "2026-02-01", "2026-02-01.2", "2026-02-01.10"] == [
        path.stem for path in shelf.editions.files()
    ]


def test_user_s_wins_a_tie(shelf: Shelf) -> None:
    """
    Of two editions of one name the user's is used, and it may extend ours of that name.
    """
    shelf.put(minimal("2026-01-01"))
    path = shelf.put(over("2026-01-01", "2026-01-01", locale="es_ES"), users=True)

    loaded = shelf.editions.load()

    assert path == loaded.path
    assert "es_ES" == loaded.edition.locale
    assert "orders.go" in loaded.edition.targets


def test_newer_own_beats_older_user_s(shelf: Shelf) -> None:
    """
    A new edition of ours is used although the user has written one before.
    """
    shelf.put(minimal("2026-01-01"))
    shelf.put(over("2026-01-01.1", "2026-01-01", locale="es_ES"), users=True)
    newer = shelf.put(minimal("2026-02-01"))

    assert newer == shelf.editions.load().path


def test_only_differences_are_written(shelf: Shelf) -> None:
    """
    An edition that extends another changes what it names, replaces lists, and leaves the rest.
    """
    shelf.put(minimal("2026-01-01"))
    shelf.put(over("2026-02-01", "2026-01-01", targets={"orders.field": {"try": [{"css": "#number"}]}}))

    edition = shelf.editions.load().edition

    assert ["css=#number"] == [candidate.describe() for candidate in edition.targets["orders.field"].try_]
    assert "the field" == edition.targets["orders.field"].intent
    assert edition.targets["orders.go"].commits


def test_same_content_same_digest(shelf: Shelf) -> None:
    """
    The digest tells whether two runs looked for the same things.
    """
    shelf.put(minimal("2026-01-01"))
    first, again = shelf.editions.load(), shelf.editions.load()
    shelf.put(minimal("2026-01-01", locale="en_GB"))
    changed = shelf.editions.load()

    assert first.digest == again.digest
    assert first.digest != changed.digest


# -- pins and confirmations


def is_confirmed(loaded: LoadedEdition, target: str = "orders.go") -> bool:
    """Whether *target* may be committed on the host."""
    return loaded.edition.targets[target].is_confirmed(HOST)


def test_confirmations_are_written_and_used(shelf: Shelf) -> None:
    """
    A confirmation is a user's edition of its own: bound to a host, of a day, for what it names only.
    """
    shelf.put(minimal("2026-01-01"))

    path = shelf.confirm(targets=["orders.go"], statuses=["placed"])
    loaded = shelf.editions.load()

    assert shelf.users / "2026-01-01.1.yaml" == path == loaded.path
    assert is_confirmed(loaded)
    assert not is_confirmed(loaded, "orders.field")
    assert not loaded.edition.targets["orders.go"].is_confirmed("m.example.com")
    assert loaded.edition.statuses["placed"].is_confirmed(HOST)


def test_confirmations_add_up(shelf: Shelf) -> None:
    """
    A second confirmation keeps the first.
    """
    shelf.put(minimal("2026-01-01"))
    shelf.confirm(targets=["orders.go"])
    second = shelf.confirm(targets=["orders.field"])

    loaded = shelf.editions.load()

    assert "2026-01-01.2" == second.stem == loaded.edition.edition
    assert is_confirmed(loaded)
    assert is_confirmed(loaded, "orders.field")


def test_pin_keeps_its_confirmations(shelf: Shelf) -> None:
    """
    A pin names the base: newer editions are left aside, confirmations made for it apply, other changes do not.
    """
    shelf.put(minimal("2026-01-01"))
    shelf.confirm(targets=["orders.go"])
    shelf.put(over("2026-01-01.2", "2026-01-01.1", targets={"orders.field": {"try": [{"css": "#mine"}]}}), users=True)
    shelf.put(minimal("2026-03-01"))

    pinned = shelf.editions.load("2026-01-01")

    assert "2026-01-01" == pinned.edition.edition
    assert is_confirmed(pinned)
    assert ["label=Number"] == [candidate.describe() for candidate in pinned.edition.targets["orders.field"].try_]
    assert not is_confirmed(shelf.editions.load())


def test_pin_that_is_not_there(shelf: Shelf) -> None:
    """
    A pin without its edition is refused, and what there is is listed.
    """
    shelf.put(minimal("2026-01-01"))

    with pytest.raises(BadInput, match=r"no edition 2025-12-31 of shop \(there: 2026-01-01\)") as stopped:
        shelf.editions.load("2025-12-31")

    assert "[portals.shop]" in stopped.value.next


@pytest.mark.parametrize(
    "change, stays",
    [
        ({"try": [{"css": "#other"}]}, False),
        ({"layouts": {"orders": [{"css": "#other"}]}}, False),
        ({"intent": "the same button"}, True),
    ],
    ids=["candidates", "layouts", "words about it"],
)
def test_confirmations_do_not_vouch_for_new_candidates(shelf: Shelf, change: Raw, stays: bool) -> None:
    """
    Whoever changes how a target is found has to confirm it anew.
    """
    shelf.put(minimal("2026-01-01"))
    shelf.confirm(targets=["orders.go"])
    shelf.put(over("2026-02-01", "2026-01-01.1", targets={"orders.go": change}), users=True)

    assert stays == is_confirmed(shelf.editions.load())


def test_confirmations_do_not_vouch_for_new_words(shelf: Shelf) -> None:
    """
    Nor do they for other words of a status.
    """
    shelf.put(minimal("2026-01-01"))
    shelf.confirm(statuses=["placed"])
    shelf.put(over("2026-02-01", "2026-01-01.1", statuses={"placed": {"texts": "Sent"}}), users=True)

    assert not shelf.editions.load().edition.statuses["placed"].is_confirmed(HOST)


# -- what cannot be used


def test_no_edition(shelf: Shelf) -> None:
    """
    A portal without any edition says where one was looked for.
    """
    with pytest.raises(BadInput, match="no edition for shop"):
        shelf.editions.load()


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"targtes": {}}, "targtes"),
        ({"targets": {"a.b": {"intent": "it is", "trry": [{"css": "a"}]}}}, "targets.a.b.trry"),
        ({"targets": {"a.b": {"intent": "it is"}}}, "targets.a.b: give candidates"),
        ({"targets": {"a.b": {"intent": "it is", "try": [{"css": "a", "text": "b"}]}}}, "exactly one of role"),
        ({"targets": {"a.b": {"intent": "it is", "try": [{}]}}}, "exactly one of role"),
        ({"targets": {"a.b": {"intent": "it is", "try": [{"role": "buton"}]}}}, "targets.a.b.try.0.role"),
        ({"targets": {"a.b": {"intent": "it is", "try": [{"css": "a", "name": "b"}]}}}, "name goes with role"),
        ({"targets": {"a.b": {"intent": "it is", "try": [{"text": ""}]}}}, "words may not be empty"),
        ({"targets": {"a.b": {"intent": "it is", "within": "c.d", "try": [{"css": "a"}]}}}, "there is no target c.d"),
        ({"targets": {"a.b": {"intent": "it is", "leads_to": ["c"], "try": [{"css": "a"}]}}}, "there is no page c"),
        ({"pages": {"orders": {"host": "ww", "marks": [{"css": "a"}]}}}, "there is no host ww"),
        ({"pages": {"orders": {"host": "www"}}}, "pages.orders: give marks"),
        ({"outcomes": {"orders.state": [{"see": "c.d", "is": "x"}]}}, "there is no target c.d"),
        ({"outcomes": {"orders.state": [{"page": "x", "is": "x"}]}}, "there is no page x"),
        ({"outcomes": {"orders.state": [{"see": "orders.go"}]}}, "see and page need is"),
        ({"outcomes": {"orders.state": [{"status": "orders.go", "only": ["lost"]}]}}, "there is no status lost"),
        ({"format": 2}, "reads up to 1"),
        ({"extends": "2025-01-01"}, "there is no edition 2025-01-01"),
        ({"portal": "other"}, "portal: must be shop"),
    ],
)
def test_edition_with_a_mistake(shelf: Shelf, changes: Raw, said: str) -> None:
    """
    Each mistake is named with its file and its key.
    """
    assert said in shelf.refusal(minimal("2026-01-01", **changes))


def test_commits_target_without_candidates_for_a_layout(shelf: Shelf) -> None:
    """
    What commits must be found in every look of its page, or the edition is refused.
    """
    pages = {
        "orders": {"host": "www"},
        "old": {"host": "www", "layout_of": "orders", "marks": [{"css": ".old"}]},
        "new": {"host": "www", "layout_of": "orders", "marks": [{"css": ".new"}]},
    }
    go = {"intent": "the button", "commits": True, "layouts": {"old": [{"css": "#go"}]}}
    field = {"intent": "the field", "try": [{"css": "#field"}]}

    message = shelf.refusal(minimal("2026-01-01", pages=pages, targets={"orders.go": go, "orders.field": field}))

    assert "targets.orders.go.layouts: it commits, and has no candidates for the layout new" in message


@pytest.mark.parametrize("name", ["newest", "2026-13-01", "2026-1-1", "2026-01-01.x", "2026-01-01-2"])
def test_badly_named_edition(shelf: Shelf, name: str) -> None:
    """
    An edition is named by its day, so that the newest can be told.
    """
    assert "edition" in shelf.refusal(minimal(name))


def test_edition_under_another_s_name(shelf: Shelf) -> None:
    """
    The file's name is the edition's.
    """
    assert "2026-01-02" in shelf.refusal(minimal("2026-01-01"), name="2026-01-02")


@pytest.mark.parametrize("circle", [["2026-01-01"], ["2026-01-01", "2026-01-02"]], ids=["itself", "each other"])
def test_editions_in_a_circle(shelf: Shelf, circle: list[str]) -> None:
    """
    Editions that extend each other in a circle are refused, and do not hang.
    """
    for name, base in zip(circle, [*circle[1:], circle[0]], strict=True):
        shelf.put(over(name, base))

    with pytest.raises(BadInput, match="extends"):
        shelf.editions.load()


@pytest.mark.parametrize(
    "content", ["targets: [", "- a\n- b\n", "a: 1\na: 2\n", "\xff"], ids=["yaml", "list", "twice", "bytes"]
)
def test_file_that_is_no_edition(shelf: Shelf, content: str) -> None:
    """
    What is no YAML, no table or no text is named by its file.
    """
    shelf.own.mkdir()
    path = shelf.own / "2026-01-01.yaml"
    path.write_bytes(content.encode("latin-1"))

    with pytest.raises(BadInput, match=re.escape(str(path))):
        shelf.editions.load()


def test_day_may_stand_without_quotes(shelf: Shelf) -> None:
    """
    YAML takes an unquoted day for a date; people will write it so.
    """
    path = shelf.put(minimal("2026-01-01"))
    path.write_text(path.read_text(encoding="utf-8").replace("'2026-01-01'", "2026-01-01"), encoding="utf-8")

    assert "edition: 2026-01-01" in path.read_text(encoding="utf-8")
    assert "2026-01-01" == shelf.editions.load().edition.edition


# -- the editions that countermand brings

OURS = sorted((ROOT / "selectors").glob("*/*.yaml"))


@pytest.mark.parametrize("path", OURS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_our_editions_load(path: Path, tmp_path: Path) -> None:
    """
    Every edition in selectors/ can be used, as the newest and by a pin.
    """
    loaded = Editions(path.parent.name, path.parent, tmp_path).load(path.stem)

    assert path == loaded.path
    assert path.stem == loaded.edition.edition


@cache
def newest() -> Edition:
    """AliExpress's newest edition."""
    return Editions(PORTAL.name, PORTAL.editions, ROOT / "nowhere").load().edition


def names_in_flows() -> dict[str, set[str]]:
    """What the flows of AliExpress ask of the walk, by the walk's method: the first argument, where it is spelled out."""
    asked: dict[str, set[str]] = {}
    for path in (ROOT / "flows/aliexpress").glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and isinstance(call.func.value, ast.Name)
                and call.func.value.id == "walk"
            ):
                spelled = [
                    one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
                ]
                asked.setdefault(call.func.attr, set()).update(spelled)
    return asked


def strings_in_flows() -> set[str]:
    """Every string constant of the flows."""
    return {
        node.value
        for path in (ROOT / "flows/aliexpress").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_flows_and_edition_name_the_same_things() -> None:
    """
    Every page, target, table and state that a flow names is in the newest edition.
    """
    edition, asked = newest(), names_in_flows()
    dotted = {text for text in strings_in_flows() if re.fullmatch(r"[a-z_]+\.[a-z_]+", text)}

    assert {"commit", "outcome", "open", "click"} <= set(asked)
    assert set() == asked["open"] - set(edition.pages)
    assert set() == asked["outcome"] - set(edition.outcomes)
    assert set() == asked["trusts"] - set(edition.statuses)
    assert set() == dotted - set(edition.targets) - set(edition.outcomes)
    assert asked["commit"] == {name for name, target in edition.targets.items() if target.commits}
    assert all(not edition.targets[name].commits for name in asked["click"] | asked["fill"] | asked["choose"])


def test_flows_know_every_state_by_name() -> None:
    """
    Every state that the edition can read is either decided by a flow or stops it; a state without a name is a typing error.
    """
    edition = newest()
    named = {entry.is_ for entries in edition.outcomes.values() for entry in entries if entry.is_}
    states = set(edition.statuses) | named
    flow = ast.parse((ROOT / "flows/aliexpress/decision.py").read_text(encoding="utf-8"))
    answered = {
        key.value
        for table in ast.walk(flow)
        if isinstance(table, ast.Dict)
        for key in table.keys
        if isinstance(key, ast.Constant)
    }

    assert answered
    assert set() == answered - states


def test_stamped_outcomes_are_the_ones_that_prove_it() -> None:
    """
    Only being asked for a reason or for a yes proves that nothing was sent; no other outcome may say so.
    """
    unsent = {(table, entry.is_) for table, entries in newest().outcomes.items() for entry in entries if entry.unsent}

    assert {
        ("cancel.started", "reason_asked"),
        ("cancel.started", "confirm_asked"),
        ("cancel.submitted", "confirm_asked"),
    } == unsent


def test_success_is_not_read_from_a_question() -> None:
    """
    The title of the pop-up that asks for a yes is no sign of success.
    """
    done = {
        text
        for one in newest().targets["cancel.done"].try_
        if one.text
        for words in one.text.values()
        for text in words
    }
    asked = {
        words[key] for words in texts._WORDS.values() for key in ("canceling_title", "popup_title", "reason_title")
    }

    assert done
    assert set() == done & asked


def test_every_reason_has_words() -> None:
    """
    Each stable reason has AliExpress's words in English, and they are what the pretend page offers.
    """
    edition = newest()
    offered = {text for kind in ("paid", "unpaid") for text in texts.reasons(kind, "en")}
    unknown = {reason: set(edition.texts(edition.reasons[reason].texts, "en")) & offered for reason in Reason}

    assert {} == {reason: found for reason, found in unknown.items() if len(found) != 1}


def test_what_commits_is_assumed_everywhere() -> None:
    """
    Nobody has seen the live cancel page: our own edition confirms nothing that commits.
    """
    edition = newest()

    assert {} == {
        name: target.confirmed for name, target in edition.targets.items() if target.commits and target.confirmed
    }
    assert all(target.confirmed or target.assumed for target in edition.targets.values())
