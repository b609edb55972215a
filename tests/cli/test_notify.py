"""``countermand notify test``, and that the commands tell people."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from fixtures.aliexpress.seed import MAIN, ORDERS
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.conftest import CommandLine, needs_browser
from tests.mailbox import Mailbox, mailbox

PLACED = ORDERS["placed"]


@pytest.fixture
def box() -> Iterator[Mailbox]:
    """Somebody's address."""
    with mailbox() as box:
        yield box


@pytest.fixture
def notified(playground: Playground, within: Within, monkeypatch: pytest.MonkeyPatch, box: Mailbox) -> Mailbox:
    """The settings name one address, by an environment variable."""
    monkeypatch.setenv("BOX", box.url)
    add(playground, '[notify]\nto = [{ env = "BOX" }]\n')
    return box


def add(playground: Playground, text: str) -> None:
    """Put *text* at the end of the settings."""
    playground.config.write_text(f"{playground.config.read_text()}\n{text}")


def test_a_test_arrives(within: Within, notified: Mailbox) -> None:
    """
    One message, and that it arrived; the address is called by where it is kept.
    """
    ran = within("notify", "test", "--json")
    shown = within("notify", "test")

    assert (0, {"ok": True, "addresses": [{"address": "env BOX", "arrived": True, "why_not": None}]}) == (
        ran.code,
        ran.json,
    )
    assert ["countermand: a test"] * 2 == notified.titles
    assert "env BOX  arrived" in shown.out
    assert "hook-secret" not in ran.out + ran.err + shown.out + shown.err


def test_a_test_that_does_not_arrive(within: Within, notified: Mailbox) -> None:
    """
    Exit 10, and why, in words; nothing of Apprise's own log, which names addresses.
    """
    notified.status = 500

    ran = within("notify", "test", "--verbose")

    assert 10 == ran.code
    assert "env BOX  the service did not take it" in ran.out
    assert "127.0.0.1" not in ran.out + ran.err


def test_addresses_that_cannot_be(
    within: Within, playground: Playground, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A secret that is not there, and one that is no address: exit 2; the address that works is told all the same.
    """
    monkeypatch.setenv("BOX", box.url)
    monkeypatch.setenv("WRONG", "no-such-service://x")
    add(playground, '[notify]\nto = [{ env = "MISSING" }, { env = "WRONG" }, { env = "BOX" }]\n')

    ran = within("notify", "test", "--json")

    assert (2, False) == (ran.code, ran.json["ok"])
    assert [("env WRONG", False), ("env BOX", True), (None, False)] == [
        (one["address"], one["arrived"]) for one in ran.json["addresses"]
    ]
    assert 1 == len(box.messages)


def test_nobody_to_tell(within: Within) -> None:
    """
    Without [notify] there is nothing to test: exit 2, and what to write.
    """
    ran = within("notify", "test", "--json")

    assert (2, "bad_input") == (ran.code, ran.json["error"]["kind"])
    assert "[notify]" in ran.err


@pytest.mark.parametrize("text", ['to = ["json://host/token"]', 'on = ["everything"]', 'too = [{ env = "BOX" }]'])
def test_settings_that_cannot_be(within: Within, playground: Playground, text: str) -> None:
    """
    An address in clear, a word that is none: exit 2, before anything is sent.
    """
    add(playground, f"[notify]\n{text}\n")

    ran = within("notify", "test", "--json")

    assert (2, "bad_input") == (ran.code, ran.json["error"]["kind"])
    assert "notify" in ran.json["error"]["message"]


@needs_browser
@pytest.mark.slow
def test_a_command_tells_what_came_of_it_once(playground: Playground, countermand: CommandLine, box: Mailbox) -> None:
    """
    A yes is needed, then it is done: a message each, sent before the command ends, by whichever command comes to it; none of them names
    anybody, and the address is nowhere in clear.
    """
    playground.portal.world.set(delay_ms=0)
    playground.portal.world.change_order(PLACED, answers_after=0)
    playground.config.write_text(f'approval = "always"\n{playground.config.read_text()}')
    add(playground, '[notify]\nto = [{ env = "BOX" }]\n')
    command = ("cancel", PLACED, "--account", "main", "--reason", "no_longer_needed", "--json")
    env = {"BOX": box.url}

    asked = countermand(*command, env=env)
    at_first = list(box.titles)
    done = countermand("approve", asked.json["id"], "--wait", "done", "--json", env=env)
    again = countermand(*command, "--wait", "done", env=env)

    assert (20, 0, 0) == (asked.code, done.code, again.code), asked.err + done.err
    assert ["countermand: a person is needed"] == at_first
    assert [*at_first, "countermand: done"] == box.titles
    order = playground.portal.world.order(PLACED)
    for private in (MAIN, "Marta", "Quintela", order.items[0].title, order.store):
        assert private not in str(box.messages)
    files = [path for path in playground.home.rglob("*") if path.is_file()]
    assert [] == [path for path in files if b"hook-secret" in path.read_bytes()]
    assert "hook-secret" not in asked.out + asked.err + done.out + done.err


@needs_browser
@pytest.mark.slow
def test_a_worker_tells_while_it_works(playground: Playground, countermand: CommandLine, box: Mailbox) -> None:
    """
    Not only when it ends; and one that is started after it tells nothing again.
    """
    playground.portal.world.set(delay_ms=0)
    playground.config.write_text(f'approval = "always"\n{playground.config.read_text()}')
    add(playground, '[notify]\nto = [{ env = "BOX" }]\n')
    env = {"BOX": box.url}
    titles: list[list[str]] = []
    for _ in range(2):
        worker = countermand.start("--json", "worker", env=env)
        try:
            assert worker.stdout is not None
            assert "ready" == json.loads(worker.stdout.readline())["event"]
            if not titles:
                countermand("cancel", PLACED, "--account", "main", "--reason", "other", "--wait", "none", env=env)
                until = time.monotonic() + 60
                while not box.messages and time.monotonic() < until:
                    time.sleep(0.05)
                titles.append(list(box.titles))
        finally:
            worker.terminate()
            worker.communicate(timeout=90)
        titles.append(list(box.titles))

    assert [["countermand: a person is needed"]] * 3 == titles
    assert [] == playground.portal.submitted


@needs_browser
@pytest.mark.slow
def test_a_service_that_hangs_keeps_no_command(playground: Playground, countermand: CommandLine, box: Mailbox) -> None:
    """
    The order is withdrawn as ever; the command ends in bounded time, says that nobody was told, and leaves no process behind.
    """
    playground.portal.world.set(delay_ms=0)
    playground.portal.world.change_order(PLACED, answers_after=0)
    add(playground, '[notify]\nto = [{ env = "BOX" }]\n')
    box.lets_go.clear()
    started = time.monotonic()
    process = countermand.start(
        "cancel", PLACED, "--account", "main", "--reason", "no_longer_needed", "--wait", "done", env={"BOX": box.url}
    )
    _, err = process.communicate(timeout=120)

    assert 0 == process.returncode, err
    assert [PLACED] == [order for order, _ in playground.portal.submitted]
    assert 1 == box.calls
    assert "a notification did not reach env BOX" in err
    assert "hook-secret" not in err
    assert time.monotonic() - started < 120
