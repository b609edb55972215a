"""``visits list``, ``visits prune`` and ``trace``: what visits have left."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from zipfile import ZipFile

import pytest

from agent.browser.evidence import Journal, Request, VisitJournal
from agent.engine.retention import PAGE
from agent.model import OrderStage
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.conftest import CommandLine
from tests.engine.bench import ORDER, Bench


@pytest.fixture
def ledger(playground: Playground) -> Iterator[Bench]:
    """The ledger that the command line reads, for us to write to."""
    bench = Bench.at(playground.home)
    yield bench
    bench.close()


def visit(home: Path, name: str, *, days: float, fails: bool = False, ends: bool = True) -> Journal:
    """Evidence of a visit that ended *days* ago, with 1000 bytes of pictures."""
    at = datetime.now(UTC) - timedelta(days=days)
    asked = Request(orders=[ORDER])
    entry = VisitJournal(
        visit=name, kind="look", request=asked, portal="aliexpress", account="main", browser="chromium", started_at=at
    )
    journal = Journal(home / "visits" / name, entry)
    journal.finish(journal.begin("find the order"), failed="it is not there" if fails else None)
    if ends:
        journal.end(ok=not fails, kind="retryable" if fails else "waiting", message="as it was")
    (journal.folder / "01.jpg").write_bytes(b"x" * 1000)
    os.utime(journal.folder / "visit.json", (at.timestamp(), at.timestamp()))
    return journal


def traced(home: Path, name: str, *parts: str) -> None:
    """A visit with a trace of as many parts, each with one action."""
    journal = visit(home, name, days=1)
    for number, selector in enumerate(parts, 1):
        event = {
            "callId": "call@1",
            "startTime": 5.0,
            "class": "Frame",
            "method": "click",
            "params": {"selector": selector},
        }
        with ZipFile(journal.folder / f"trace-{number}.zip", "w") as archive:
            archive.writestr("trace.trace", json.dumps({"type": "before", **event}))
        journal.traced(f"trace-{number}.zip")


def test_list_gives_all_newest_first(within: Within, playground: Playground) -> None:
    """
    What each was for, how it ended, and what it takes; one that was cut off has no end.
    """
    visit(playground.home, "v-old", days=3)
    visit(playground.home, "v-failed", days=2, fails=True)
    visit(playground.home, "v-killed", days=1, ends=False)

    ran = within("visits", "list", "--json")

    assert (0, ["results", "page", "pages", "total", "bytes"]) == (ran.code, list(ran.json))
    assert [("v-killed", None, None), ("v-failed", False, "retryable"), ("v-old", True, "waiting")] == [
        (one["id"], one["ok"], one["ended"]) for one in ran.json["results"]
    ]
    oldest = ran.json["results"][-1]
    assert ("look", "aliexpress", "main", [ORDER]) == tuple(
        oldest[key] for key in ("kind", "portal", "account", "orders")
    )
    assert 1000 < oldest["bytes"] < 3000
    assert ran.json["bytes"] == sum(one["bytes"] for one in ran.json["results"])


def test_list_for_people(within: Within, playground: Playground) -> None:
    """
    A line for each; a journal that cannot be read is no reason to hide the visit.
    """
    assert "No visits yet." in within("visits", "list").out
    visit(playground.home, "v-1", days=1)
    (playground.home / "visits" / "v-broken").mkdir()

    ran = within("visits", "list")

    assert 0 == ran.code
    for words in ("v-1", ORDER, "waiting", "v-broken", "no journal that can be read", "page 1 of 1 (2 visits"):
        assert words in ran.out


def test_list_is_paged(within: Within, playground: Playground) -> None:
    """
    Like the list of cancellations.
    """
    for n in range(PAGE + 1):
        (playground.home / "visits" / f"v-{n}").mkdir(parents=True)

    second, third = within("visits", "list", "--page", "2", "--json"), within("visits", "list", "--page", "3", "--json")

    assert (1, 2, 2, PAGE + 1) == (
        len(second.json["results"]),
        second.json["page"],
        second.json["pages"],
        second.json["total"],
    )
    assert (0, []) == (third.code, third.json["results"])
    assert 2 == within("visits", "list", "--page", "0").code


def test_prune_removes_what_is_no_longer_kept(within: Within, playground: Playground, ledger: Bench) -> None:
    """
    By the settings' age; a dry run only says so, and an open cancellation keeps everything.
    """
    done, waiting = ledger.claim(), ledger.claim("8190101000004599")  # type: ignore[arg-type]
    old = ledger.ledger.begin_visit(done.id, "look", done.orders[0])
    kept = ledger.ledger.begin_visit(waiting.id, "look", waiting.orders[0])
    ledger.ledger.move_order(done.orders[0], OrderStage.APPROVED, None)
    for name in (old, kept):
        visit(playground.home, name, days=100)
    visit(playground.home, "dry-run-1", days=1)

    dry = within("visits", "prune", "--dry-run", "--json")
    assert (0, True, [old]) == (dry.code, dry.json["dry_run"], dry.json["removed"])
    assert (playground.home / "visits" / old).is_dir()
    assert old in within("visits", "prune", "--dry-run").out

    ran = within("visits", "prune", "--json")
    assert (0, False, [old], 2) == (ran.code, ran.json["dry_run"], ran.json["removed"], ran.json["left"])
    assert ran.json["bytes"] > 1000
    assert {kept, "dry-run-1"} == {path.name for path in (playground.home / "visits").iterdir()}
    assert "0 visits removed (0 B); 2 left" in within("visits", "prune").out
    assert "no longer kept" in Path(within("report", done.id).out.strip()).read_text(encoding="utf-8")


def test_prune_by_the_settings(within: Within, playground: Playground) -> None:
    """
    Age and size are settings; what they cannot be is said.
    """
    visit(playground.home, "v-1", days=2)
    text = playground.config.read_text(encoding="utf-8")

    playground.config.write_text(f'{text}\n[evidence]\nkeep = "none"\nkeep_size = "none"\n', encoding="utf-8")
    assert [] == within("visits", "prune", "--json").json["removed"]

    playground.config.write_text(f'{text}\n[evidence]\nkeep = "1d"\n', encoding="utf-8")
    assert ["v-1"] == within("visits", "prune", "--json").json["removed"]

    playground.config.write_text(f'{text}\n[evidence]\nkeep_size = "a lot"\n', encoding="utf-8")
    wrong = within("visits", "prune")
    assert 2 == wrong.code
    assert "“a lot” is no size" in " ".join(wrong.err.split())


def test_trace_lists_what_was_done(within: Within, playground: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without a screen, or for a machine: the last part, or the one that is named.
    """
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    traced(playground.home, "v-1", "before", "after")

    last, first = within("trace", "v-1", "--json"), within("trace", "v-1", "--part", "1", "--json")
    people = within("trace", "v-1")

    assert (0, "v-1", 2) == (last.code, last.json["visit"], last.json["parts"])
    assert [("Frame.click", "after")] == [(one["what"], one["selector"]) for one in last.json["actions"]]
    assert ["before"] == [one["selector"] for one in first.json["actions"]]
    assert last.json["file"].endswith("/v-1/trace-2.zip")
    assert 0 == people.code
    assert "Frame.click" in people.out


@pytest.mark.parametrize(
    ("setting", "fails", "why"),
    [
        ("on-failure", False, "none of its steps failed"),
        ("on-failure", True, "made with other settings"),
        ("never", True, 'trace is "never"'),
        ("always", False, "made with other settings"),
    ],
)
def test_a_visit_without_a_trace(within: Within, playground: Playground, setting: str, fails: bool, why: str) -> None:
    """
    Exit 2, and which setting to change.
    """
    visit(playground.home, "v-1", days=1, fails=fails)
    text = playground.config.read_text(encoding="utf-8")
    playground.config.write_text(f'{text}\n[evidence]\ntrace = "{setting}"\n', encoding="utf-8")

    ran = within("trace", "v-1", "--json")

    assert (2, "bad_input") == (ran.code, ran.json["error"]["kind"])
    assert why in ran.json["error"]["message"]
    assert 'trace = "always" in [evidence]' in ran.json["error"]["next"]


@pytest.mark.parametrize("name", ["c-unknown-1", "../visits/v-1", "..", "."])
def test_a_trace_of_no_visit(within: Within, playground: Playground, name: str) -> None:
    """
    Nor of anything outside the folder of visits.
    """
    visit(playground.home, "v-1", days=1)

    ran = within("trace", name)

    assert 2 == ran.code
    assert f"there is no evidence of a visit {name}" in " ".join(ran.err.split())


def test_a_broken_trace_and_a_part_that_is_not_there(within: Within, playground: Playground) -> None:
    """
    A sentence, not a traceback.
    """
    traced(playground.home, "v-1", "one")
    assert "Choose --part 1 to 1." in within("trace", "v-1", "--part", "2").err

    (playground.home / "visits" / "v-1" / "trace-1.zip").write_bytes(b"PK")
    broken = within("trace", "v-1", "--json")
    assert 2 == broken.code
    assert "cannot be read as a trace" in broken.json["error"]["message"]


@pytest.mark.slow
def test_the_viewer_leaves_no_process(playground: Playground, countermand: CommandLine) -> None:
    """
    Playwright's viewer shows it to this machine only, until Ctrl-C; then its server is gone, too.
    """
    traced(playground.home, "v-1", "one")
    process = countermand.start("trace", "v-1", env={"DISPLAY": ":99", "BROWSER": "true"})
    assert process.stdout is not None
    address = next((line for line in process.stdout if "Listening on" in line), "").rpartition(" ")[2].strip()
    port = urlsplit(address).port
    assert port is not None, process.communicate()[1]
    with socket.create_connection(("127.0.0.1", port), 10):
        pass

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert 0 == process.returncode
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 10)
