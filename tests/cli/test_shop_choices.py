"""``change`` and ``settle`` on the command line, what is asked for at a terminal, and several orders behind one shop order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.cli.person import TerminalPerson
from agent.engine.records import Cancellation
from agent.model import Choices, OrderStage
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.engine.bench import ORDER, OTHER, REASON, SHOP_CHOICES, THIRD, Bench

WITHDRAW = ["--reason", "no_longer_needed", "--shop-order", "#1001", "--wait", "none"]
POLICY = re.compile(r"^policy = .*$", re.MULTILINE)


@pytest.fixture
def ledger(playground: Playground) -> Iterator[Bench]:
    """The ledger that the command line reads, for us to write to."""
    bench = Bench.at(playground.home)
    yield bench
    bench.close()


@pytest.fixture
def mixed(playground: Playground, ledger: Bench) -> Cancellation:
    """One supplier order was withdrawn, the other will be delivered."""
    gid = playground.shop.orders["#1001"].gid
    choices = Choices(reason=REASON, shop="main", shop_order="#1001", shop_gid=gid, shop_choices=SHOP_CHOICES)
    one = ledger.claim(ORDER, OTHER, choices=choices)
    for order, stage in zip(one.orders, (OrderStage.APPROVED, OrderStage.REFUSED), strict=True):
        ledger.ledger.move_order(order, stage, None)
    return ledger.again(one)


class Scripted:
    """Somebody at the terminal who answers each question with the option that begins as they were told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: str, yes: bool = True) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)
        self._yes = yes
        monkeypatch.setattr(TerminalPerson, "is_here", True)
        monkeypatch.setattr(TerminalPerson, "choose", lambda _, *question: self._choose(*question))
        monkeypatch.setattr(TerminalPerson, "agrees", lambda _, question: self._agrees(question))

    async def _choose(self, question: str, options: Sequence[str]) -> int | None:
        self.asked.append(question)
        if not self._answers:
            return None
        answer = self._answers.pop(0)
        return next(place for place, option in enumerate(options) if option.startswith(answer))

    async def _agrees(self, question: str) -> bool:
        self.asked.append(question)
        return self._yes


def without_policy(playground: Playground) -> None:
    """The shop's policy answers nothing."""
    text = playground.config.read_text()
    assert POLICY.search(text)
    playground.config.write_text(POLICY.sub("", text))


def asked_for(ledger: Bench) -> Any:
    """The one cancellation that there is."""
    (one,) = ledger.ledger.newest()
    return one


# -- what is missing is asked for


def test_what_is_left_out_is_asked_for_at_a_terminal(
    playground: Playground, within: Within, ledger: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    One question for each answer that neither the command nor the policy gives; the answers are what is asked for.
    """
    without_policy(playground)
    person = Scripted(monkeypatch, "duplicate", "later", "fraud", "no", "yes")

    ran = within("cancel", ORDER, "--shop-order", "#1001", "--wait", "none")

    choices = asked_for(ledger).choices
    assert (0, 5) == (ran.code, len(person.asked)), ran.err
    assert "duplicate" == choices.reason.key
    assert {"refund": "later", "reason": "fraud", "note": None, "restock": False, "notify": True} == (
        choices.shop_choices.model_dump(mode="json")
    )


def test_only_what_is_missing_is_asked_for(
    playground: Playground, within: Within, ledger: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The policy answers all but the refund, and so only that is a question; without a shop order none is.
    """
    person = Scripted(monkeypatch, "now")

    assert 0 == within("cancel", ORDER, *WITHDRAW).code
    assert ["Refund the customer with the cancellation?"] == person.asked
    assert 0 == within("cancel", OTHER, "--reason", "duplicate", "--wait", "none").code
    assert 1 == len(person.asked)


@pytest.mark.parametrize("given", [["--shop-order", "#1001"], [ORDER, "--shop", "main"]], ids=["shop order", "order"])
def test_it_is_asked_for_also_where_the_other_half_is_looked_for(
    playground: Playground, within: Within, ledger: Bench, monkeypatch: pytest.MonkeyPatch, given: list[str]
) -> None:
    """
    First what the form needs, then whether what was found is meant; both answers are used.
    """
    playground.shop.orders["#1001"].tags = [ORDER]
    person = Scripted(monkeypatch, "later")

    ran = within("cancel", *given, "--reason", "duplicate", "--wait", "none")

    one = asked_for(ledger)
    assert (0, 2, "Refund the customer with the cancellation?") == (ran.code, len(person.asked), person.asked[0]), (
        ran.err
    )
    assert (ORDER, "#1001", "later") == (
        one.orders[0].order_id,
        one.choices.shop_order,
        one.choices.shop_choices.refund,
    )


def test_no_answer_is_no_request(within: Within, ledger: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Enter instead of an answer: exit 2 as it is without a terminal, and nothing is claimed.
    """
    Scripted(monkeypatch)

    ran = within("cancel", ORDER, *WITHDRAW)

    assert (2, True, []) == (ran.code, "needs --refund now|later" in ran.err, ledger.ledger.newest())


def test_a_number_that_is_none_is_said_before_any_question(within: Within, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nobody answers five questions in vain.
    """
    person = Scripted(monkeypatch, "now")

    assert (2, []) == (within("cancel", "12AB", *WITHDRAW).code, person.asked)


@pytest.mark.parametrize("where", ["no terminal", "json", "file"])
def test_where_nobody_can_be_asked_it_is_bad_input(
    within: Within, ledger: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """
    Without a terminal, for a machine, or from a file: exit 2 names what is missing, and nobody is asked.
    """
    person = Scripted(monkeypatch, "now")
    (tmp_path / "orders.csv").write_text(f"order,shop_order\n{ORDER},#1001\n")
    arguments = ["cancel", ORDER, *WITHDRAW]
    if where == "no terminal":
        monkeypatch.setattr(TerminalPerson, "is_here", False)
    elif where == "json":
        arguments.append("--json")
    else:
        arguments = ["cancel", "--from", "orders.csv", "--reason", "duplicate", "--wait", "none"]

    ran = within(*arguments)

    assert (2, [], []) == (ran.code, person.asked, ledger.ledger.newest())
    assert "needs --refund now|later" in " ".join(ran.err.split())


# -- several orders behind one shop order


def test_two_commands_are_one_cancellation(within: Within, ledger: Bench) -> None:
    """
    The second command's order joins the first one's, and its result is the same object.
    """
    first = within("cancel", ORDER, *WITHDRAW, "--refund", "now", "--json").json
    second = within("cancel", OTHER, *WITHDRAW, "--refund", "now", "--json").json

    assert (first["id"], [ORDER, OTHER]) == (second["id"], [order["order_id"] for order in second["orders"]])
    assert "joined" in within("events", first["id"]).out


def test_rows_are_one_cancellation(playground: Playground, within: Within, ledger: Bench, tmp_path: Path) -> None:
    """
    Rows of one shop order, however each writes it, and one that was asked for before: all are one cancellation.
    """
    gid = playground.shop.orders["#1001"].gid
    before = within("cancel", ORDER, *WITHDRAW, "--refund", "now", "--json").json
    (tmp_path / "orders.csv").write_text(f"order,shop_order\n{OTHER},1001\n{THIRD},{gid}\n")

    ran = within(
        "cancel", "--from", "orders.csv", "--reason", "no_longer_needed", "--refund", "now", "--wait", "none", "--json"
    )

    assert 0 == ran.code
    assert {before["id"]} == {result["id"] for result in ran.json["results"]}
    assert [ORDER, OTHER, THIRD] == [order.order_id for order in asked_for(ledger).orders]


def test_other_choices_for_the_same_shop_order_are_refused(within: Within, ledger: Bench) -> None:
    """
    Exit 2 names the difference, and the order stays free.
    """
    within("cancel", ORDER, *WITHDRAW, "--refund", "now")

    ran = within("cancel", OTHER, *WITHDRAW, "--refund", "later")

    assert (2, True) == (ran.code, "refund now, not later" in ran.err)
    assert 1 == len(asked_for(ledger).orders)


# -- settle


def test_settle_anyway_settles(playground: Playground, within: Within, ledger: Bench, mixed: Cancellation) -> None:
    """
    The shop receives one cancellation; the result is done, and says what was refunded.
    """
    ran, shown = within("settle", mixed.id, "--anyway", "--json"), within("show", mixed.id)

    assert (0, "done", "cancelled") == (ran.code, ran.json["stage"], ran.json["shop"]["stage"]), ran.err
    assert f"supplier order {OTHER} will still be delivered" in " ".join(ran.err.split())
    assert [("orderCancel", True)] == [(line.operation, line.executed) for line in playground.shop.received]
    assert f"refunded {ran.json['shop']['amount']} {ran.json['shop']['currency']}" in shown.out


def test_settle_without_the_word_says_what_it_would_do(
    playground: Playground, within: Within, mixed: Cancellation
) -> None:
    """
    Without ``--anyway``: exit 2, what would be delivered all the same, and nothing is sent.
    """
    ran = within("settle", mixed.id, "--json")

    assert (2, "bad_input") == (ran.code, ran.json["error"]["kind"])
    assert f"although supplier order {OTHER} will still be delivered" in ran.json["error"]["message"]
    assert f"countermand settle {mixed.id} --anyway" in ran.json["error"]["next"]
    assert [] == playground.shop.received


def test_at_a_terminal_no_is_no(
    playground: Playground, within: Within, mixed: Cancellation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Exit 20, and nothing was changed.
    """
    person = Scripted(monkeypatch, yes=False)

    ran = within("settle", mixed.id, "--anyway")

    assert (20, 1, []) == (ran.code, len(person.asked), playground.shop.received)
    assert "Nothing was changed" in ran.err


def test_marks_are_shown(playground: Playground, within: Within, mixed: Cancellation) -> None:
    """
    With a tag in the policy it is written once it is done, and ``show`` says so.
    """
    text = playground.config.read_text()
    playground.config.write_text(POLICY.sub(lambda found: found[0].replace(" }", ', tag = "withdrawn" }'), text))

    within("settle", mixed.id, "--anyway")
    shown = within("show", mixed.id)

    assert "withdrawn" in playground.shop.orders["#1001"].tags
    assert "marked in the shop (tag: withdrawn)" in shown.out


# -- change


def test_change_alters_and_shows(within: Within, ledger: Bench, mixed: Cancellation) -> None:
    """
    Exit 0 wherever the cancellation stands; what was altered is said, and not what the note says.
    """
    ran = within("change", mixed.id, "--refund", "later", "--note", "Jane called", "--no-restock", "--json")

    assert (0, "later") == (ran.code, ran.json["shop"]["refund"])
    assert "Changed: refund: now, now later; restock: yes, now no; note: replaced." in " ".join(ran.err.split())
    assert "Jane" not in ran.err + within("events", mixed.id).out
    assert "Jane called" == ledger.again(mixed).choices.shop_choices.note  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "nothing was given to change"),
        (["--note", "x" * 256], "256 characters"),
        (["--refund", "maybe"], "'maybe'"),
    ],
)
def test_a_change_that_is_none_is_bad_input(
    within: Within, ledger: Bench, mixed: Cancellation, arguments: list[str], words: str
) -> None:
    """
    Nothing to change, a note that is too long, an answer that is none: exit 2, and nothing is altered.
    """
    ran = within("change", mixed.id, *arguments)

    assert (2, True) == (ran.code, words in ran.err)
    assert mixed == ledger.again(mixed)


@pytest.mark.parametrize("command", [["change", "c-22222222", "--restock"], ["settle", "c-22222222", "--anyway"]])
def test_a_cancellation_that_is_not_there(within: Within, command: list[str]) -> None:
    """
    Exit 2 with a sentence.
    """
    ran = within(*command)

    assert (2, True) == (ran.code, "there is no cancellation c-22222222" in ran.err)
