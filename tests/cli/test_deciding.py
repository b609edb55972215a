"""``resolve``, ``retry``, ``abandon`` on the command line, and how long ``cancel`` and ``retry`` wait for what is only watched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from agent.cli.cancel import Cancelling, Wait
from agent.cli.context import Globals
from agent.cli.person import TerminalPerson
from agent.engine.deciding import abandon, retry
from agent.engine.records import Cancellation
from agent.errors import Retryable
from agent.model import Answer, ErrorKind, OrderId, OrderStage, ReasonChoice, Stage, Submission
from agent.settings import Looks
from agent.walk import Walk
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.engine.bench import ORDER, OTHER, THIRD, WITH_SHOP, Bench, asks, fails, reads


@pytest.fixture
def ledger(playground: Playground) -> Iterator[Bench]:
    """The ledger that the command line reads, for us to write to; a minute ago, so that QUIET is over."""
    bench = Bench.at(playground.home)
    bench.clock.at = datetime.now(UTC) - timedelta(minutes=1)
    yield bench
    bench.close()


def click(bench: Bench) -> Cancellation:
    """A click without an outcome."""
    one = bench.claim(choices=WITH_SHOP)
    bench.stamper(one.orders[0], "v-1")._arm("cancel.confirm")
    return bench.again(one)


def refuse(bench: Bench) -> Cancellation:
    """The seller said no."""
    one = click(bench)
    bench.ledger.move_order(one.orders[0], OrderStage.REFUSED, None, text="Declined", outcome="seller_refused")
    return bench.again(one)


# -- resolve


@pytest.mark.parametrize("words", [[], ["--requested", "--not-requested"]])
def test_resolve_takes_one_of_two(within: Within, ledger: Bench, words: list[str]) -> None:
    """
    Neither or both: exit 2, and nothing is noted.
    """
    one = click(ledger)
    events = ledger.ledger.events(one.id)

    ran = within("resolve", one.id, ORDER, *words, "--json")

    assert (2, "bad_input") == (ran.code, ran.json["error"]["kind"])
    assert events == ledger.ledger.events(one.id)


def test_resolve_requested(within: Within, ledger: Bench) -> None:
    """
    The request is out: exit 0, and the result shows it.
    """
    one = click(ledger)

    ran = within("resolve", one.id, ORDER, "--requested", "--json")

    assert (0, "awaiting_decision", None) == (ran.code, ran.json["stage"], ran.json["error"])
    assert "awaiting_decision" == ran.json["orders"][0]["stage"]


def test_resolve_not_requested(within: Within, ledger: Bench) -> None:
    """
    The attempt is closed: a person is needed, and is told by which command it goes on; ``show`` says so too.
    """
    one = click(ledger)

    ran, shown = within("resolve", one.id, ORDER, "--not-requested", "--json"), within("show", one.id)

    assert (20, "needs_operator", "approval_needed") == (ran.code, ran.json["stage"], ran.json["error"]["kind"])
    assert f"countermand retry {one.id} --again" in ran.json["error"]["next"]
    assert f"countermand retry {one.id} --again" in shown.err


def test_resolve_within_quiet(within: Within, ledger: Bench) -> None:
    """
    Too early: exit 2, and how long it still is.
    """
    ledger.clock.at = datetime.now(UTC)
    one = click(ledger)

    ran = within("resolve", one.id, ORDER, "--not-requested")

    assert 2 == ran.code
    assert "may still land" in ran.err
    assert " s look at the order once more" in ran.err
    assert [(1, "armed", 1)] == ledger.stamps()


def test_resolve_what_is_not_uncertain(within: Within, ledger: Bench) -> None:
    """
    Exit 2, and how the order stands.
    """
    one = refuse(ledger)

    ran = within("resolve", one.id, ORDER, "--requested")

    assert 2 == ran.code
    assert f"order {ORDER} is not uncertain, it is refused" in ran.err


# -- retry


def test_retry_again_without_a_terminal(within: Within, ledger: Bench) -> None:
    """
    Nobody can say yes: exit 20, and nothing has changed.
    """
    one = refuse(ledger)

    ran = within("retry", one.id, "--again", "--json")

    assert (20, "approval_needed") == (ran.code, ran.json["error"]["kind"])
    assert one == ledger.again(one)


@pytest.mark.parametrize("yes", [True, False])
def test_retry_again_with_an_answer(within: Within, ledger: Bench, monkeypatch: pytest.MonkeyPatch, yes: bool) -> None:
    """
    A typed yes opens a further attempt; with ``--wait none`` nothing is visited yet.
    """
    one = refuse(ledger)

    async def agrees(self: TerminalPerson, question: str) -> bool:
        assert ORDER in question
        assert "Declined" in question
        return yes

    monkeypatch.setattr(TerminalPerson, "is_here", True)
    monkeypatch.setattr(TerminalPerson, "agrees", agrees)
    ran = within("retry", one.id, "--again", "--wait", "none")

    now = ledger.again(one)
    assert (0 if yes else 20, 2 if yes else 1) == (ran.code, now.orders[0].attempt)
    assert (Stage.OPEN if yes else Stage.REFUSED) == now.stage


@pytest.mark.parametrize("words", [["--again"], []])
def test_retry_again_of_something_uncertain_or_over(within: Within, ledger: Bench, words: list[str]) -> None:
    """
    With ``--again`` an open stamp is in the way; given up it is over either way. Exit 2.
    """
    one = click(ledger)
    first = within("retry", one.id, "--again")
    within("abandon", one.id)

    second = within("retry", one.id, *words)

    assert (2, 2) == (first.code, second.code)
    assert f"countermand resolve {one.id} {ORDER}" in first.err
    assert "abandoned, which is final" in second.err


def test_retry_of_what_was_refused_names_again(within: Within, ledger: Bench) -> None:
    """
    Exit 2 with the command that goes on.
    """
    one = refuse(ledger)

    ran = within("retry", one.id)

    assert 2 == ran.code
    assert f"countermand retry {one.id} --again" in ran.err


def test_retry_that_does_not_wait_makes_it_due(within: Within, ledger: Bench) -> None:
    """
    With ``--wait none`` whatever is due next is due now.
    """
    one = click(ledger)
    ledger.ledger.move_order(one.orders[0], OrderStage.AWAITING_DECISION, None, outcome="requested")
    ledger.ledger.postpone(one.id, datetime.now(UTC) + timedelta(hours=5))

    ran = within("retry", one.id, "--wait", "none")

    due = ledger.again(one).due_at
    assert 0 == ran.code
    assert due is not None
    assert due <= datetime.now(UTC)


@pytest.mark.parametrize(
    "command", [["retry", "c-nothere"], ["abandon", "c-nothere"], ["retry", "c-x", "--timeout", "x"]]
)
def test_what_is_not_there_is_a_sentence(within: Within, command: list[str]) -> None:
    """
    An unknown id, or a length of time that is none: exit 2.
    """
    assert 2 == within(*command).code


# -- abandon


def test_abandon_says_what_stays_open(within: Within, ledger: Bench) -> None:
    """
    It did what it was told, so exit 0; the result and ``show`` say that a request is still open.
    """
    one = click(ledger)
    ledger.ledger.move_order(one.orders[0], OrderStage.AWAITING_DECISION, None, outcome="requested")

    ran, shown, second = within("abandon", one.id, "--json"), within("show", one.id), within("abandon", one.id)

    assert (0, "abandoned", "no_decision") == (ran.code, ran.json["stage"], ran.json["error"]["kind"])
    assert "still open at the supplier" in ran.json["error"]["message"]
    assert f"stays open at the supplier ({ORDER})" in ran.err
    assert "still open at the supplier" in shown.err
    assert 2 == second.code


def test_abandon_with_nothing_out(within: Within, ledger: Bench) -> None:
    """
    It says that nothing is open, and there is no error.
    """
    ran = within("abandon", ledger.claim().id, "--json")

    assert (0, "abandoned", None) == (ran.code, ran.json["stage"], ran.json["error"])
    assert "no request of it is open at a supplier" in ran.err


# -- waiting for what is only watched


async def command(bench: Bench, id: str | None = None, wait: Wait = Wait.DONE) -> int:
    """``cancel`` (or ``retry ID``), with visits that follow a script."""
    state = Globals(json=True)
    cancelling = Cancelling(state, bench.workshop, wait, None)
    cancelling._engine = bench.engine()
    if id is None:
        await cancelling.all([asks()])
    else:
        await cancelling.go_on(id)
    return state.exit_code


async def test_cancel_does_not_wait_for_ever_for_a_silent_supplier(bench: Bench) -> None:
    """
    With ``--wait done`` it ends once the limit is over, with exit 20.
    """
    assert 20 == await command(bench)

    one = bench.ledger.newest()[0]
    assert one.error is not None
    assert (Stage.NEEDS_OPERATOR, ErrorKind.NO_DECISION) == (one.stage, one.error.kind)
    assert timedelta(days=5) < timedelta(seconds=sum(bench.clock.waited)) < timedelta(days=5, hours=2)


@pytest.mark.slow
async def test_cancel_does_not_wait_for_ever_for_two_slow_suppliers(bench: Bench) -> None:
    """
    Where a visit takes longer than the pause between two looks, some look is always due: ``--wait submitted`` ends all the same.
    """
    bench.settings.portals["aliexpress"].__dict__["looks"] = Looks(
        first=timedelta(seconds=1), longest=timedelta(seconds=1)
    )
    real = bench.portal.request_cancellation

    async def slowly(walk: Walk, order: OrderId, reason: ReasonChoice) -> Submission:
        bench.clock.forward(5)
        return await real(walk, order, reason)

    bench.portal.request_cancellation = slowly  # type: ignore[method-assign]
    cancelling = Cancelling(Globals(json=True), bench.workshop, Wait.SUBMITTED, None)
    cancelling._engine = bench.engine()

    await cancelling.all([asks(ORDER), asks(OTHER), asks(THIRD)])
    looked = len(bench.portal.looked)
    again = Cancelling(Globals(json=True), bench.workshop, Wait.SUBMITTED, None)
    again._engine = bench.engine()
    await again.all([asks(ORDER), asks(OTHER), asks(THIRD)])

    assert ([ORDER, OTHER, THIRD], 0) == (bench.portal.asked, looked)
    assert {ORDER, OTHER, THIRD} == set(bench.portal.looked)


@pytest.mark.slow
async def test_asked_again_it_looks_once_and_ends(bench: Bench) -> None:
    """
    The same command after the limit: one look, and exit 20 at once. An answer is taken.
    """
    await command(bench)
    waited, looked = len(bench.clock.waited), len(bench.portal.looked)

    code = await command(bench)
    after = (len(bench.clock.waited) - waited, len(bench.portal.looked) - looked)
    bench.portal.looks = [reads(Answer.WITHDRAWN)]

    assert (20, (0, 1)) == (code, after)
    assert 0 == await command(bench)
    assert Stage.DONE is bench.ledger.newest()[0].stage


async def test_cancel_does_not_wait_for_what_was_given_up(bench: Bench) -> None:
    """
    The same command for something that a person gave up shows it, and ends.
    """
    await command(bench, wait=Wait.SUBMITTED)
    abandon(bench.workshop, bench.ledger.newest()[0].id)

    assert 20 == await command(bench)
    assert ([], [ORDER]) == (bench.clock.waited, bench.portal.asked)


async def test_cancel_does_not_wait_for_one_order_while_a_person_is_needed_for_another(bench: Bench) -> None:
    """
    One is out and one is uncertain: after QUIET and a look the command ends with 50, though the first is watched on.
    """
    one = bench.claim(ORDER, OTHER)
    bench.portal.acts = [fails(Retryable("no answer"), after="arm")]
    bench.portal.looks = [reads(Answer.NOT_REQUESTED), reads(Answer.WAITING)]

    assert 50 == await command(bench, one.id)
    assert bench.again(one).due_at is not None
    assert 10 > len(bench.clock.waited)


async def test_retry_waits_for_quiet_and_looks(bench: Bench) -> None:
    """
    ``retry`` on something uncertain: QUIET, one look, exit 50, and the portal was asked once in all.
    """
    one = bench.claim()
    bench.portal.acts = [fails(Retryable("no answer"), after="arm")]
    bench.portal.looks = [reads(Answer.NOT_REQUESTED), reads(Answer.NOT_REQUESTED)]
    first = await command(bench, one.id, Wait.SUBMITTED)
    retry(bench.workshop, one.id)

    second = await command(bench, one.id, Wait.SUBMITTED)

    assert (50, 50, [120.0, 120.0]) == (first, second, bench.clock.waited)
    assert ([ORDER], 2) == (bench.portal.asked, len(bench.portal.looked))
